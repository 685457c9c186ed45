"""The report in the studio."""

import re
from types import SimpleNamespace

import pytest
from answers import Parts

from goeswith.data.freeze import freeze
from goeswith.scores import Difference, Score
from goeswith.studio.pages import report, report_findings
from goeswith.studio.service.source import dataset


def test_the_report_has_the_extremes_of_the_test_outfits(client, view):
    text = client.get("/report/numbers").text
    data = dataset(view)
    test = data.outfits.split("test")
    links = [a["href"] for a in Parts(text).of("a") if a.get("href", "").startswith("/board?")]
    rows = [test[at].tolist() for at in range(len(test))]
    outfits = {frozenset(data.catalogue.ids[row] for row in own): own for own in rows}
    shown = [frozenset(part[3:] for part in link.split("?")[1].split("&")) for link in links]
    assert len(shown) == 12
    groups = data.catalogue.items["group"].to_list()

    def lacks(own: list[int]) -> bool:
        return bool(view.index.grammar.findings([groups[row] for row in own]))

    assert not any(lacks(outfits[ids]) for ids in shown)
    counts = re.search(r"(\d+) of (\d+) test outfits are not shown", text)
    assert 0 < int(counts[1]) < int(counts[2]) <= len(test)
    assert int(counts[1]) <= sum(map(lacks, rows))
    assert "No test questions have been made of the outfits yet" in text


@pytest.mark.parametrize(("kept", "words"), [("", "there are no outfits"), ("train", "too few outfits to keep some")])
def test_a_shop_without_test_outfits_is_told_why_nothing_is_measured(view, monkeypatch, kept, words):
    data = dataset(view)
    few = SimpleNamespace(
        path=data.path, outfit_source="", outfits=data.outfits.take(data.outfits.splits == kept), catalogue=None
    )
    assert words in report._table(few, None, None)["trouble"]


def test_the_first_sentence_says_what_the_table_says(view, tmp_path, monkeypatch):
    data = dataset(view)
    freeze(data.catalogue, data.outfits, tmp_path / "questions", splits=("test",))
    files = report._files(SimpleNamespace(path=tmp_path, outfit_source=""))
    assert [file.name for file in files] == ["test-compat-matched.parquet", "test-fitb-matched.parquet"]
    monkeypatch.setattr(report, "_files", lambda data: files)
    table = report.numbers.__wrapped__(view)
    fitb = next(index for index, name in enumerate(table["columns"]) if name.startswith("Fill"))
    row = next(row for row in table["rows"] if row["model"])
    picks = round(100 * float(row["cells"][fitb]["value"]))
    assert table["sentence"].startswith(f"In {picks} of 100 test outfits it finds the missing piece")
    assert "Counting alone (" in table["verdict"]
    for chart in table["charts"]:
        bars = [bar.width for bar in chart.bars]
        assert bars == sorted(bars, reverse=True)
        assert all(bar.low <= bar.width <= bar.high for bar in chart.bars)
        assert sum(bar.model for bar in chart.bars) == 1
    assert not any("_" in bar.name for chart in table["charts"] for bar in chart.bars)  # names, no slugs
    monkeypatch.setattr(report, "is_floor", lambda name, data: name == "category")  # the others are the answer itself
    assert report.numbers.__wrapped__(view)["verdict"].startswith("Counting alone (categories worn together")


def test_whether_counting_is_as_good_is_said_by_the_interval():
    other = Score(scorer="words", task="fitb", negatives="matched", metric="accuracy", value=0.4, low=0.3, high=0.5,
                  n=9, unanswered=0, signature="x")  # fmt: skip
    for low, high, words in ((0.01, 0.2, "the model is better, "), (-0.2, -0.01, "Do not rely"),
                             (-0.1, 0.2, "cannot be told")):  # fmt: skip
        line = Difference(scorer="m", task="fitb", negatives="matched", metric="accuracy", n=9, signature="x",
                          against="words", difference=(low + high) / 2, low=low, high=high, p=0.1)  # fmt: skip
        sentence = report_findings._comparison(line, "words", other)
        assert words in sentence
        assert sentence.startswith("Counting alone (words of titles worn together) gets 40: ")
    assert [report_findings._points(share) for share in (-0.004, 0.004, -0.03, 0.2)] == ["0", "0", "−3", "+20"]
