"""What the rules taught: every number against a loop, the page against its numbers, and a pair explained."""

import json
import math
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from html_pages import Page
from PIL import Image
from typer.testing import CliRunner
from worlds import write_made

from goeswith.cli.main import app
from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.freeze import make_questions
from goeswith.data.questions import Questions
from goeswith.errors import CatalogueError, DataError, ModelError
from goeswith.evaluate.pair_explanation import explain_pair
from goeswith.evaluate.rule_insights import KINDS, Insights, insights, valid_questions
from goeswith.evaluate.rule_votes import taught_scorer
from goeswith.experiments.rules_page import percent, ranked, summary, write_page
from goeswith.rules.pairs import RuleScore
from goeswith.rules.rules import Rule, write_rules
from goeswith.train.run import Run
from goeswith.train.scorers import TaughtScorer
from goeswith.train.training import train

EVIL = "<script>alert('x')</script> & \"quoted\""
RULES = [
    Rule("colour", "red", "red", "+"),
    Rule("colour", "red", "blue", "-"),
    Rule("material", "wool", "wool", "+", note=EVIL),
    Rule("word", "plain", "dotted", "-"),
    Rule("colour", "green", "red", "+"),
]
COUNT = 40  # tops, bottoms and shoes: t0, ..., b0, ..., s0, ...
BARE = "b39"  # has no features


def write_dataset(folder: Path, name: str = "wardrobe", colours: tuple[str, ...] = ("red", "blue")) -> Dataset:
    """Outfits of a top, a bottom and often shoes that mostly agree in colour; two pictures, a title that attacks."""
    random = np.random.default_rng(0)
    side = np.repeat(["top", "bottom", "shoes"], COUNT)
    words = random.choice(["plain", "dotted"], 3 * COUNT)
    colour = random.choice(colours, 3 * COUNT)
    items = pl.DataFrame(
        {
            "item_id": [f"{s[0]}{n % COUNT}" for n, s in enumerate(side)],
            "category": side,
            "group": side,
            "colour": colour,
            "material": random.choice(["wool", "silk"], 3 * COUNT),
            "title": [EVIL if n == 0 else f"{word} thing" for n, word in enumerate(words)],
        }
    )  # fmt: skip
    lists = []
    for _ in range(300):
        top = random.integers(COUNT)
        agree = (colour[COUNT : 2 * COUNT] == colour[top]) == (random.random() < 0.8 or len(colours) == 1)
        lists.append(
            [f"t{top}", f"b{random.choice(np.flatnonzero(agree))}", f"s{random.integers(COUNT)}"][
                : random.integers(2, 4)
            ]
        )
    splits = np.where(np.arange(300) < 150, "train", "valid")
    outfits = pl.DataFrame({"outfit_id": [f"o{n}" for n in range(300)], "item_ids": lists, "split": splits})
    images = {name: folder / f"{name}.png" for name in ("t0", "b0")}
    for path in images.values():
        Image.new("RGB", (30, 30), "teal").save(path)
    dataset = create(Imported(items, outfits, "made", "none", images), folder / name, layout="test", name=EVIL)
    with_features = [item_id for item_id in dataset.catalogue.ids if item_id != BARE]
    write_made(dataset, with_features, random.random((len(with_features), 8)).astype(np.float32))
    return dataset


def write_run(folder: Path, dataset: Dataset, rules: list[Rule], *settings: str, name: str = "run") -> Run:
    write_rules(rules, folder / f"{name}.toml")
    chosen = ["hidden=6", "epochs=2", "negatives=group", "attention_width=4", "pairs=true", "blank=bottom", *settings]
    return train("akd-dbpr", dataset, folder / name, rules=folder / f"{name}.toml", settings=chosen)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("insights")


@pytest.fixture(scope="module")
def dataset(folder: Path) -> Dataset:
    return write_dataset(folder)


@pytest.fixture(scope="module")
def run(folder: Path, dataset: Dataset) -> Run:
    """A run whose attention is drawn anew, so that it trusts the rules in very different ways."""
    made = write_run(folder, dataset, RULES)
    from safetensors.torch import load_file, save_file

    generator = torch.Generator().manual_seed(4)
    weights = load_file(made.path / "rules.safetensors")
    save_file(
        {k: 2 * torch.randn(v.shape, generator=generator) for k, v in weights.items()}, made.path / "rules.safetensors"
    )
    return made


@pytest.fixture(scope="module")
def result(run: Run, dataset: Dataset) -> Insights:
    return insights(run, dataset)


