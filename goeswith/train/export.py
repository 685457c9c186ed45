"""Export: a run as a folder to share, with a model card.

model.safetensors  config.json  README.md  rules.toml  rules.safetensors  item_encoder.onnx  scorer.onnx
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, Unpack

from goeswith.errors import DataError, ModelError
from goeswith.files import fresh_folder, read_json
from goeswith.models import Vocabulary, model_module
from goeswith.schemas import RunFile
from goeswith.scores import Score
from goeswith.tables import markdown, wide_table
from goeswith.templates import environment
from goeswith.train.hub import HUB_NAME, asking_hub, hub_client

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset

_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9.-]*")


class Trained(Protocol):
    """What of a `goeswith.train.run.Run` is written."""

    path: Path
    title: str
    config: RunFile

    @property
    def name(self) -> str:
        """Of the model."""
        ...

    @property
    def weights(self) -> Path:
        """The file of the weights."""
        ...

    @property
    def model(self) -> Any:
        """The trained model, in eval mode."""
        ...

    @property
    def held_out(self) -> Trained | None:
        """The same model before it learned from more than training outfits, where there is one."""
        ...

    @property
    def vocabulary(self) -> Vocabulary:
        """The categories that it knows."""
        ...


class ExportOptions(TypedDict, total=False):
    """Options of an export, see `save`."""

    report: Iterable[Score]
    datasets: Iterable[Dataset]
    licence: str | None
    onnx: bool


def save(
    run: Trained,
    folder: str | Path,
    *,
    report: Iterable[Score] = (),
    datasets: Iterable[Dataset] = (),
    licence: str | None = None,
    onnx: bool = False,
) -> Path:
    """Write a run to a new folder: weights, all settings, its rules and a model card; whole or not at all.

    With a run that has learned from outfits held out goes the same model as it was before, which can be measured.

    Args:
        report: what `goeswith.evaluate.evaluate` measured, the floors too, for the card; see `read_report`.
        datasets: what it was trained on, for source and licence; the run knows only names and fingerprints.
        licence: of the weights, as the hub calls it (``apache-2.0``) or in words.
        onnx: write the model as ONNX graphs too, see `goeswith.train.onnx`.

    Raises:
        ModelError: the run is not finished or not whole, the folder exists, or the model cannot be written as ONNX.
        DataError: the report has no numbers of this run or no floors, or a data set did not train it.
    """
    folder = Path(folder)
    if folder.exists():
        raise ModelError(f"{folder} already exists; choose another folder or remove it first")
    if "result" not in run.config:
        raise ModelError(f"the training of {run.path} has not finished; run the same train command to resume")
    _ = run.model  # incomplete weights are an error here, not for the recipient
    text = card(run, report=report, datasets=datasets, licence=licence, onnx=onnx)
    taught = run.config.get("rules") is not None
    with fresh_folder(folder) as partial:
        (partial / "config.json").write_text(json.dumps(run.config, indent=2) + "\n")
        (partial / "README.md").write_text(text, encoding="utf-8")
        shutil.copyfile(run.weights, partial / "model.safetensors")
        for name in ("rules.toml", "rules.safetensors") if taught else ():
            if not (run.path / name).is_file():
                raise ModelError(f"{run.path} was trained with rules but lacks {name}; train the run again")
            shutil.copyfile(run.path / name, partial / name)
        if run.held_out is not None:
            save(run.held_out, partial / run.held_out.path.name)
        if onnx:
            from goeswith.train.onnx import write_onnx

            write_onnx(
                run.model, partial, dim=run.config["dim"], categories=len(run.vocabulary.categories), name=run.name
            )
    return folder


def push(run: Trained, repo_id: str, *, private: bool = False, **options: Unpack[ExportOptions]) -> str:
    """Put a run on the Hugging Face hub, as the user who is logged in there; returns its address.

    Args:
        options: see `save`.

    Raises:
        ModelError: huggingface_hub is not installed, or the hub refuses.
        DataError: see `save`.
    """
    if not HUB_NAME.fullmatch(repo_id):
        raise ModelError(f"{repo_id!r} is not a name on the hub; write owner/name")
    api = hub_client().HfApi()
    with tempfile.TemporaryDirectory() as scratch:
        folder = save(run, Path(scratch) / "model", **options)
        with asking_hub(f"{run.path} cannot be uploaded to the hub as {repo_id}"):
            address = api.create_repo(repo_id, private=private, exist_ok=True)
            api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message=f"goeswith {run.name}")
    return str(address)


def read_report(path: Path | str) -> list[Score]:
    """The summary in a file that ``goeswith evaluate RUN DATASET --json`` printed.

    Raises:
        DataError: the file is missing, is not JSON, or holds something else.
    """
    remedy = f"make it with: goeswith evaluate RUN DATASET --json > {path}"
    if not Path(path).exists():
        raise DataError(f"there is no file {path}; {remedy}")
    lines = read_json(Path(path), dict, remedy).get("summary")
    if not isinstance(lines, list) or not lines or not all(isinstance(line, dict) for line in lines):
        raise DataError(f"{path} has no 'summary'; {remedy}")
    try:
        return [Score.from_dict(line) for line in lines]
    except DataError as error:
        raise DataError(f"{path}: {error}; {remedy}") from None


def card(
    run: Trained,
    *,
    report: Iterable[Score] = (),
    datasets: Iterable[Dataset] = (),
    licence: str | None = None,
    onnx: bool = False,
) -> str:
    """The model card of a finished run as Markdown; for the arguments see `save`.

    Raises:
        DataError: the report has no numbers of this run or no floors, or a data set did not train it.
    """
    results = _results(run, list(report))
    return (
        environment("goeswith.train", html=False)
        .get_template("card.md")
        .render(
            front=_front(run, licence),
            title=run.title,
            config=run.config,
            what=(model_module(run.name).__doc__ or "").partition("\n")[0].partition(": ")[2],
            data=_data(run, list(datasets)),
            seeds=(run.config.get("knowledge") or {}).get("seeds"),
            settings=_settings(run.config),
            learned=(run.config.get("train") or {}).get("learn_from", "train").split("+")[1:],
            results=results,
            onnx=onnx,
            ceiling=any(result["ceiling"] for result in results),
            licence=licence or "Not stated. The weights were learned from outfits under the licences above.",
        )
    )


def _front(run: Trained, licence: str | None) -> str:
    """What the hub reads: YAML, whose strings are written as JSON."""
    head: dict[str, Any] = {"library_name": "goeswith", "tags": ["fashion", "outfit-compatibility", run.name]}
    if licence is not None:
        identifier = _IDENTIFIER.fullmatch(licence)
        head |= {"license": licence} if identifier else {"license": "other", "license_name": licence}
    return "\n".join(["---", *(f"{name}: {json.dumps(value)}" for name, value in head.items()), "---"])


def _data(run: Trained, datasets: list[Dataset]) -> str:
    """A table of what the run and its teacher were trained on."""
    trained = {"the model": run.config["dataset"]}
    if teacher := (run.config.get("knowledge") or {}).get("teacher"):
        trained["its teacher"] = teacher["dataset"]
    by_fingerprint = {dataset.fingerprint: dataset for dataset in datasets}
    fingerprints = {description["fingerprint"] for description in trained.values()}
    for fingerprint, dataset in by_fingerprint.items():
        if fingerprint not in fingerprints:
            raise DataError(
                f"{dataset.path} ({fingerprint}) is not what {run.path} was trained on "
                f"({', '.join(sorted(fingerprints))}); "
                "name the same data set (as FOLDER#SOURCE if one source of it was used)"
            )
    rows = []
    for who, description in trained.items():
        info = by_fingerprint[description["fingerprint"]].info if description["fingerprint"] in by_fingerprint else {}
        name = f"{description['name']}#{description['source']}" if description["source"] else description["name"]
        not_known = "not known to the run"
        rows.append(
            [
                who,
                name,
                description["fingerprint"],
                *(str(info.get(field, not_known)) for field in ("source", "licence")),
            ]
        )
    return markdown(["trained on it", "data set", "fingerprint", "source", "licence"], rows)


def _settings(config: Mapping[str, Any]) -> dict[str, str]:
    """The settings of each part, as they would be given to ``--set``."""
    knowledge = config.get("knowledge") or {}
    teacher = knowledge.get("teacher") or {}
    parts = {
        "model": config["settings"] or config.get("tower", {}),
        "training": config["train"],
        "knowledge": knowledge,
        "teacher": {**teacher.get("settings", {}), **teacher.get("train", {})},
        "rules": config.get("rules") or {},
    }
    texts = {
        name: ", ".join(f"`{key}={value}`" for key, value in part.items() if not isinstance(value, (dict, list)))
        for name, part in parts.items()
    }
    return {name: text for name, text in texts.items() if text}


def _results(run: Trained, scores: list[Score]) -> list[dict[str, Any]]:
    """For each signature a table of floors and run; scores of other scorers are not the card's matter."""
    if not scores:
        return []
    names = {run.title, "-".join(run.path.parts).lstrip("/-.")}
    names |= {f"{name} with rules" for name in names}
    own = [score for score in scores if score.scorer in names]
    floors = [score for score in scores if score.floor]
    if not own or not floors:
        present = ", ".join(dict.fromkeys(score.scorer for score in scores))
        lacking = "floors" if own else f"numbers of {run.title!r}"
        raise DataError(
            f"the report has no {lacking} (it has {present}); make it with: goeswith evaluate {run.path} DATASET --json"
        )
    results = []
    for signed in dict.fromkeys(score.signature for score in own):
        of_run, beside = ([score for score in some if score.signature == signed] for some in (own, floors))
        results.append(
            {name: getattr(of_run[0], name) for name in ("task", "negatives", "n", "unanswered", "signature")}
            | {
                "table": markdown(*wide_table([*beside, *of_run])),
                "ceiling": any(x.scorer == "ceiling" for x in beside),
            }
        )
    return results
