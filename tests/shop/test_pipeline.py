"""`goeswith build`: from an export to looks, again after a change, and what it refuses."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from shell import Shell
from shops import shop_items
from worlds import styles_world

from goeswith.data.dataset import Dataset
from goeswith.data.questions import read_questions
from goeswith.errors import ConfigError, DataError, ModelError
from goeswith.shop import pipeline
from goeswith.shop.index import Index
from goeswith.shop.pipeline import build
from goeswith.shop.stylist import Stylist
from goeswith.shop.wording import unlearned

QUICK = ("epochs=5", "hidden=32", "batch_size=32", "learning_rate=3e-3", "negatives=category")
STYLES = ("sporty", "formal", "boho", "street")


@pytest.fixture(autouse=True)
def hashed_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder that needs no weights."""
    monkeypatch.setattr(pipeline, "usual_encoders", lambda dataset: ["words"])


def write_export(
    folder: Path, items: pl.DataFrame | None = None, outfits: bool = True, styles: Sequence[str] = STYLES
) -> Path:
    """styles: a word for each hidden style, in the titles of its items."""
    folder.mkdir(exist_ok=True)
    items = shop_items() if items is None else items
    style = [styles[int(number) // 12 % 4] for number in items["item_id"].str.extract(r"(\d+)").fill_null("0")]
    items.with_columns(title=pl.Series(style) + " " + pl.col("title")).write_csv(folder / "items.csv")
    if outfits:
        catalogue, worn, _ = styles_world()
        rows = worn.to_frame(catalogue).select("outfit_id", item_id="item_ids").explode("item_id")
        rows.write_csv(folder / "outfits.csv")
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An export and what was built from it."""
    folder = tmp_path_factory.mktemp("build")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "usual_encoders", lambda dataset: ["words"])
        items = shop_items().with_columns(currency=pl.lit("EUR"))
        build(write_export(folder / "export", items), folder / "shop", settings=QUICK)
    return folder / "export", folder / "shop"


def test_an_export_becomes_an_index_and_a_page_of_looks(built: tuple[Path, Path]) -> None:
    _, out = built
    index = Index(out / "index")
    assert index.size == len(shop_items())
    assert index.run.name == "two-tower"
    page = (out / "looks.html").read_text()
    assert 1 <= page.count('class="look"') <= 12
    assert "<script" not in page
    assert re.search(r">€\d+\.\d\d in all<", page)
    assert "Nothing was learned" not in page


@pytest.mark.slow
def test_a_changed_export_is_brought_up_to_date_without_training_again(built: tuple[Path, Path]) -> None:
    export, out = built
    [run] = (out / "runs").iterdir()
    before = (run / "weights.safetensors").stat().st_mtime_ns
    items = shop_items()
    write_export(export, pl.concat([items, items[:1].with_columns(item_id=pl.lit("new"), title=pl.lit("a new one"))]))
    messages: list[str] = []
    again = build(export, out, settings=QUICK, say=lambda stage, line: messages.append(f"{stage} {line}"))
    assert again.index.size == len(items) + 1
    assert [path.name for path in (out / "runs").iterdir()] == [run.name]
    assert (run / "weights.safetensors").stat().st_mtime_ns == before
    assert any(line.startswith("index") and "1 added" in line for line in messages)
    assert any(line.startswith("encode words: ") for line in messages)
    assert not any("out of date" in line or "carried over" in line for line in messages)  # what comes next mends it


def test_the_questions_of_a_shop_are_made_and_stay(built: tuple[Path, Path]) -> None:
    dataset, lines = Dataset(built[1] / "data"), []
    folder = dataset.path / "questions"
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {"test-compat-matched.parquet", "test-fitb-matched.parquet", "valid-fitb-random.parquet"} <= first.keys()
    assert all(len(read_questions(folder / name, dataset.catalogue)) for name in first)
    (folder / "test-fitb-random.parquet").unlink()  # as if it was interrupted
    for _ in range(2):
        pipeline._ask(dataset, 1, lambda stage, line: lines.append(f"{stage} {line}"), lambda done, total: None)
    again = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert again.keys() == first.keys()
    assert [name for name in again if again[name] != first[name]] == ["test-fitb-random.parquet"]  # of another seed
    assert lines[0].endswith(" about held-out outfits, to measure the model")
    assert lines[1] == "questions written before"


@pytest.mark.slow
def test_what_a_refusal_advises_can_be_done_in_the_same_folder(tmp_path: Path) -> None:
    export, out = write_export(tmp_path / "export"), tmp_path / "shop"
    build(export, out, settings=QUICK)
    worn = pl.read_csv(export / "outfits.csv")["item_id"][0]
    write_export(export, shop_items().filter(pl.col("item_id") != worn))
    with pytest.raises(DataError, match=f"'{worn}' is not in .*leave bad rows out with --option skip_bad=yes"):
        build(export, out, settings=QUICK)
    with pytest.raises(ConfigError, match="nonsense"):
        build(export, out, options={"nonsense": "1"}, settings=QUICK)
    for options in ({"skip_bad": "yes"}, None):  # it holds until another is given
        assert worn not in build(export, out, options=options, settings=QUICK).index.catalogue.ids


RULE = '[[rule]]\nattribute = "category"\ntop = "shirt"\nbottom = "skirt"\nsign = "+"\n'


def test_rules_beside_outfits_enough_to_learn_from_are_put_aside_in_so_many_words(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    rules, lines = tmp_path / "rules.toml", []
    rules.write_text(RULE)
    made = build(*built, rules=rules, settings=QUICK, say=lambda stage, line: lines.append(f"{stage}: {line}"))
    assert made.index.run.name == "two-tower"
    assert f"train: {rules} is not used: rules are for a shop with too few outfits to learn from" in lines


@pytest.mark.slow
def test_a_model_that_learned_nothing_gives_way_to_the_starter_and_the_shop_hears_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    export = write_export(tmp_path / "export", styles=["thing"] * 4)  # nothing tells what was worn together
    settings = [word for each in QUICK for word in ("--set", each)]
    for _ in range(2):  # the second time the training is there
        code, out, err = Shell(monkeypatch, capsys)("build", export, tmp_path / "shop", *settings)
        assert code == 0, err
        last = out.splitlines()[-1]
        assert re.match(
            r"Too little was learned from 385 outfits: on outfits that it had not seen, the model was right [3456]\d% "
            r"of the time, not shown to be better than guessing \(50%\). So looks combine items of similar style. Add",
            last,
        )
        index = Index(tmp_path / "shop" / "index")
        assert index.run.name == "starter"
        assert unlearned(index.run) in (tmp_path / "shop" / "looks.html").read_text()
    assert len(list((tmp_path / "shop" / "runs").iterdir())) == 2


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 10])
def test_too_few_outfits_to_learn_from_are_as_none(tmp_path: Path, number: int) -> None:
    export = write_export(tmp_path / "export", outfits=False)
    rules = tmp_path / "rules.toml"
    rules.write_text(RULE)
    rows = [f"o{look},{item}" for look in range(number) for item in shop_items()["item_id"][4 * look : 4 * look + 4]]
    (export / "outfits.csv").write_text("\n".join(["outfit_id,item_id", *rows]) + "\n")
    made = build(export, tmp_path / "shop", rules=rules, settings=QUICK[:-1])
    assert made.unlearned.startswith(
        f"Nothing was learned, because there are too few outfits ({number}): looks combine items of similar style and "
        "follow 1 rule."
    )
    assert [path.name for path in (tmp_path / "shop" / "runs").iterdir()] == ["starter"]
    assert made.unlearned in made.page.read_text()


def test_a_catalogue_of_one_group_cannot_have_looks_and_says_what_it_lacks(tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", shop_items().filter(pl.col("category") == "shirt"), outfits=False)
    with pytest.raises(DataError, match=r"a look around any item: .*; all its items are of top: add what is worn with"):
        build(export, tmp_path / "shop")


def test_a_model_trained_elsewhere_needs_no_outfits(built: tuple[Path, Path], tmp_path: Path) -> None:
    [run] = (built[1] / "runs").iterdir()
    export = write_export(tmp_path / "export", outfits=False)
    made = build(export, tmp_path / "shop", model=run)
    assert made.index.size == len(shop_items())
    assert not (tmp_path / "shop" / "runs").exists()


@pytest.mark.slow
def test_a_shop_without_outfits_gets_looks_of_style_and_rules_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    export = write_export(tmp_path / "export", outfits=False)
    rules = tmp_path / "rules.toml"
    rules.write_text(RULE)
    messages: list[str] = []
    made = build(export, tmp_path / "shop", rules=rules, say=lambda stage, line: messages.append(line))
    assert made.index.run.name == "starter"
    assert made.page.read_text().count('class="look"') >= 1
    assert (
        "Nothing was learned, because there are no outfits: looks combine items of similar style and follow 1 rule."
        in messages
    )
    assert made.unlearned in messages
    assert made.unlearned in made.page.read_text()
    assert not (tmp_path / "shop" / "data" / "questions").exists()
    [look] = Stylist(made.index).complete(["i0"], slots=["bottom"], k=1)
    assert look.percentile is None  # there is nothing to measure itself on
    (export / "outfits.csv").write_text("outfit_id,item_id\n")
    code, out, _ = Shell(monkeypatch, capsys)("build", export, tmp_path / "shop")
    assert code == 0
    assert out.splitlines()[-1].startswith(
        "Nothing was learned, because there are no outfits: looks combine items of similar style. Add orders"
    )
    assert Index(tmp_path / "shop" / "index").run.model.config.rules == 0
    assert "looks combine items of similar style. Build again" in made.page.read_text()


def test_what_cannot_be_built_is_refused_in_one_sentence(built: tuple[Path, Path], tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", outfits=False)
    with pytest.raises(DataError, match="there is no rule file"):
        build(export, tmp_path / "shop", rules=tmp_path / "rules.toml")
    with pytest.raises(DataError, match="built with another source"):
        build(export, built[1])
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="was not made by goeswith build"):
        build(export, tmp_path / "other")
    assert (tmp_path / "other" / "notes.txt").read_text() == "mine"
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "shop"):
        with pytest.raises(ModelError, match=r"is a file, or lies within one; choose another folder$"):
            build(export, place)


def test_an_interrupted_build_resumes(built: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    export = write_export(tmp_path / "export")

    def interrupted(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "build_index", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build(export, tmp_path / "shop", settings=QUICK)
    made = build(export, tmp_path / "shop", settings=QUICK)
    assert Dataset(tmp_path / "shop" / "data").name == "shop"
    assert made.page.is_file()


@pytest.mark.slow
@pytest.mark.parametrize("changed", [False, True])
def test_a_training_that_ended_before_its_result_was_written_is_finished(tmp_path: Path, changed: bool):
    """Also where the catalogue has changed since, but not its outfits: then it begins anew."""
    export, shop = write_export(tmp_path / "export"), tmp_path / "shop"
    build(export, shop, settings=QUICK)
    [run] = (shop / "runs").iterdir()
    config = json.loads((run / "config.json").read_text())
    del config["result"]
    if changed:
        config["features"] = "of other items"
    (run / "config.json").write_text(json.dumps(config))
    build(export, shop, settings=QUICK)
    finished = json.loads((run / "config.json").read_text())
    assert "result" in finished
    assert finished["features"] != "of other items"


@pytest.mark.slow
def test_a_refused_source_leaves_nothing_and_can_be_corrected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no"):
        build(tmp_path / "exprot", tmp_path / "shop", settings=QUICK)
    assert not (tmp_path / "shop").exists()
    with pytest.raises(ModelError, match="is not a run"):
        build(write_export(tmp_path / "export"), tmp_path / "shop", model=tmp_path / "no-run")
    assert not (tmp_path / "shop").exists()
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / pipeline.MARK).write_text("{}")  # as an interrupted first import leaves it
    build(write_export(tmp_path / "export"), tmp_path / "shop", settings=QUICK)
    assert (tmp_path / "shop" / "looks.html").is_file()