def compat(dataset: Dataset) -> Questions:
    """Questions with contexts of one and two items, any of which may be the blank."""
    usable = np.ones(len(dataset.catalogue), bool)
    frame, _ = make_questions(dataset.catalogue, dataset.outfits, "valid", "compat", "category", usable=usable)
    return Questions.from_frame(frame, dataset.catalogue)


def applies(dataset: Dataset, rule: Rule, top: int, bottom: int) -> bool:
    """Whether two items make the pair of a rule."""
    first, second = (dataset.catalogue.items.row(row, named=True) for row in (top, bottom))
    column = "title" if rule.attribute == "word" else rule.attribute
    return (
        (first["group"], second["group"]) == ("top", "bottom")
        and rule.top in first[column].split()
        and rule.bottom in second[column].split()
    )


def one_by_one(taught: TaughtScorer, dataset: Dataset, context: list[int], pair: list[int]) -> dict | None:
    """One question in plain Python: p and q of the first candidate, and rule → (λ, whether it speaks for it)."""
    states, teacher = taught.student.states.hidden, taught.teacher
    scores = [taught.student.score(np.array([[*context, c]]), np.ones((1, len(context) + 1), bool))[0] for c in pair]
    if any(map(math.isnan, scores)):
        return None
    energy, backs = {}, {}
    for number, rule in enumerate(RULES):
        meets = [any(applies(dataset, rule, x, c) or applies(dataset, rule, c, x) for x in context) for c in pair]
        if meets[0] != meets[1]:
            with torch.no_grad():
                inner = teacher.context(states[context]).mean(0) + sum(teacher.candidate(states[c]) for c in pair)
                heat = torch.sigmoid(inner + teacher.rule[number]) @ teacher.vector + teacher.offset[number]
            energy[number], backs[number] = 3.0 * float(heat), meets[0] == (rule.sign == "+")
    whole = sum(math.exp(e) for e in energy.values())
    trust = {number: math.exp(e) / whole for number, e in energy.items()}
    p = [s / sum(scores) for s in scores]
    raised = [math.exp(sum(t for at, t in trust.items() if backs[at] == first)) for first in (True, False)]
    q = [x * up for x, up in zip(p, raised, strict=True)]
    q = [x / sum(q) for x in q]
    return {"p": p[0], "q": q[0], "trust": trust, "backs": backs, "rights": (ahead(*p), ahead(*q))}


def ahead(own: float, rival: float) -> float:
    return 0.5 if own == rival else float(own > rival)


@pytest.mark.parametrize("form", ["triplet", "compat"])
def test_every_number_is_that_of_a_loop_over_the_questions(run: Run, dataset: Dataset, form: str):
    taught = taught_scorer(run, dataset)
    questions = compat(dataset) if form == "compat" else valid_questions(dataset, taught.student.present)
    result = insights(run, dataset, None if form == "triplet" else questions)
    answered, unanswered = [], 0
    for row in questions.frame.iter_rows(named=True):
        truth, other = row["candidates"][row["answer"]], row["candidates"][1 - row["answer"]]
        context, pair = (dataset.catalogue.rows(ids).tolist() for ids in (row["context"], [truth, other]))
        case = one_by_one(taught, dataset, context, tuple(pair))
        answered += [case] if case else []
        unanswered += case is None
    active = [case for case in answered if case["trust"]]
    assert result.questions == len(answered) > 50
    assert result.unanswered == unanswered
    assert (unanswered > 0) == (form == "compat")
    assert result.active == len(active) < len(answered)
    assert result.rivalled == sum(len(case["trust"]) > 1 for case in active) > 10
    assert result.right == pytest.approx([np.mean([case["rights"][n] for case in answered]) for n in (0, 1)])
    assert result.right_active == pytest.approx([np.mean([case["rights"][n] for case in active]) for n in (0, 1)])
    assert result.gain[0] == pytest.approx(result.right_active[1] - result.right_active[0])
    assert result.gain[1] <= result.gain[0] <= result.gain[2]
    verdicts = [sum(t if case["backs"][at] else -t for at, t in case["trust"].items()) for case in active]
    disputes = [v > 0 for v, case in zip(verdicts, active, strict=True) if case["rights"][0] == (v < 0)]
    assert (result.disputes, result.rules_right) == (len(disputes), sum(disputes))
    turned = [case["rights"][1] for case in active if {*case["rights"]} == {0, 1}]
    assert (result.overturned, result.overturned_right) == (len(turned), sum(turned))
    assert result.overturned > 0
    for index, rule in enumerate(result.rules):
        mine = [case for case in active if index in case["trust"]]
        assert rule.measured == RuleScore(len(answered), len(mine), sum(case["backs"][index] for case in mine))
        if not mine:
            assert rule.trust is rule.rivalled is rule.student is None
            continue
        assert rule.student == pytest.approx(np.mean([case["rights"][0] for case in mine]))
        assert rule.taught == pytest.approx(np.mean([case["rights"][1] for case in mine]))
        check_spread(rule.trust, [(case["trust"][index], len(case["trust"])) for case in mine])
        check_spread(
            rule.rivalled, [(case["trust"][index], len(case["trust"])) for case in mine if len(case["trust"]) > 1]
        )
    for attribute, spread in result.attributes.items():
        entries = [
            (t, len(case["trust"])) for case in active if len(case["trust"]) > 1
            for at, t in case["trust"].items() if RULES[at].attribute == attribute
        ]  # fmt: skip
        check_spread(spread, entries)
    assert set(result.attributes) == {"colour", "material", "word"}
    check_cases(result, taught, dataset)


