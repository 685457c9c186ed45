"""Commands for runs: train a model, score outfits with it, export it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goeswith.cli.options import (
    DatasetArgument,
    DeviceOption,
    EncoderOption,
    EngineOption,
    SetOption,
    bar,
)
from goeswith.errors import DataError

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset
    from goeswith.schemas import Result
    from goeswith.train.loop import Progress


def train(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="[MODEL] DATASET",
            help="Model: two-tower (default), add-gnn, akd-dbpr, ...; data set folder, or FOLDER#SOURCE.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to save the run in.")],
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            help="Data set of designers' outfits, or a trained teacher; repeatable; 'auto': those beside DATASET."
        ),
    ] = None,
    rules: Annotated[Path | None, typer.Option(help="Rule file to learn from (see goeswith rules mine).")] = None,
    knowledge: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="Further source of knowledge, e.g. from a plug-in; repeatable."),
    ] = None,
    drop_shared_items: Annotated[
        bool,
        typer.Option(
            "--drop-shared-items",
            help="Leave out a teacher's outfits with an item whose title begins with that of an item of DATASET's "
            "validation or test outfits.",
        ),
    ] = False,
    settings: SetOption = None,
    encoder: EncoderOption = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=2, help="Train this many two-tower models with different seeds; the run is their mean."),
    ] = None,
    device: DeviceOption = None,
) -> None:
    """Train a model and keep its best epoch on validation outfits.

    With --teacher it also learns from designers, with --rules from rules. Unless you name a model, it then trains a
    mixture: how far each teacher is trusted, if at all, is decided on the validation outfits. Resumes if interrupted.
    Start it with torchrun or accelerate launch to train one model in several processes.

    \b
    Examples:
      goeswith train data/polyvore-maryland --teacher data/fashionvc --drop-shared-items --out runs/taught
      goeswith train akd-dbpr data/fashionvc --rules rules.toml --set epochs=20 --out runs/akd
    """
    from goeswith.data.dataset import Dataset
    from goeswith.models import DEFAULT, is_model
    from goeswith.train.mixture import other_outfits, train_mixture
    from goeswith.train.mixture_sources import MIXTURE
    from goeswith.train.ranks import is_first
    from goeswith.train.source import source_paths
    from goeswith.train.training import train as train_run

    if len(names) > 2 or (is_model(names[-1]) and not Path(names[-1]).exists()):
        raise typer.BadParameter("give DATASET, or MODEL and DATASET")
    if drop_shared_items and not teacher:
        raise typer.BadParameter("--drop-shared-items is about a teacher's outfits; give --teacher, too")
    opened, teachers = Dataset(names[-1]), teacher or []
    model = names[0] if len(names) == 2 else MIXTURE if teachers and not knowledge else DEFAULT
    if seeds:
        _ensemble(model, seeds, bool(teachers or rules or knowledge), opened, out, settings, encoder, device)
        return
    if "auto" in teachers and not Path("auto").exists():
        others = other_outfits(opened, encoder)
        typer.echo(f"teachers found: {', '.join(others) or 'none'}", err=True)
        teachers = [name for value in teachers for name in (others if value == "auto" else [value])]
    if model == MIXTURE and knowledge:
        raise typer.BadParameter("--knowledge does not go with mixture; give --teacher or --rules")
    if model != MIXTURE and len(teachers) > 1:
        raise typer.BadParameter(f"{model} learns from one teacher; leave the model out to mix several")
    teachers = [_not_shared(name, opened, out, drop_shared_items) for name in teachers]
    if model == MIXTURE:
        run = train_mixture(
            opened, out, teachers=teachers, rules=rules, settings=settings or (), encoder=encoder, say=_epochs,
            device=device,
        )  # fmt: skip
        typer.echo(f"{out}: {_trusted(run.config['result'])}")
        return
    run = train_run(
        model,
        opened,
        out,
        teacher=teachers[0] if teachers else None,
        rules=rules,
        knowledge=source_paths(knowledge or ()),
        settings=settings or (),
        encoder=encoder,
        say=_epochs,
        device=device,
    )
    if not is_first():
        return
    result, more = run.config["result"], run.learned_from[1:]
    again = f", then trained with the {' and '.join(more)} outfits too" if more else ""
    typer.echo(
        f"{out}: best epoch {result['best_epoch']} of {result['epochs']}, "
        f"validation AUC {result['valid_auc']:.4f}{again}, {result['seconds']:.0f} s"
    )


def _not_shared(teacher: str, student: Dataset, out: Path, drop: bool) -> str:
    """The data set to learn from: the teacher's, or where `drop`, a copy beside `out` without shared items.

    What is shared is reported. A trained teacher is taken as it is, and so are outfits of the student's own catalogue.
    """
    from goeswith.data.dataset import Dataset
    from goeswith.data.shared_items import SharedItems

    if (Path(teacher) / "config.json").is_file():
        return teacher
    opened = Dataset(teacher)
    if opened.path.resolve() == student.path.resolve():
        return teacher
    shared = SharedItems.of(opened, student)
    if not shared.outfits.any():
        return teacher
    if not drop:
        typer.echo(
            f"{shared}; if these are the same items, scores may be too high: --drop-shared-items leaves them out",
            err=True,
        )
        return teacher
    apart = shared.left_out(out.parent)
    typer.echo(f"{shared}; without these: {apart.path}", err=True)
    return str(apart.path)


def _ensemble(
    model: str,
    seeds: int,
    taught: bool,
    dataset: Dataset,
    out: Path,
    settings: list[str] | None,
    encoder: str | None,
    device: str | None,
) -> None:
    """Train an ensemble and say what it reached.

    Raises:
        typer.BadParameter: of another model, or one that something teaches.
    """
    from goeswith.models import DEFAULT
    from goeswith.train.ensemble import train_ensemble

    if taught:
        raise typer.BadParameter(
            "an ensemble takes no --teacher, --rules or --knowledge; for a teacher of several seeds: "
            "--teacher DATA --set teacher_seeds=3"
        )
    if model != DEFAULT:
        raise typer.BadParameter(f"--seeds makes an ensemble of {DEFAULT}, not of {model}; leave the model out")
    run = train_ensemble(dataset, out, seeds, settings=settings or (), encoder=encoder, say=_epochs, device=device)
    result = run.config["result"]
    typer.echo(
        f"{out}: {seeds} seeds of {DEFAULT} as one, validation AUC {result['valid_auc']:.4f}, {result['seconds']:.0f} s"
    )


def _trusted(result: Result) -> str:
    """Whom a mixture trusts, and what it gains by that."""
    weights = {
        name: max(weight.values()) if isinstance(weight, dict) else weight for name, weight in result["sources"].items()
    }
    by_group = ", by group (the largest is shown)" if result.get("by_group") else ""
    weights_text = ", ".join(f"{name} {weight:.1f}" for name, weight in weights.items())
    if "valid_auc" not in result:
        return f"too few validation outfits to fit the weights; {weights_text}"
    gain = result["valid_auc"] - result["likeness_auc"]
    return (
        f"weights{by_group}: {weights_text}; validation exhaustive AUC {result['valid_auc']:.4f}, "
        f"{gain:+.4f} ± {result['error']:.4f} over likeness, {result['seconds']:.0f} s"
    )


def _epochs(stage: str) -> Progress:
    """One line on standard error for each epoch of a stage."""

    def print_epoch(epoch: int, epochs: int, measured: dict[str, float]) -> None:
        training_auc = f" (training {measured['train_auc']:.4f})" if "train_auc" in measured else ""
        auc = f"validation AUC {measured['valid_auc']:.4f}{training_auc}, " if "valid_auc" in measured else ""
        typer.echo(
            f"{stage} {epoch}/{epochs}: loss {measured['loss']:.4f}, {auc}{measured['pairs_per_second']:.0f} pairs/s",
            err=True,
        )

    return print_epoch


def score(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    dataset: DatasetArgument,
    outfits: Annotated[
        str,
        typer.Option(
            help="CSV with columns outfit_id,item_id or outfit_id,item_ids; or a folder of Parquet files, also in "
            "object storage, with outfit_id and lists item_ids. Items by id, SKU or product id."
        ),
    ],
    out: Annotated[str, typer.Option(help="CSV to write: outfit_id, items, score; for a folder, a folder.")],
    engine: EngineOption = "local",
    workers: Annotated[int | None, typer.Option(min=1, help="With --engine: processes. Default: one per core.")] = None,
) -> None:
    """Score a list of outfits; a higher score means a better match.

    Given a folder of Parquet files, writes a folder of files with the same names. Existing files are kept.

    \b
    Examples:
      goeswith score runs/add-gnn data/ccp --outfits looks.csv --out scores.csv
      goeswith score runs/add-gnn data/ccp --outfits outfits/ --out scores/ --engine ray
    """
    if "://" in outfits or Path(outfits).is_dir():
        from goeswith.train.score_files import score_files

        with bar("score") as progress:
            done = score_files(str(run), dataset, outfits, out, engine=engine, workers=workers, progress=progress)
        unchanged = f"; {done['kept']:,} files were there already" if done["kept"] else ""
        typer.echo(f"{out}: {done['outfits']:,} outfits scored, {done['without a score']:,} without a score{unchanged}")
        return
    if engine != "local" or workers is not None:
        raise typer.BadParameter("--engine and --workers need --outfits to be a folder of Parquet files")
    _score_list(run, dataset, Path(outfits), Path(out))


def _score_list(run: Path, dataset: str, outfits: Path, out: Path) -> None:
    import polars as pl

    from goeswith.data.dataset import Dataset
    from goeswith.data.outfits import read_outfits
    from goeswith.files import table_kind, write_table
    from goeswith.train.run import Run

    table_kind(out)
    opened = Dataset(dataset)
    listed = read_outfits(outfits, opened.catalogue)
    if out.resolve() == outfits.resolve():
        raise DataError(f"--out {out} would overwrite the list of outfits; choose another file")
    trained = Run(run)
    scorer = trained.scorer(opened)
    scores = scorer.score(*listed.padded())
    table = pl.DataFrame({"outfit_id": listed.outfit_ids.tolist(), "items": listed.lengths, "score": scores})
    write_table(table.with_columns(pl.col("score").fill_nan(None)), out)
    silent = listed.take(table["score"].is_nan().to_numpy())
    typer.echo(f"{out}: {len(table) - len(silent)} outfits scored, {len(silent)} without a score")
    if len(silent):
        bare = dict.fromkeys(opened.catalogue.ids[row] for row in silent.items if not scorer.present[row])
        typer.echo(f"  without a score: {_some(silent.outfit_ids.tolist())}")
        remedy = f"goeswith encode {opened.path} --encoder {trained.config['encoder']} shows why"
        typer.echo(f"  items without features: {_some(list(bare))}; {remedy}")


def _some(names: Sequence[str], most: int = 5) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="New folder to write.")],
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Output of goeswith evaluate --json, for the model card.")
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option(help="Data set it was trained on, for source and licence; repeatable.")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the weights, e.g. apache-2.0.")] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Also write item_encoder.onnx and scorer.onnx.")] = False,
) -> None:
    """Export a run to share: weights, settings, rules, a model card.

    \b
    Examples:
      goeswith export runs/add-gnn exported/add-gnn --licence apache-2.0
      goeswith export runs/add-gnn exported/add-gnn --dataset data/ccp --report report.json --onnx
    """
    from goeswith.data.dataset import Dataset
    from goeswith.train.export import read_report, save
    from goeswith.train.run import Run

    lines = read_report(report) if report is not None else ()
    datasets = [Dataset(path) for path in dataset or ()]
    save(Run(run), folder, report=lines, datasets=datasets, licence=licence, onnx=onnx)
    typer.echo(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
