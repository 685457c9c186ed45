"""The page: nothing from the data is run as code, nothing is loaded, and every number lies where it should."""

import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from html_pages import Page, contrast
from made_scores import made_difference, made_score
from PIL import Image
from worlds import styles_world

from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset, Imported, create
from goeswith.errors import DataError
from goeswith.evaluate.seeds import Mean
from goeswith.evaluate.showcase import Blank, ScoredOutfit
from goeswith.experiments.report import Findings, page
from goeswith.experiments.results import Comparison, Row
from goeswith.scores import Score

EVIL = "<script>alert('x')</script> & \"quoted\""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three items with pictures, one of them with a title that is an attack."""
    folder = tmp_path_factory.mktemp("report")
    catalogue, outfits, _ = styles_world(outfits=40)
    images = {f"i{row}": folder / f"{row}.png" for row in range(3)}
    for path in images.values():
        Image.new("RGB", (30, 30), "teal").save(path)
    items = catalogue.items.select("item_id", "category", "group").to_dicts()
    items[1]["title"] = EVIL
    table = Catalogue(type(catalogue.items)(items)).items.drop("image")
    imported = Imported(table, outfits.to_frame(catalogue), EVIL, EVIL, images)
    return create(imported, folder / "data", layout="table", name=EVIL)


def line(scorer: str, number: float, task: str = "fitb", metric: str = "accuracy", **more: object) -> Score:
    return made_score(scorer, number, task=task, metric=metric, signature=f"signed|{task}", **more)


def row(name: str, kind: str, *scores: Score, note: str = "") -> Row:
    return Row(name, kind, {score.column: Mean(score, np.empty(0)) for score in scores}, note)


def findings(**more: object) -> Findings:
    rows = [
        row("chance", "floor", line("chance", 0.25, low=0.25, high=0.25)),
        row("taught", "model", line("taught", 0.45), line("taught", 0.7, "compat", "auc", unanswered=3), note=EVIL),
        row("ceiling", "ceiling", line("ceiling", 0.6)),
    ]
    return Findings(rows, **more)


@pytest.fixture(scope="module")
def full(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every section, an attack in every text."""
    blank = Blank("q1", [0, 2], 1, [1, 3, 4, 5], [1.0, 2.0, -3.25, 0.0], 0, 1)
    everything = findings(
        verdict=EVIL, lead=EVIL, audits={EVIL: f"the file {EVIL}"}, shown=EVIL, commands=[EVIL],
        comparisons=[
            Comparison("taught", "chance", [made_difference(0.02, 0.01, 0.03, 0.012)]),
            Comparison("taught", "ceiling", [made_difference(-0.01, -0.06, 0.04, 0.7)], EVIL),
        ],
        curves={EVIL: {EVIL: [{"valid_auc": auc} for auc in (0.5, 0.8, 0.7)], "one": [{"valid_auc": 0.6}]}},
        best=[ScoredOutfit(EVIL, [0, 1, 2], 1.5)], worst=[ScoredOutfit("o2", [3, 4], -2.5)],
        right=[Blank(EVIL, [0, 2], 0, [1, 3], [1.0, 0.5], 0, 0)], wrong=[blank],
    )  # fmt: skip
    return page(dataset, everything, tmp_path_factory.mktemp("page") / "report.html", heading=EVIL)


def test_what_comes_from_the_data_is_escaped(full: Path):
    shown = Page(full)
    assert not list(shown.all("script"))
    assert "<script" not in full.read_text().lower()
    assert shown.text.count("alert('x')") > 10
    assert any(image["alt"] == EVIL for image in shown.all("img"))


def test_a_page_is_one_file_that_loads_nothing(full: Path):
    shown = Page(full)
    for tag, attributes in shown.tags:
        for name in ("src", "href", "srcset", "data", "action", "poster", "style"):
            value = attributes.get(name) or ""
            assert "//" not in value or value.startswith("data:image/jpeg;base64,"), (tag, value[:80])
    assert not list(shown.all("link"))
    css = re.search(r"<style>(.*?)</style>", full.read_text(), re.DOTALL)
    assert css is not None
    assert "url(" not in css[1]
    assert "@import" not in css[1]


