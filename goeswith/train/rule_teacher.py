"""Rule teacher: a student's scores corrected by the rules that apply, weighted by attention.

Song et al.: "Neural Compatibility Modeling with Attentive Knowledge Distillation" (SIGIR 2018). For a context i (the
top) and candidates j, k with the student's scores m:

    p = [m_ij, m_ik] / (m_ij + m_ik)
    q ∝ p · exp(Σ_l λ_l f_l),  f_l = [1, 0] where j does as rule l says and k does not, [0, 1] the other way round
    λ = softmax over the active rules of C · e_l
    e_l = wᵀ σ(W_t z_i + W_b z_j + W_b z_k + W_l onehot(l) + b) + c_l

A rule is active where the candidates differ in it. Where none is, q = p. The student learns from both:
(1 − π_t) · BPR + π_t · CE(q, p), π_t = 1 − .95^t, and the gradient goes through q, the attention's only signal.

Beyond pairs and two candidates (ours): the context is the mean of the other items of the outfit, a rule fires where
the candidate and any of them make its pair, and f_l (m,) says which of m candidates do as rule l says; for m = 2 all of
it is as printed. The student may be any model that has item states. L rules, N questions, m candidates.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from goeswith.config import above_zero, at_least
from goeswith.data.catalogue import Catalogue
from goeswith.data.pairs import RULE_BOTTOM
from goeswith.errors import ConfigError
from goeswith.files import fresh_file
from goeswith.models import Model
from goeswith.models.akd_dbpr import AkdDbpr
from goeswith.rules.rules import Matches, match, read_rules, write_rules
from goeswith.train.source import Step, Student

TINY = 1e-12


@dataclass(frozen=True)
class RulesConfig:
    """How rules teach; the defaults are the released program's.

    confidence: ``attention`` learns λ, ``uniform`` trusts all active rules equally.
    strength: C. strength_in: ``softmax`` of C · e (released) or ``exponent``, exp(C Σ λ f) (printed).
    attention_width: rows of W_t and W_b.
    probability: p as ``ratio`` of scores (printed; they must not be negative), or ``softmax`` of scores / `smoothness`.
    imitation: the factor of π_t; 0 applies the rules at test time only. decay: the .95 of π_t.
    supervision: weight of −ln q of the right answer if a rule is active, with p held fixed: a signal for the attention
    that does not fade where p is flat. Not in the paper.
    shuffled_rules: control, the rules are applied to shuffled bottoms.
    """

    confidence: Literal["attention", "uniform"] = "attention"
    strength: float = 3.0
    strength_in: Literal["softmax", "exponent"] = "softmax"
    attention_width: int = 256
    probability: Literal["ratio", "softmax"] = "ratio"
    smoothness: float = 1.0
    imitation: float = 1.0
    decay: float = 0.95
    supervision: float = 0.0
    shuffled_rules: bool = False

    def __post_init__(self) -> None:
        at_least(self, 1, "attention_width")
        at_least(self, 0, "strength", "supervision")
        above_zero(self, "smoothness")
        if not 0 <= self.imitation <= 1 or not 0 <= self.decay <= 1:
            raise ConfigError(f"imitation={self.imitation}, decay={self.decay}: both must lie in [0, 1]")


def shuffled(matches: Matches, catalogue: Catalogue, seed: int = 0) -> Matches:
    """The same rules, fired as often, but each bottom answers to them as another bottom would: they say nothing."""
    rows = np.flatnonzero(catalogue.items["group"].is_in(RULE_BOTTOM).fill_null(False).to_numpy())
    bottoms = matches.bottoms.copy()
    bottoms[rows] = bottoms[np.random.default_rng(seed).permutation(rows)]
    return dataclasses.replace(matches, bottoms=bottoms)


@dataclass(frozen=True)
class Trust:
    """How far each active rule is trusted, one entry for each (question, rule).

    question: (A,) int64 places among the N. rule: (A,) int64 places among the L. confidence: (A,) λ, which sum to 1
    for a question (to C if that is in the exponent).
    """

    question: Tensor
    rule: Tensor
    confidence: Tensor


class RuleTeacher(nn.Module):
    """Rules as a source of knowledge, see `goeswith.train.source.Knowledge`.

    Args:
        matches: of the rules with the items of the catalogue that the student learns on.
        config: see `RulesConfig`.
        size: numbers in the student's state of one item.
    """

    negative: Tensor

    def __init__(self, matches: Matches, config: RulesConfig, size: int) -> None:
        super().__init__()
        self.config, self.matches = config, matches
        self.register_buffer("negative", torch.tensor([r.sign == "-" for r in matches.rules]), persistent=False)
        if config.confidence == "attention":
            width, count = config.attention_width, len(matches.rules)
            self.context = nn.Linear(size, width)  # W_t and b
            self.candidate = nn.Linear(size, width, bias=False)  # W_b
            self.rule = nn.Parameter(nn.init.xavier_uniform_(torch.empty(count, width)))  # W_l
            self.vector = nn.Parameter(torch.randn(width) / width**0.5)  # w
            self.offset = nn.Parameter(torch.zeros(count))  # c_l

    def prepare(self, student: Model) -> None:
        """Check that the student's scores can be made a probability in the way that was chosen.

        Raises:
            ConfigError: they may be negative, and p was to be their ratio.
        """
        if self.config.probability == "ratio" and not isinstance(student, AkdDbpr):
            raise ConfigError(
                "probability=ratio needs scores that are never negative, which only akd-dbpr gives; "
                "add --set probability=softmax"
            )

    def loss(self, student: Model, step: Step) -> Tensor:
        """π_t (CE(q, p) − the student's own objective), so that the two add up to the loss above; and supervision."""
        config = self.config
        if not config.imitation and not config.supervision:
            return step.right.new_zeros(())
        (outfits, wrongs), mask = step.wrong.shape, step.positive.mask
        position = (step.items != step.corrupt[:, 0]).int().argmax(dim=1)  # (B,) of the replaced item
        at = position[:, None]
        rows = torch.cat(
            [step.items.gather(1, at), step.corrupt.gather(2, at[:, None].expand(-1, wrongs, 1))[:, :, 0]], 1
        )
        triplets = (step.items, mask.cpu(), position, rows)
        fired = torch.from_numpy(self.matches.fire(*(x.numpy() for x in triplets))).to(mask.device)
        # Each outfit makes r triplets: the truth against each of its corruptions.
        wrong = torch.arange(1, wrongs + 1, device=mask.device)
        pairs = torch.stack([torch.zeros_like(wrong), wrong], dim=1).flatten()  # (2r,) places among 1 + r
        at = at.to(mask.device)
        states = step.states.hidden.float().flatten(1)
        indices = torch.cat(
            [
                step.positive.items.gather(1, at),
                step.negative.items.view(outfits, wrongs, -1).gather(2, at[:, None].expand(-1, wrongs, 1))[:, :, 0],
            ],
            1,
        )
        others = mask.clone().scatter_(1, at, False)
        scores = torch.cat([step.right[:, None], step.wrong], dim=1)[:, pairs].view(-1, 2)
        log_p, log_q, trust = self.judge(
            scores,
            self.attend(states, step.positive.items, others, indices[:, pairs].view(outfits, wrongs, 2)),
            fired[:, pairs].view(outfits * wrongs, 2, -1),
        )
        weight = config.imitation * (1 - config.decay ** (step.epoch + 1))
        # A student whose loss is a sum over the pairs gets sums of the rules' losses, too.
        pairs_summed = len(log_p) if getattr(getattr(student, "config", None), "reduction", "mean") == "sum" else 1
        total = weight * (-(log_q.exp() * log_p).sum(dim=1).mean() * pairs_summed - step.objective)
        if config.supervision and len(trust.question):
            # The student's own part is held fixed: else it would leave to the rules what they can say, and say less.
            alone = (log_p.detach() + (log_q - log_p)).log_softmax(dim=1)
            total = total - config.supervision * pairs_summed * alone[trust.question.unique(), 0].mean()
        return total

    def after_step(self) -> None:
        """Nothing: the attention learns by gradient."""

    def attend(self, states: Tensor, items: Tensor, others: Tensor, candidates: Tensor) -> Tensor | None:
        """W_t z_i + W_b z_j + W_b z_k + b (N, width); None where no attention is paid.

        states: (U, S). items: (B, n) rows of the states, `others` (B, n) True for the context.
        candidates: (B, t, m) rows, t questions for each context; N = B t.
        """
        if self.config.confidence != "attention":
            return None
        of_context, of_candidate = self.context(states), self.candidate(states)
        size = others.sum(dim=1, keepdim=True).clamp_min(1)
        context = (of_context[items] * others[:, :, None]).sum(dim=1) / size  # (B, width)
        # Twice the mean: the printed sum where there are two.
        chosen = 2 * of_candidate[candidates].mean(dim=2)  # (B, t, width)
        return (context[:, None] + chosen).flatten(0, 1)

    def judge(self, scores: Tensor, attended: Tensor | None, fired: Tensor) -> tuple[Tensor, Tensor, Trust]:
        """ln p and ln q, (N, m) each, and how far the rules were trusted.

        scores: (N, m) of the student. attended: see `attend`. fired: (N, m, L) bool, which rules' pairs are made.
        """
        if self.config.probability == "ratio":
            raised = scores.clamp_min(TINY)
            log_p = raised.log() - raised.sum(dim=1, keepdim=True).log()
        else:
            log_p = (scores / self.config.smoothness).log_softmax(dim=1)
        trust = self.trust(attended, fired.any(dim=1) & ~fired.all(dim=1))
        # A candidate does as a positive rule says by making its pair, as a negative one says by not making it.
        obeys = fired[trust.question, :, trust.rule] ^ self.negative[trust.rule, None]  # (A, m)
        confidence = trust.confidence[:, None].to(log_p.dtype)
        raised = torch.zeros_like(log_p).index_add(0, trust.question, confidence * obeys)
        return log_p, (log_p + raised).log_softmax(dim=1), trust

    def trust(self, attended: Tensor | None, active: Tensor) -> Trust:
        """λ of the active (N, L) rules; only those are computed, however many rules there are."""
        question, rule = active.nonzero(as_tuple=True)
        if attended is None:
            energy = torch.zeros(len(rule), device=rule.device)
        else:
            energy = (attended[question] + self.rule[rule]).sigmoid() @ self.vector + self.offset[rule]
        if self.config.strength_in == "softmax":
            energy = self.config.strength * energy
        highest = energy.new_full((len(active),), -torch.inf).scatter_reduce(0, question, energy.detach(), "amax")
        raised = (energy - highest[question]).exp()
        confidence = raised / raised.new_zeros(len(active)).index_add(0, question, raised)[question]
        if self.config.strength_in == "exponent":
            confidence = self.config.strength * confidence
        return Trust(question, rule, confidence)


class RulesSource:
    """A rule file, see `goeswith.train.source.Source`; the run keeps the rules and how far each is trusted.

    Raises:
        DataError: the file has no rule or is broken.
        CatalogueError: a rule names an attribute that the catalogue does not have.
    """

    flag, prefix, key, files = "--rules", "", "rules", ("rules.toml", "rules.safetensors")
    config = RulesConfig

    def __init__(self, value: str, config: RulesConfig, student: Student, settings: list[str]) -> None:
        self.settings, self.student = config, student
        self.rules = read_rules(value)
        self.described = dataclasses.asdict(config) | {"rules": [dataclasses.asdict(rule) for rule in self.rules]}

    def teach(self) -> RuleTeacher:
        """Rules over the catalogue of the training data, for the student's item states."""
        data, catalogue = self.student.data, self.student.catalogue
        matches = match(self.rules, catalogue)
        if self.settings.shuffled_rules:
            matches = shuffled(matches, catalogue)
        with torch.no_grad():
            size = self.student.model.encode_items(*data.of(torch.tensor([0]))).hidden[0].numel()
        self.teacher = RuleTeacher(matches, self.settings, size)
        return self.teacher

    def write(self, out: Path) -> None:
        """Keep the rules and the attention."""
        write_rules(self.rules, out / "rules.toml", comment="The rules that taught this run.")
        with fresh_file(out / "rules.safetensors") as partial:
            save_file({k: v.contiguous() for k, v in self.teacher.state_dict().items()}, partial)
