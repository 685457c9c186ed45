"""The page docs/shortcuts.md, from what was measured alone: a summary, then a section for each question file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from goeswith import __version__
from goeswith.evaluate.audit import STRONG
from goeswith.files import fresh_file
from goeswith.scores import Score
from goeswith.tables import markdown, value

PAGE = Path(__file__).resolve().parents[1] / "docs" / "shortcuts.md"
BY_ID = ("popularity", "rarity", "item pairs")
"""Counters that know which item it is; all others see labels."""

PUBLISHED: dict[str, tuple[str, float]] = {
    "maryland-categories-fitb-official": ("Type-Aware", 0.861),
    "ngnn-fitb-released": ("NGNN", 0.77),
    "ngnn-compat-released": ("NGNN", 0.96),
    "fashionvc-test": ("AKD-DBPR", 0.785),
}
"""Section → a model that sees pictures and what it is said to reach on the same file: recalled, not verified."""
REMARKS = {
    "maryland-categories-fitb-official": "With wrong items of the truth's category Type-Aware is said to have .650 "
    "(recalled).",
    "fashionvc-test": "The published model sees titles and pictures.",
    "polyvore-outfits-valid": "Published numbers are of the test part, which is not available here.",
}
"""Section → what else should be known of published numbers."""

TASKS = {"fitb": "answers {} of the questions correctly", "triplet": "orders {} of the triplets correctly"}
PAIRED, POOLED = "orders {} of the pairs correctly", "has AUC {}"
MEASURES = {"accuracy": "accuracy", "auc": "AUC", "pooled_auc": "AUC", "paired auc": "paired AUC"}


@dataclass(frozen=True)
class Section:
    """One question file.

    asked: questions that are published. left: reason → how many of them could not be asked. lines: one summary line a
    counter, chance among them. counted: what the counters were counted on; in_sample: the asked pairs themselves.
    first: what always taking the first choice scores; None where nothing is chosen. same: share of the wrong candidates
    that have the truth's category. control: nobody publishes these questions. notes: further sentences.
    """

    key: str
    title: str
    file: str
    asked: int
    left: dict[str, int]
    lines: list[Score]
    counted: str
    first: float | None = None
    same: float | None = None
    in_sample: bool = False
    control: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def chance(self) -> float:
        """What a constant scores."""
        return float(next(line.value for line in self.lines if line.floor == "chance"))

    def best(self, by_id: bool) -> Score | None:
        """The counter (of item ids, or of labels) with the highest value; None where there is none.

        The memory of item pairs is one of ids only where it beats the labels that it falls back to.
        """
        lines = [line for line in self.lines if (line.floor in BY_ID) == by_id and line.floor != "chance"]
        labels = [line.value for line in self.lines if line.floor in ("category", "category colour")]
        lines = [line for line in lines if line.floor != "item pairs" or line.value > max(labels)]
        return max(lines, key=lambda line: float(line.value), default=None)

    @property
    def share(self) -> float | None:
        """Of what the published model has above chance, how much the best counter of labels has."""
        labels = self.best(by_id=False)
        if labels is None or self.key not in PUBLISHED:
            return None
        return float((labels.value - self.chance) / (PUBLISHED[self.key][1] - self.chance))


INTRO = """# How much of a public benchmark is a shortcut

Made by `make shortcuts`; do not edit. Each public question file that can be read here is answered by counters:
baselines that see no picture. What a counter answers, a model may answer without having learnt taste: the number of a
visual model only means what it gains over these rows.

**What a counter is.** It is fitted by counting on the training outfits of the same data set, then scores an outfit by
a mean over its items or item pairs:

- by labels: `category` (how much more often two categories are worn together than expected by chance),
  `category counts` (how often, without division), `category frequency` (how common each category is),
  `category likelihood` (both combined: among choices for a blank it prefers what naive Bayes prefers),
  `category colour` (`category` for category and colour), `words` (the same for words of the titles), `size` (the number
  of items), `category published` (items whose category is published, which are those worn in training);
- by item id: `popularity` (training outfits that wear the item), `rarity` (minus popularity), `item pairs` (which
  items were worn together; falls back to the labels). A model can only know this by remembering single items.

**How it is scored.** Equal scores count by expectation, so a constant has exactly chance; a missing score is wrong;
intervals are 95 %, by outfit. *First choice* is what the same constant gets in the file's own order if `argmax` takes
the first of equal scores: a model whose scores collapse is rewarded with that. *Best* is the highest of a section's
rows on the questions themselves, which flatters it a little. *Share* is how much of the published model's gain over
chance the best counter of labels also has; above 100 % the counter is ahead.

Numbers of published models are recalled from the literature and were not verified; – if none is known for the file.
"""

OUTRO = """## What is missing