def test_a_page_can_be_read_without_seeing_it(full: Path):
    shown = Page(full)
    assert [attributes["lang"] for attributes in shown.all("html")] == ["en"]
    assert len(list(shown.all("h1"))) == 1
    pictures = list(shown.all("img"))
    assert len(pictures) == 9  # rows 0 to 2: three in a look, three in each question
    assert all(picture["alt"] for picture in pictures)
    assert all(head.get("scope") in ("col", "row", "rowgroup") for head in shown.all("th"))
    assert all(drawing.get("aria-label") for drawing in shown.all("svg"))
    ids = [attributes["id"] for _, attributes in shown.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {link["href"] for link in shown.all("a")} == {f"#{name}" for name in ids}
    for words in ("picked, worn", "picked", "worn", "0.450 0.400–0.500", "3 unanswered", "−3.25", "−2.50"):
        assert words in " ".join(shown.text.split())


def test_dots_and_intervals_lie_where_the_numbers_say(dataset: Dataset, tmp_path: Path):
    # FITB from .25 − 0 to .6 + .05: the axis goes from .25 to .65, so .45 ± .05 is the middle, an eighth each way.
    shown = Page(page(dataset, findings(), tmp_path / "r.html"))
    styles = [(tag["class"], tag["style"]) for tag in shown.all("i") if tag.get("style")]
    assert ("range", "left:37.5%;width:25.0%") in styles
    assert ("dot", "left:50.0%") in styles
    assert styles.count(("mark", "left:0.0%")) == 3
    assert "−" not in re.sub(r"[^\d.−]", "", shown.text)


def test_differences_lie_around_zero_and_only_sure_ones_are_filled(full: Path):
    text = full.read_text()
    cells = re.findall(r'<div class="cell (model|control|unsure)">.*?left:([\d.]+)%"></i>\s*</span>', text, re.DOTALL)
    assert cells == [("model", "66.67"), ("unsure", "41.67")]  # .02 and −.01 on an axis from −.06 to .06
    assert "p = 0.012" in text


def test_curves_share_their_axes_and_mark_the_best_epoch(full: Path):
    shown = Page(full)
    points = [tag["points"] for tag in shown.all("polyline")]
    assert points == ["4.0,56.0 100.0,4.0 196.0,21.3", "4.0,38.7"]
    assert [(dot["cx"], dot["cy"]) for dot in shown.all("circle")] == [("100.0", "4.0"), ("4.0", "38.7")]
    assert "0.800 in epoch 2 of 3" in shown.text


def test_sections_without_content_are_left_out(dataset: Dataset, tmp_path: Path):
    shown = Page(page(dataset, findings(), tmp_path / "r.html"))
    assert [tag["id"] for tag in shown.all("section")] == ["results"]
    assert [link["href"] for link in shown.all("a")] == ["#results"]


def test_any_measure_makes_a_page(dataset: Dataset, tmp_path: Path):
    lines = [line("taught", 0.3, "retrieval", "mrr")]
    shown = Page(page(dataset, Findings([row("taught", "model", *lines)]), tmp_path / "r.html"))
    assert "Retrieval MRR, matched negatives" in shown.text


def test_a_page_without_numbers_or_of_an_unknown_kind_is_refused(dataset: Dataset, tmp_path: Path):
    with pytest.raises(DataError, match="at least one measured number"):
        page(dataset, Findings([row("taught", "model")]), tmp_path / "r.html")
    with pytest.raises(DataError, match=r"'taught' is of kind 'student'; the kinds are floor, model, control, ceiling"):
        page(dataset, Findings([row("taught", "student", line("taught", 0.5))]), tmp_path / "r.html")
    assert not list(tmp_path.iterdir())


def test_text_has_contrast_in_light_and_dark():
    css = files("goeswith.experiments").joinpath("templates", "page.css").read_text()
    themes = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    assert len(themes) == 2
    for theme in themes:
        colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", theme))
        for name in ("ink", "quiet", "model", "control", "ceiling", "bad"):
            for behind in ("paper", "card", "soft"):
                assert contrast(colours[name], colours[behind]) >= 4.5, (name, behind)
        assert contrast(colours["floor"], colours["paper"]) >= 3  # dots and bars, no text