def check_spread(spread, entries: list[tuple[float, int]]) -> None:
    trust = [t for t, _ in entries]
    assert spread.count == len(entries)
    assert spread.mean == pytest.approx(np.mean(trust), abs=1e-5)
    assert spread.relative == pytest.approx(np.mean([t * n for t, n in entries]), abs=1e-5)
    assert spread.quantiles == pytest.approx(np.quantile(trust, [0.1, 0.25, 0.5, 0.75, 0.9]), abs=1e-5)


def check_cases(result: Insights, taught: TaughtScorer, dataset: Dataset) -> None:
    """Each case is what its kind says, and there are at most two of a kind, of different contexts."""
    shown = set()
    for index, rule in enumerate(result.rules):
        for kind, cases in rule.cases.items():
            shown.add(kind)
            assert len(cases) in (1, 2)
            assert len({case.context[0] for case in cases}) == len(cases)
            for case in cases:
                row = one_by_one(taught, dataset, list(case.context), (case.right, case.wrong))
                share = row["trust"][index] * len(row["trust"]) >= 1 - 1e-6
                assert kind == KINDS[2 * (not share) + (not row["backs"][index])]
                assert (case.trust, case.p, case.q) == pytest.approx(
                    (row["trust"][index], row["p"], row["q"]), abs=1e-5
                )
                assert case.rivals == len(row["trust"])
    assert shown == set(KINDS)


def test_published_validation_triplets_are_asked_first(run: Run, dataset: Dataset, tmp_path: Path):
    usable = np.ones(len(dataset.catalogue), bool)
    frame, _ = make_questions(dataset.catalogue, dataset.outfits, "valid", "triplet", "group", limit=40, usable=usable)
    imported = Imported(
        items=dataset.catalogue.items.drop("image"), outfits=dataset.outfits.to_frame(dataset.catalogue),
        source="made", licence="none", questions={"official-valid-triplet": frame},
    )  # fmt: skip
    other = create(imported, tmp_path / "published", layout="test")
    write_made(other, other.catalogue.ids, np.random.default_rng(1).random((3 * COUNT, 8)).astype(np.float32))
    result = insights(run, other)
    assert result.questions == 40
    assert result.asked.endswith("official-valid-triplet.parquet")
    assert "|valid|triplet|group|" in result.signatures[0]


def test_uniform_trust_is_an_even_share_and_is_reported(folder: Path, dataset: Dataset):
    result = insights(write_run(folder, dataset, RULES, "confidence=uniform", name="uniform"), dataset)
    assert all(rule.rivalled.relative == pytest.approx(1) for rule in result.rules if rule.rivalled)
    assert not any(kind.startswith("distrusted") for rule in result.rules for kind in rule.cases)
    assert "weights all active rules equally (confidence=uniform)" in " ".join(summary(result))


def test_the_control_is_named_as_one(folder: Path, dataset: Dataset):
    result = insights(write_run(folder, dataset, RULES, "shuffled_rules=true", name="control"), dataset)
    assert any(sentence.startswith("This run is the control") for sentence in summary(result))


def test_rules_never_active_together_have_no_trust_to_compare(folder: Path, dataset: Dataset, tmp_path: Path):
    result = insights(write_run(folder, dataset, RULES[:1], name="single"), dataset)
    assert (result.rivalled, result.attributes, result.rules[0].rivalled) == (0, {}, None)
    assert result.rules[0].trust.mean == 1
    assert "Rules are rarely active together" in " ".join(summary(result))
    page = Page(write_page(result, tmp_path / "rules.html"))
    assert "No two rules are ever active in one question" in page.text
    assert "alone wherever it is active" in page.text


