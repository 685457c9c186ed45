"""Warm start: initialises two towers with the weights of a run on other outfits, e.g. those of designers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from goeswith.errors import ConfigError
from goeswith.models.two_tower import TwoTower
from goeswith.train.run import Run
from goeswith.train.source import Step, Student


@dataclass(frozen=True)
class WarmStartConfig:
    """There is nothing to set."""

    def check(self, student: str) -> None:
        """Refuse students that are no two towers.

        Raises:
            ConfigError: it is another model.
        """
        if student != "two-tower":
            raise ConfigError(
                f"a start is for two-tower, not for {student}; for add-gnn use --set carry=initialisation"
            )


class WarmStartSource:
    """A run to start from, see `goeswith.train.source.Source`.

    Raises:
        ConfigError: it is not a run of two towers of the same encoder and size.
    """

    flag, prefix, key, files = "--knowledge start=RUN", "", "start", ()
    config = WarmStartConfig

    def __init__(self, value: str, config: WarmStartConfig, student: Student, settings: list[str]) -> None:
        run, hidden = Run(value), student.config.hidden
        expected, actual = ("two-tower", student.encoder, hidden), (run.name, run.config["encoder"])
        if (*actual, run.config["settings"].get("hidden")) != expected:
            raise ConfigError(
                f"{value} is a run of {run.name} in {run.config['encoder']}; only one of two-tower in "
                f"{student.encoder} with hidden={hidden} can be started from"
            )
        run_codes = run.vocabulary.codes(student.catalogue)
        self.codes = torch.full((len(student.vocabulary.categories) + 1,), len(run.vocabulary.categories))
        self.codes[student.data.categories] = torch.from_numpy(run_codes)
        self.run = run
        self.described: dict[str, Any] = {name: run.config[name] for name in ("dataset", "settings", "train")}

    def teach(self) -> Start:
        """The source for the training loop."""
        return Start(cast(TwoTower, self.run.model).by_category(), self.codes)

    def write(self, out: Any) -> None:
        """Nothing: the run is kept where it is."""


class Start(nn.Module):
    """Weights to begin with. teacher: whose. codes: (C + 1,) its codes of the student's categories."""

    silent = True
    """Whether it adds nothing to any loss."""

    def __init__(self, teacher: TwoTower, codes: Tensor) -> None:
        super().__init__()
        self.weights = {name: value.detach().clone() for name, value in teacher.named_parameters()}
        self.codes = codes

    @torch.no_grad()
    def prepare(self, student: nn.Module) -> None:
        """Copy W, W', b, V and e, by category; mean, deviation and memory stay the student's own."""
        assert isinstance(student, TwoTower)
        dim = len(student.mean)
        for name in ("key", "want"):
            weight = self.weights[name]
            onehot = torch.cat(
                [weight[:, dim:], torch.zeros(len(weight), 1)], dim=1
            )  # an unknown category adds nothing
            student.get_parameter(name).copy_(torch.cat([weight[:, :dim], onehot[:, self.codes[:-1]]], dim=1))
        student.category.copy_(self.weights["category"][self.codes])
        student.want_bias.copy_(self.weights["want_bias"])
        student.residual.copy_(self.weights["residual"])

    def loss(self, student: nn.Module, step: Step) -> Tensor:
        """Nothing."""
        return step.right.new_zeros(())

    def after_step(self) -> None:
        """Nothing."""
