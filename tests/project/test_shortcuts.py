"""What counters that see no picture make of published question files: benchmarks/shortcuts.py."""

import json
import math
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from folders import fail, write
from made_scores import made_score

from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.questions import SCHEMA, Questions, read_questions
from goeswith.models.floors import ItemFloor
from goeswith.scores import Score

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))

import ngnn_protocol  # noqa: E402
import shortcuts  # noqa: E402
from ngnn_protocol import Slots  # noqa: E402
from shortcuts_counters import counters, folded_lines, paired_lines, partners  # noqa: E402
from shortcuts_page import Section, verdict, write_page  # noqa: E402


@pytest.fixture(scope="module")
def polyvore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sets t0..t59 train, s0..s39 test: of categories 11 + 27 + 43 or 6 + 37 + 41. Category 99 trains with one item."""
    kinds = [(11, 27, 43), (6, 37, 41)]
    train = [{"set_id": f"t{n}", "items_index": [1, 2, 3], "items_category": kinds[n % 2]} for n in range(60)]
    train.append({"set_id": "t60", "items_index": [1, 2, 3], "items_category": [99, 11, 27]})
    test = [{"set_id": f"s{n}", "items_index": [1, 2, 3], "items_category": kinds[n % 2]} for n in range(40)]
    pool = {
        code: [
            f"{o['set_id']}_{i}"
            for o in train
            for c, i in zip(o["items_category"], (1, 2, 3), strict=True)
            if c == code
        ]
        for code in (11, 27, 43, 6, 37, 41, 99)
    }
    # The wrong answers are of the other kind of outfit; s0 has two right answers, s1 asks of an item without category.
    blanks = [
        {"question": [f"s{n}_1", f"s{n}_2"], "answers": [f"s{n}_3", f"s{(n + 1) % 40}_1", f"s{(n + 3) % 40}_2"]}
        for n in range(40)
    ]
    blanks[0]["answers"][1] = "s0_4"
    blanks[1]["question"].append("s1_9")
    good = [f"1 s{n}_1 s{n}_2 s{n}_3" for n in range(40)]
    bad = [f"0 s{n}_1 s{(n + 1) % 40}_2 s{(n + 2) % 40}_3" for n in range(20)]
    files = {
        "train_no_dup_new_100.json": json.dumps(train),
        "test_no_dup_new_100.json": json.dumps(test),
        "category_summarize_100.json": json.dumps([{"id": code, "items": items} for code, items in pool.items()]),
        "category_id.txt": "11 Tops\n27 Jeans\n43 Pumps\n6 Gowns\n37 Bags\n41 Rings\n99 Hats\n",
        "fill_in_blank_test.json": json.dumps([row | {"blank_position": 3} for row in blanks]),
        "fashion_compatibility_prediction.txt": "\n".join([*good, *bad, "0 s1_9 s2_1 s3_2"]) + "\n",
    }
    folder = write(tmp_path_factory.mktemp("published") / "polyvore-maryland", files)
    sets = [(outfit["set_id"], position) for outfit in (*train, *test) for position in range(3)]
    named = {
        "set_id": [name for name, _ in sets],
        "clothingItemIndex": [position + 1 for _, position in sets],
        "clothingItemName": [f"thing {position}" for _, position in sets],
        "clothingItemCategoryId": [o["items_category"][position] for o in (*train, *test) for position in range(3)],
        "type": ["top"] * len(sets),
        "clothingItemPrice": [1.0] * len(sets),
        "clothingItemLikes": [1] * len(sets),
    }
    pl.DataFrame(named).write_parquet(folder / "named_items.parquet")
    return folder.parent


@pytest.fixture(scope="module")
def sections(polyvore: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Section]:
    collected = shortcuts.collect(polyvore, tmp_path_factory.mktemp("work"))
    return {section.key: section for section in collected}


def values(section: Section) -> dict[str, float]:
    return {line.floor: line.value for line in section.lines}


@pytest.mark.slow
def test_category_counts_solve_questions_whose_wrong_answers_are_of_another_kind(sections: dict[str, Section]) -> None:
    section = sections["maryland-categories-fitb-official"]
    assert section.asked == 40
    assert section.lines[0].n == 38
    assert sum(section.left.values()) == 2  # two right answers; an item without category
    assert values(section)["category"] == 1.0
    assert values(section)["chance"] == values(section)["popularity"] == pytest.approx(1 / 3)
    assert section.first == 39 / 40
    assert section.same == 0.0
    partly = sections["maryland-categories-fitb-partly"]
    assert partly.lines[0].n == 39
    assert "size" not in values(partly)
    compat = sections["maryland-categories-compat-official"]
    assert compat.lines[0].n == 60
    assert compat.asked == 61
    assert values(compat)["category"] == 1.0
    assert "AUC 0.500" in compat.notes[-1]  # every row has three items
    assert sections["maryland-categories-compat-partly"].lines[0].n == 61


@pytest.mark.slow
def test_rarity_solves_the_released_protocol_whatever_is_worn(sections: dict[str, Section]) -> None:
    for task in ("fitb", "compat"):
        for negatives in ("released", "frequency"):
            section = sections[f"ngnn-{task}-{negatives}"]
            assert values(section)["rarity"] == 1.0
            assert values(section)["popularity"] == 0.0
            assert section.control == (negatives == "frequency")
            assert "every wrong item is one" in verdict(section)
    assert values(sections["ngnn-fitb-released"])["chance"] == 0.25
    assert values(sections["ngnn-compat-released"])["chance"] == 0.5


def test_the_released_protocol_draws_categories_and_the_control_draws_items() -> None:
    pool = [["rare"], [f"i{n}" for n in range(99)]]
    released = ngnn_protocol.uniform_category(pool, np.random.default_rng(0))(4000)
    frequency = ngnn_protocol.uniform_item(pool, np.random.default_rng(0))(4000)
    assert released.count("rare") / 4000 == pytest.approx(0.5, abs=0.03)
    assert frequency.count("rare") / 4000 == pytest.approx(0.01, abs=0.006)
    assert set(released) == {"rare", *pool[1]}


def test_a_question_of_the_protocol_blanks_one_item_and_a_bad_outfit_is_all_wrong() -> None:
    test = pl.DataFrame({"outfit_id": ["a", "b"], "item_ids": [["a1", "a2", "a3"], ["b1", "b2", "b3", "b4"]]})
    chance = np.random.default_rng(0)
    draw = ngnn_protocol.uniform_item([["w1", "w2"]], chance)
    blanks = ngnn_protocol.blanks(test, "released", draw, chance)
    for row, items in zip(blanks.iter_rows(named=True), test["item_ids"], strict=True):
        truth, *wrong = row["candidates"]
        assert row["answer"] == 0
        assert row["position"] == len(row["context"])
        assert sorted([truth, *row["context"]]) == sorted(items)
        assert len(wrong) == 3
        assert set(wrong) <= {"w1", "w2"}
    pairs = ngnn_protocol.pairs(test, "released", draw)
    assert pairs["label"].to_list() == [1, 0, 1, 0]
    assert pairs["outfit_id"].to_list() == ["a", "a", "b", "b"]
    assert pairs["context"].list.len().to_list() == [3, 3, 4, 4]
    assert set(pairs["context"][3]) <= {"w1", "w2"}


def test_slots_keep_the_last_item_of_each_category() -> None:
    random = np.random.default_rng(0)
    categories, worth = random.integers(0, 4, 30), random.integers(0, 100, 30).astype(float)
    items, lengths = random.integers(0, 30, (50, 6)), random.integers(1, 7, 50)
    mask = np.arange(6) < lengths[:, None]
    expected = []
    for row, length in zip(items, lengths, strict=True):
        last = {int(categories[item]): worth[item] for item in row[:length]}
        expected.append(sum(last.values()) / len(last))
    got = Slots(ItemFloor("worth", worth), categories).score(items, mask)
    assert got == pytest.approx(expected)


def small(tmp_path: Path, rows: list[list[str]], test: list[list[str]]) -> Dataset:
    """Outfits of items called <category><number>; every item of `rows` and `test` is in the catalogue."""
    names = sorted({item for row in (*rows, *test) for item in row})
    outfits = pl.DataFrame(
        {
            "outfit_id": [f"o{index}" for index in range(len(rows) + len(test))],
            "item_ids": [*rows, *test],
            "split": ["train"] * len(rows) + ["test"] * len(test),
        }
    )
    items = pl.DataFrame({"item_id": names, "category": [name[0] for name in names]})
    return create(Imported(items, outfits, "made up", "none"), tmp_path / "small", layout="table")


def test_likelihood_is_naive_bayes_over_the_choices_for_a_blank(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    letters = np.array(list("abcdef"))
    weights = np.array([8, 5, 4, 3, 2, 1]) / 23
    rows = [[f"{c}{n}" for c in random.choice(letters, 3, replace=False, p=weights)] for n in range(300)]
    dataset = small(tmp_path, rows, [["a900", "b900"]])
    code = {name: dataset.catalogue.items["item_id"].to_list().index(name) for name in ("a900", "b900")}
    single, pair, ends = Counter(), Counter(), Counter()
    for row in rows:
        single.update(item[0] for item in row)
        for first, second in combinations([item[0] for item in row], 2):
            pair[frozenset((first, second))] += 1
            ends.update((first, second))
    scorers = counters(dataset)
    for candidate in "cdef":
        item = next(item for row in rows for item in row if item[0] == candidate)
        code[candidate] = dataset.catalogue.items["item_id"].to_list().index(item)
        worn = ["a", "b", candidate]
        total, whole = sum(single.values()) + 6, sum(ends.values())
        score = sum(math.log((single[c] + 1) / total) for c in worn)
        for first, second in combinations(worn, 2):
            expected = ends[first] * ends[second] / whole
            score += math.log((pair[frozenset((first, second))] + 1) / (expected + 1))
        rows_of = np.array([[code["a900"], code["b900"], code[candidate]]])
        got = scorers["category likelihood"].score(rows_of, np.ones((1, 3), bool))
        assert got == pytest.approx(score / 3, abs=1e-6)


def labelled(dataset: Dataset, rows: list[tuple[str, int, list[str]]]) -> Questions:
    table = [
        (f"q{n}", "compat", "official", name, items, [], -1, 0, label) for n, (name, label, items) in enumerate(rows)
    ]
    return Questions.from_frame(pl.DataFrame(table, schema=SCHEMA, orient="row"), dataset.catalogue)


def test_pairs_are_compared_two_by_two_with_ties_half_and_silence_wrong(tmp_path: Path) -> None:
    dataset = small(tmp_path, [["a1", "b1"], ["a1", "c1"]], [["a2", "b2"]])
    rows = [("x", 1, ["a1", "b1"]), ("x", 0, ["b2", "a2"]), ("y", 1, ["a2", "b2"]), ("y", 0, ["a2", "b2"])]
    rows += [("z", 1, ["a2", "b2"]), ("z", 0, ["a1", "c1"]), ("s", 1, ["a1", "b1"]), ("s", 0, ["c1", "a2"])]
    worth = {"a1": 3.0, "b1": 2.0, "c1": math.nan}
    catalogue = dataset.catalogue
    floor = ItemFloor("worth", np.array([worth.get(name, 0.0) for name in catalogue.items["item_id"]]))
    (line,) = paired_lines(labelled(dataset, rows), dataset, {"worth": floor})
    assert line.value == (1 + 0.5 + 0 + 0) / 4
    assert line.n == 4
    assert line.unanswered == 2
    assert line.low <= line.value <= line.high


def test_bad_rows_of_the_same_categories_are_at_chance_for_every_counter_of_folds(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    good = [[f"{c}{n}" for c in random.choice(list("abcdefg"), 3, replace=False)] for n in range(60)]
    spare = {c: [item for row in good for item in row if item[0] == c] for c in "abcdefg"}
    bad = [[spare[item[0]][(spare[item[0]].index(item) + 1) % len(spare[item[0]])] for item in row] for row in good]
    dataset = small(tmp_path, [["a1", "b900"]], good)
    names = dict(zip(map(tuple, good), (name for name in dataset.outfits.outfit_ids if name != "o0"), strict=True))
    rows = [(names[tuple(row)], 1, row) for row in good] + [(f"bad{n}", 0, row) for n, row in enumerate(bad)]
    questions = labelled(dataset, rows)
    assert partners(questions).tolist() == [*range(60), *range(60)]
    for line in folded_lines(questions, dataset):
        assert line.value == 0.5, line.floor
        assert line.floor not in ("popularity", "rarity", "item pairs")
    (note,) = shortcuts.permuted(questions, dataset)
    assert "100.00% of the 180 places" in note
    assert "the very items" in note
    (note,) = shortcuts.permuted(labelled(dataset, rows[:-1]), dataset)
    assert "differ in number" in note


def section(key: str, value: float, low: float, **more: object) -> Section:
    def line(floor: str, value: float, low: float) -> Score:
        return made_score(floor, value, floor=floor, low=low, high=value, n=10, signature="made|up")

    return Section(
        key, "Made up", "made.json", 40, {"made.json: lost": 30},
        [line("chance", 0.25, 0.25), line("size", value, low)], "5 training outfits", **more,
    )  # fmt: skip


def test_a_verdict_says_what_share_of_the_published_number_is_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(shortcuts.write_page.__globals__["PUBLISHED"], "here", ("Seer", 0.65))
    judged = section("here", 0.45, 0.40, first=0.9)
    assert judged.share == pytest.approx(0.5)
    assert "50% of what Seer (recalled: .650, of all 40 questions)" in verdict(judged)
    assert "must not be compared" in verdict(judged)
    assert "Always taking the first choice scores .900" in verdict(judged)
    weak = verdict(section("there", 0.28, 0.26))
    assert "a model must beat that" in weak
    assert "recalled" not in weak
    assert verdict(section("there", 0.30, 0.24)).startswith("No counter of labels beats chance (.250)")
    assert "measures only memory" in verdict(section("there", 0.9, 0.8, in_sample=True))


@pytest.mark.slow
def test_the_page_is_made_from_what_was_measured(
    polyvore: Path, sections: dict[str, Section], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "shortcuts.md"
    write_page(list(sections.values()), page)
    text = page.read_text()
    for section in sections.values():
        assert f"## {section.title}\n" in text
        for line in section.lines:
            assert f"| `{line.floor}` | {line.value:.3f} [" in text
            assert line.signature in text.replace("\\|", "|")
    assert "Left out: 1 questions without exactly one right answer; 1 questions that name an unknown item" in text
    assert "none above chance (`popularity`)" in text
    again = tmp_path / "again.md"
    arguments = ["shortcuts.py", "--data", str(polyvore), "--work", str(tmp_path / "work"), "--page", str(again)]
    monkeypatch.setattr(sys, "argv", arguments)
    shortcuts.main()
    assert again.read_text() == text  # the same data, imported anew
    shortcuts.main()
    assert again.read_text() == text  # and opened again
    assert len(json.loads((tmp_path / "work" / "shortcuts.json").read_text())) == len(sections)


def test_a_folder_without_names_says_so(polyvore: Path, tmp_path: Path) -> None:
    for file in (polyvore / "polyvore-maryland").glob("*_100.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    fail("polyvore-maryland", tmp_path, ["no item for variant 'words'", "--option variant="])


@pytest.mark.real
def test_plain_loops_count_the_same_on_the_released_protocol(real: Path, tmp_path: Path) -> None:
    (tmp_path / "polyvore-maryland").symlink_to(real / "polyvore-maryland")
    dataset = create(ngnn_protocol.read(tmp_path / "polyvore-maryland"), tmp_path / "ngnn", layout="polyvore-maryland")
    questions = read_questions(dataset.path / "questions" / "released-test-fitb.parquet", dataset.catalogue)
    scorers = {"category counts": counters(dataset)["category counts"]}
    (line,) = shortcuts.lines_of(
        questions, dataset, {n: Slots(f, dataset.catalogue.category_codes) for n, f in scorers.items()}
    )
    kind = dict(dataset.catalogue.items.select("item_id", "category").iter_rows())
    seen: Counter[frozenset[str]] = Counter()
    for row in dataset.outfits.split("train").to_frame(dataset.catalogue)["item_ids"]:
        seen.update(frozenset(pair) for pair in combinations([kind[item] for item in row], 2))
    right = 0.0
    for row in questions.frame.iter_rows(named=True):
        scores = []
        for candidate in row["candidates"]:
            worn = {kind[item] for item in (*row["context"], candidate)}
            pairs = [math.log(1 + seen[frozenset(pair)]) for pair in combinations(worn, 2)]
            scores.append(round(sum(pairs) / len(pairs), 6))
        right += (scores[0] == max(scores)) / scores.count(scores[0])
    assert line.n == 2697
    assert line.value == pytest.approx(right / 2697, abs=0.002)
    assert line.low > 0.5
    positions = shortcuts.own_places(real / "polyvore-maryland" / "fill_in_blank_test.json")
    assert shortcuts.first_choice(positions) == pytest.approx(3074 / 3076)