def test_the_summary_says_what_was_measured(result: Insights):
    first, reach, disputes, turned, *_ = summary(result)
    assert percent(result.right_active[0], 1) in first
    assert percent(result.right_active[1], 1) in first
    assert re.search(r"rules (helps|hurts|makes no clear difference):", first)
    assert reach.startswith(f"Of {result.questions} questions, {result.active} (")
    assert f"disagree in {result.disputes} questions" in disputes
    assert f"the rules are right in {percent(result.rules_right / result.disputes)}," in disputes
    assert f"change its pick in {result.overturned} questions" in turned
    often = [rule for rule in ranked(result.rules) if rule.rivalled and rule.rivalled.count >= 20]
    assert len(often) > 1
    assert any(f"the run trusts “{often[0].rule}”" in sentence for sentence in summary(result))
    assert any(f"most and “{often[-1].rule}”" in re.sub(r" \([^)]*\)", "", sentence) for sentence in summary(result))
    assert summary(result)[-1] == "1 of the 5 rules is never active on these questions."


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


def test_a_pair_is_explained_as_a_loop_over_the_other_bottoms_says(run: Run, dataset: Dataset):
    taught = taught_scorer(run, dataset)
    colour, group = (dataset.catalogue.items[name].to_list() for name in ("colour", "group"))
    top = next(n for n, g in enumerate(group) if g == "top" and colour[n] == "red")
    for bottom in [n for n, g in enumerate(group) if g == "bottom"][:8]:
        result = explain_pair(run, dataset, dataset.catalogue.ids[top], dataset.catalogue.ids[bottom])
        others = [n for n, g in enumerate(group) if g == "bottom" and n != bottom and dataset.catalogue.ids[n] != BARE]
        each = [one_by_one(taught, dataset, [top], (bottom, other)) for other in others]
        assert result.others == len(others) == COUNT - 2
        assert result.score == pytest.approx(taught.student.score(np.array([[top, bottom]]), np.ones((1, 2), bool))[0])
        assert (result.above, result.above_taught) == pytest.approx(
            [np.mean([o["rights"][n] for o in each]) for n in (0, 1)]
        )
        assert (result.p, result.q) == pytest.approx([np.mean([o[n] for o in each]) for n in "pq"], abs=1e-5)
        assert result.silent == sum(not row["trust"] for row in each)
        expected = {}
        for index, rule in enumerate(RULES):
            if applies(dataset, rule, top, bottom):
                trust = [row["trust"][index] for row in each if index in row["trust"]]
                expected[str(rule)] = (len(trust), np.mean(trust))
        assert {str(v.rule): (v.against, pytest.approx(v.trust, abs=1e-5)) for v in result.voices} == expected
        assert [v.trust for v in result.voices] == sorted((v.trust for v in result.voices), reverse=True)
        assert 1 <= len(expected) <= 3  # red goes with red, and not with blue


def test_an_explanation_is_a_sentence_or_two(run: Run, dataset: Dataset):
    colour = dict(zip(dataset.catalogue.ids, dataset.catalogue.items["colour"], strict=True))
    sides = [("t", "red"), ("b", "red"), ("b", "blue")]
    top, red, blue = (next(i for i in colour if i[0] == s and colour[i] == c) for s, c in sides)
    for bottom, says in (
        (red, "“colour: red + red” says yes (trust 0."),
        (blue, "“colour: no red + blue” says no (trust 0."),
    ):
        result = explain_pair(run, dataset, top, bottom)
        text = str(result)
        assert text.startswith(
            f"The student ranks this pair above {percent(result.above)} of 38 bottoms for this top. "
        )
        assert says in text
        assert f"; with them it ranks above {percent(result.above_taught)} (" in text
        assert result.to_dict()["explanation"] == text
    few = explain_pair(run, dataset, top, red, most=7)
    assert few.others == 7
    assert few == explain_pair(run, dataset, top, red, most=7)
    assert few != explain_pair(run, dataset, top, red, most=7, seed=1)