Complete-the-Look: the available part has boxes and labels of items in scenes and asks no questions. Polyvore Outfits:
the fill-in-the-blank files and the test part are not available. The training and test outfits of Maryland Polyvore
are available with categories or names for only some of their items, which is why most of its questions are not asked:
the outfits that can be asked about have common categories, and may be easier or harder than the rest.
"""


def write_page(sections: Sequence[Section], page: Path = PAGE) -> None:
    """Write the page, whole or not at all."""
    parts = [INTRO, "## Summary", "", summary(sections), *(_reading(sections))]
    for section in sections:
        parts += _section(section)
    with fresh_file(page) as partial:
        partial.write_text("\n".join([*parts, OUTRO, f"goeswith {__version__}"]) + "\n", encoding="utf-8")


def summary(sections: Sequence[Section]) -> str:
    """One row a question file."""
    head = ["file", "asked", "of", "chance", "best by labels", "best by item id", "first choice"]
    head += ["published (recalled)", "share"]
    rows = []
    for section in sections:
        model, number = PUBLISHED.get(section.key, ("", 0.0))
        rows.append(
            [
                section.title + " (in sample)" * section.in_sample + " (control)" * section.control,
                f"{section.lines[0].n:,}",
                f"{section.asked:,}",
                _number(section.chance),
                *(_score_cell(section.best(by_id), section.chance) for by_id in (False, True)),
                _number(section.first) if section.first is not None else "–",
                f"{model} {_number(number)}" if model else "–",
                f"{100 * section.share:.0f} %" if section.share is not None else "–",
            ]
        )
    return markdown(head, rows)


def verdict(section: Section) -> str:
    """What follows from the numbers, in a sentence or two."""
    labels, ids, chance = section.best(by_id=False), section.best(by_id=True), section.chance
    sentences = []
    if labels:
        sentences.append(_judged(labels, section))
    if ids and ids.interval[0] > chance and (labels is None or ids.value > labels.value):
        sentences.append(f"By item id, `{ids.floor}` {_says(ids)}.")
        if ids.low == ids.high == 1.0 and ids.floor == "rarity":
            sentences.append("It only needs to know its training items: every wrong item is one, no right one is.")
    if section.in_sample:
        sentences.append("These are the same pairs that were counted, so this measures only memory.")
    if section.first is not None and section.first > chance:
        sentences.append(f"Always taking the first choice scores {_number(section.first)} if ties go to the first.")
    return " ".join(sentences)


def _judged(line: Score, section: Section) -> str:
    """The best counter of labels against chance, and against the published model where one is known."""
    chance = section.chance
    if line.interval[0] <= chance:
        return f"No counter of labels beats chance ({_number(chance)}): the highest, `{line.floor}`, {_says(line)}."
    sentence = f"`{line.floor}` alone {_says(line)}, with chance at {_number(chance)}"
    if section.share is not None:
        model, number = PUBLISHED[section.key]
        sentence += f": {section.share:.0%} of what {model} (recalled: {_number(number)}"
        sentence += f", of all {section.asked:,} questions" if line.n < section.asked else ""
        sentence += ") has above chance"
    odds = line.value * (1 - chance) / max(chance * (1 - line.value), 1e-12)
    advice = "models must not be compared here without these rows" if odds >= STRONG else "a model must beat that"
    return f"{sentence}; {advice}."


def _says(line: Score) -> str:
    pattern = TASKS.get(line.task, PAIRED if line.metric == "paired auc" else POOLED)
    return pattern.format(f"{_number(line.value)} [{_number(line.interval[0])}, {_number(line.interval[1])}]")


def _reading(sections: Sequence[Section]) -> list[str]:
    """How many files a counter of labels solves in part, counted."""
    fair = [section for section in sections if not (section.in_sample or section.control)]
    beaten = [s for s in fair if (best := s.best(by_id=False)) and best.interval[0] > s.chance]
    first = [s for s in fair if s.first is not None and s.first > s.chance]
    chosen = [s for s in fair if s.first is not None]
    return [
        f"Without those in sample and the controls there are {len(fair)} rows; on {len(beaten)} of them a counter of "
        f"labels beats chance. Of the {len(chosen)} that offer choices, {len(first)} have the truth first, by their "
        "format or nearly always, so that a constant looks far better than chance if ties go to the first.",
        "",
    ]


def _section(section: Section) -> list[str]:
    measure = MEASURES[section.lines[0].metric]
    rows = [[f"`{line.floor}`", value(line), str(line.unanswered)] for line in section.lines]
    count = section.lines[0].n
    sentences = [f"`{section.file}`: {count:,} of {section.asked:,} questions asked ({count / section.asked:.0%})."]
    if section.left:
        reasons = [f"{number:,} {reason.split(': ', 1)[-1]}" for reason, number in section.left.items()]
        sentences.append(f"Left out: {'; '.join(reasons)}.")
    sentences += [f"Counted on {section.counted}."]
    sentences += (
        [f"{section.same:.1%} of the wrong candidates have the truth's category."] if section.same is not None else []
    )
    return [
        f"## {section.title}",
        "",
        verdict(section),
        "",
        " ".join([*sentences, *section.notes, *([REMARKS[section.key]] if section.key in REMARKS else [])]),
        "",
        markdown(["counter", measure, "unanswered"], rows),
        *(f"Signature: `{signature}`" for signature in sorted({line.signature for line in section.lines})),
        "",
    ]


def _score_cell(line: Score | None, chance: float) -> str:
    if line is None:
        return "–"
    return f"`{line.floor}` {value(line)}" if line.interval[0] > chance else f"none above chance (`{line.floor}`)"


def _number(number: float) -> str:
    return f"{number:.3f}".removeprefix("0")
