"""Teachers: designers' outfits, or a teacher's run, as a source of knowledge; the teacher is trained first."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch

from goeswith.config import override
from goeswith.data.dataset import Dataset
from goeswith.data.features import load_features
from goeswith.errors import ConfigError
from goeswith.models.add_gnn import AddGnnConfig
from goeswith.models.teacher import Teacher, TeacherConfig
from goeswith.train.designers import Designers, DesignersConfig
from goeswith.train.run import Run
from goeswith.train.settings import TEACHER_HELD_OUT, TrainConfig, check_held_out
from goeswith.train.source import Student
from goeswith.train.training import train, training_data


class DesignersSource:
    """Designers' outfits, see `goeswith.train.source.Source`.

    Args:
        value: a data set, on which a teacher is trained into the run's folder ``teacher``, or a teacher's run.

    Raises:
        ConfigError: the run is no teacher's, or is to learn along.
    """

    flag, prefix, key, files = "--teacher", "teacher.", "knowledge", ("teacher",)
    config = DesignersConfig

    def __init__(self, value: str, config: DesignersConfig, student: Student, settings: list[str]) -> None:
        self.settings, self.student = config, student
        self.run: Run | None = None
        if (Path(value) / "config.json").is_file():
            self.run = Run(value)
            if self.run.name != "teacher" or config.teaching != "frozen" or config.untrained or settings:
                raise ConfigError(
                    f"{value} is a run of {self.run.name}: only a run of 'teacher' can be a teacher, "
                    "with teaching=frozen and no teacher settings; otherwise name a data set"
                )
            trained = self.run.config
            teacher: dict[str, Any] = {name: trained[name] for name in ("dataset", "settings", "train")}
        else:
            self.dataset = Dataset(value)
            self.teacher_settings = [*followed(student.config, student.train), *settings]
            self.configs = override(
                {"model": TeacherConfig(), "train": TrainConfig.of("teacher")}, self.teacher_settings
            )
            check_held_out(self.configs["train"], TEACHER_HELD_OUT)
            teacher = {"dataset": self.dataset.named} | {
                "settings": asdict(self.configs["model"]), "train": asdict(self.configs["train"])
            }  # fmt: skip
            self.trained_first = config.teaching == "frozen" and not config.untrained
            if not self.trained_first:
                own = load_features(self.dataset, student.encoder)
                self.own, self.words, teacher["left_out"] = training_data(self.dataset, own, self.configs["model"])
        self.described: dict[str, Any] = asdict(config) | {"teacher": teacher}

    def teach(self) -> Designers:
        """The source for the training loop; its teacher is trained now where it is trained before the student."""
        student = self.student
        if self.run is None and self.trained_first:
            self.run = train(
                "teacher", self.dataset, student.out / "teacher",
                settings=self.teacher_settings, encoder=student.encoder, say=student.say,
            )  # fmt: skip
        if self.run is not None:
            return Designers(cast(Teacher, self.run.model), self.settings, student.data, student.vocabulary)
        # The very teacher that training would start from: the control differs by what was learned, not by chance.
        loop = self.configs["train"]
        torch.manual_seed(loop.seed)
        teacher = Teacher(self.configs["model"], student.dim, self.words)
        return Designers(
            teacher, self.settings, student.data, student.vocabulary, self.own, loop.negatives, loop.batch_size
        )

    def write(self, out: Path) -> None:
        """Nothing: the teacher has a run of its own."""


def followed(config: object, loop: TrainConfig) -> list[str]:
    """Settings in which a teacher follows its student, given those of the student's model and of its training."""
    alike = [f"seed={loop.seed}", f"precision={loop.precision}"]
    if isinstance(config, AddGnnConfig):
        alike += [f"attributes={config.attributes}", f"activation={config.activation}", f"rank={config.hidden}"]
    return alike