def test_a_pair_without_an_active_rule_is_reported_as_such(folder: Path, dataset: Dataset):
    run = write_run(
        folder, dataset, [Rule("colour", "red", "red", "+"), Rule("word", "thing", "thing", "+")], name="few"
    )
    colour = dict(zip(dataset.catalogue.ids, dataset.catalogue.items["colour"], strict=True))
    top, other = (next(i for i in colour if i[0] == "t" and i != "t0" and colour[i] == c) for c in ("red", "blue"))
    blue = next(i for i in colour if i[0] == "b" and colour[i] == "blue")
    assert "“word: thing + thing” says yes (but to every other bottom as well)" in str(
        explain_pair(run, dataset, top, blue)
    )
    every = explain_pair(run, dataset, other, blue)
    assert str(every).endswith("says yes (but to every other bottom as well), so nothing changes.")
    assert every.above == every.above_taught
    silent = explain_pair(write_run(folder, dataset, RULES[:1], name="single"), dataset, other, blue)
    assert str(silent).endswith("No rule applies to it, nor to any of the others, so nothing changes.")


def test_what_cannot_be_explained_is_refused_in_one_sentence(folder: Path, run: Run, dataset: Dataset, tmp_path: Path):
    for top, bottom, sentence in [
        ("t99", "b0", r"the catalogue has no item 't99'; did you mean 't9'"),
        ("b1", "t1", r"item 'b1' is not a top: its group is bottom, not top or outer; name a top first, then"),
        ("t1", "s1", r"item 's1' is not a bottom: its group is shoes, not bottom or dress"),
    ]:
        with pytest.raises(CatalogueError, match=sentence):
            explain_pair(run, dataset, top, bottom)
    with pytest.raises(
        DataError, match=rf"item '{BARE}' has no made features.*goeswith encode .* --encoder made shows why"
    ):
        explain_pair(run, dataset, "t1", BARE)
    plain = train("akd-dbpr", dataset, tmp_path / "plain", settings=["epochs=1", "negatives=group", "pairs=true"])
    for ask in (lambda: insights(plain, dataset), lambda: explain_pair(plain, dataset, "t1", "b1")):
        with pytest.raises(ModelError, match=r"plain was trained without rules; train a run with them: goeswith train"):
            ask()


def test_an_item_that_the_run_takes_for_another_side_is_reported(run: Run, dataset: Dataset, tmp_path: Path):
    groups = pl.when(pl.col("item_id") == "s0").then(pl.lit("bottom")).otherwise("group")  # its category is shoes
    items = dataset.catalogue.items.drop("image").with_columns(group=groups)
    other = create(
        Imported(items, dataset.outfits.to_frame(dataset.catalogue), "made", "none"), tmp_path / "mixed", layout="test"
    )
    write_made(other, other.catalogue.ids, np.ones((3 * COUNT, 8), np.float32))
    with pytest.raises(DataError, match=r"cannot score 't1' with 's0': it gives each category the group that most"):
        explain_pair(run, other, "t1", "s0")


def test_uninformative_questions_are_refused_in_one_sentence(folder: Path, run: Run, dataset: Dataset, tmp_path: Path):
    other = Questions.from_frame(compat(dataset).frame, dataset.catalogue, {"catalogue": "0" * 12})
    with pytest.raises(DataError, match=r"was made from another catalogue than .*; give questions of this data set"):
        insights(run, dataset, other)
    frame, _ = make_questions(
        dataset.catalogue, dataset.outfits, "valid", "fitb", "category", usable=np.ones(3 * COUNT, bool)
    )
    with pytest.raises(DataError, match=r"has no question of two candidates; give triplets"):
        insights(run, dataset, Questions.from_frame(frame, dataset.catalogue))
    grey = write_dataset(tmp_path, colours=("grey",))
    silent = write_run(folder, grey, RULES[:1], name="silent")
    with pytest.raises(DataError, match=r"none of the 1 rules of .* is active in any of the \d+ answered questions"):
        insights(silent, grey)
    bare = create(
        Imported(dataset.catalogue.items.drop("image"), dataset.outfits.to_frame(dataset.catalogue), "made", "none"),
        tmp_path / "bare", layout="test",
    )  # fmt: skip
    write_made(bare, bare.catalogue.ids, np.ones((3 * COUNT, 8), np.float32))
    unknown = write_run(folder, with_column(dataset, tmp_path), [Rule("mood", "calm", "calm", "+")], name="moody")
    with pytest.raises(CatalogueError, match=r"rule 'mood: calm \+ calm': the catalogue has no attribute 'mood'"):
        insights(unknown, bare)


def with_column(dataset: Dataset, folder: Path) -> Dataset:
    """The same data set with a column of its own."""
    items = dataset.catalogue.items.drop("image").with_columns(mood=pl.lit("calm"))
    made = create(
        Imported(items, dataset.outfits.to_frame(dataset.catalogue), "made", "none"), folder / "moods", layout="test"
    )
    write_made(made, made.catalogue.ids, np.ones((3 * COUNT, 8), np.float32))
    return made


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
