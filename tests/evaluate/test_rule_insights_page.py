"""The page of what the rules taught against its numbers, and the commands."""

import json
import re
from pathlib import Path

import pytest
from html_pages import Page
from typer.testing import CliRunner

from goeswith.cli.main import app
from goeswith.data.dataset import Dataset
from goeswith.errors import DataError
from goeswith.evaluate.pair_explanation import explain_pair
from goeswith.evaluate.rule_insights import Insights
from goeswith.experiments.rules_page import ranked, summary, write_page
from goeswith.train.run import Run


@pytest.fixture(scope="module")
def page(result: Insights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(result, tmp_path_factory.mktemp("page") / "rules.html")


def test_the_page_is_one_file_and_what_it_shows_is_escaped(page: Path):
    shown = Page(page)
    assert "<script" not in page.read_text().lower()
    assert shown.text.count("alert('x')") > 3  # the data set, the note, titles
    assert not list(shown.all("link"))
    for tag, attributes in shown.tags:
        for name in ("src", "href", "style"):
            value = attributes.get(name) or ""
            assert "//" not in value or value.startswith("data:image/jpeg;base64,"), (tag, value[:80])
    css = re.search(r"<style>(.*?)</style>", page.read_text(), re.DOTALL)
    assert css is not None
    assert "url(" not in css[1]


def test_the_page_can_be_read_without_seeing_it(page: Path, result: Insights):
    shown = Page(page)
    assert [attributes["lang"] for attributes in shown.all("html")] == ["en"]
    assert len(list(shown.all("h1"))) == 1
    assert len(list(shown.all("caption"))) == len(list(shown.all("table"))) == 2
    assert all(head.get("scope") in ("col", "row") and head.get("role") for head in shown.all("th"))
    assert all(cell.get("role") == "cell" and cell.get("data-label") for cell in shown.all("td"))
    assert all(picture["alt"] for picture in shown.all("img"))
    ids = [attributes["id"] for _, attributes in shown.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {link["href"] for link in shown.all("a")} == {f"#{name}" for name in ids}
    assert len(list(shown.all("article"))) == sum(len(cases) for r in result.rules for cases in r.cases.values())
    order = re.findall(
        r'role="rowheader">.*?class="sign (?:yes|not)">(.*?)</span>',
        page.read_text().split('id="attributes"')[0],
        re.DOTALL,
    )
    assert order == [str(rule.rule).split(": ")[1] for rule in ranked(result.rules)]


def test_bars_lie_where_the_numbers_say(page: Path, result: Insights):
    dots = [float(x) for x in re.findall(r'class="dot" style="left:([\d.]+)%"', page.read_text())]
    expected = []
    for rule in ranked(result.rules):
        expected += [100 * rule.measured.precision] if rule.measured.active else []
        expected += [100 * rule.rivalled.quantiles[2]] if rule.rivalled else []
    spreads = sorted(result.attributes.values(), key=lambda spread: -spread.relative)
    assert dots == pytest.approx([*expected, *(100 * spread.quantiles[2] for spread in spreads)], abs=0.051)


def test_the_numbers_stand_beside_the_page(page: Path, result: Insights, dataset: Dataset):
    numbers = json.loads(page.with_suffix(".json").read_text())
    assert numbers["summary"] == summary(result)
    assert [rule["active"] for rule in numbers["rules"]] == [rule.measured.active for rule in result.rules]
    assert numbers["rules"][0]["rivalled"]["mean"] == result.rules[0].rivalled.mean
    assert numbers["rules"][4] | {"low": 0, "high": 1} == numbers["rules"][4]
    assert numbers["rules"][4]["precision"] is None
    case = next(iter(numbers["rules"][0]["cases"].values()))[0]
    assert {case["right"], case["wrong"], *case["context"]} < set(dataset.catalogue.ids)


def test_a_page_is_called_html(result: Insights, tmp_path: Path):
    with pytest.raises(DataError, match=r"rules.json is a page; let its name end in .html"):
        write_page(result, tmp_path / "rules.json")
    assert not list(tmp_path.iterdir())


def test_the_commands_write_and_say_the_same(run: Run, dataset: Dataset, result: Insights, tmp_path: Path):
    out = tmp_path / "rules.html"
    done = CliRunner().invoke(app, ["rules", "report", str(run.path), str(dataset.path), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [*summary(result), f"{out}: 5 rules"]
    assert out.is_file()
    assert out.with_suffix(".json").is_file()
    command = ["rules", "explain", str(run.path), str(dataset.path), "t1", "b1"]
    expected = explain_pair(run, dataset, "t1", "b1")
    assert CliRunner().invoke(app, command).output == f"{expected}\n"
    assert json.loads(CliRunner().invoke(app, [*command, "--json"]).output) == expected.to_dict()
