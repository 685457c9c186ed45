import math
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from goeswith.data.catalogue import GROUPS, Catalogue
from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.outfits import Outfits
from goeswith.data.readers import sample
from goeswith.data.readers.sample import SMALLEST_ITEMS, oracle, read
from goeswith.data.sample import taste
from goeswith.data.sample.drawing import GARMENTS, draw
from goeswith.data.sample.drawing.cloth import MATERIALS
from goeswith.data.sample.drawing.palette import PALETTE, rgb
from goeswith.data.sample.drawing.patterns import PATTERNS
from goeswith.data.sample.outfits import make_outfits
from goeswith.data.sample.wardrobe import KINDS, MATERIAL_FEEL, PRINTED, SMALLEST_POOL, formality, make_items, warmth
from goeswith.errors import CatalogueError, ConfigError


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    workdir = tmp_path_factory.mktemp("drawn")
    return read(None, workdir=workdir, outfits=60, items=SMALLEST_ITEMS, seed=3, size=32, workers=1)


@pytest.fixture(scope="module")
def wardrobe() -> tuple[Catalogue, Outfits]:
    luck = np.random.default_rng(0)
    catalogue = Catalogue(make_items(1000, luck))
    return catalogue, Outfits.from_frame(make_outfits(catalogue, 400, luck), catalogue)


def picture(category: str, colour: str = "black", seed: int = 0, size: int = 96) -> np.ndarray:
    material = (KINDS[category].summer or KINDS[category].winter)[0]
    return np.asarray(draw(category, colour, "plain", material, summer=True, seed=(seed,), size=size))


# ---------------------------------------------------------------- pictures


@pytest.mark.slow
@pytest.mark.parametrize("category", GARMENTS)
def test_every_garment_stands_on_white(category: str) -> None:
    for seed in range(2):
        pixels = picture(category, "red", seed)
        assert pixels.shape == (96, 96, 3)
        rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        assert rim.min() >= 250
        assert 0.02 < (pixels.min(axis=2) < 200).mean() < 0.75


def test_silhouettes_tell_categories_apart() -> None:
    shapes = {category: picture(category).min(axis=2) < 200 for category in GARMENTS}
    for first, second in combinations(GARMENTS, 2):
        overlap = (shapes[first] & shapes[second]).sum() / (shapes[first] | shapes[second]).sum()
        assert overlap < 0.95, (first, second)


@pytest.mark.slow
@pytest.mark.parametrize("category", GARMENTS)
def test_cut_varies_within_a_category(category: str) -> None:
    shapes = [picture(category, seed=seed).min(axis=2) < 200 for seed in range(4)]
    assert all((first != second).any() for first, second in combinations(shapes, 2))


def test_colours_can_be_read_from_pictures() -> None:
    palette = np.stack([rgb(name) for name in PALETTE])
    for index, colour in enumerate(PALETTE):
        pixels = picture("t-shirt", colour)[40:70, 35:60].reshape(-1, 3) / 255
        nearest = np.argmin(np.abs(np.median(pixels, axis=0) - palette).sum(axis=1))
        assert nearest == index, (colour, list(PALETTE)[nearest])


def test_patterns_and_materials_change_the_picture() -> None:
    def tote(pattern: str, material: str) -> np.ndarray:
        return np.asarray(draw("tote", "camel", pattern, material, summer=True, seed=(1,), size=96)).astype(int)

    printed = [tote(pattern, "cotton") for pattern in PATTERNS]
    made = [tote("plain", material) for material in MATERIALS]
    for first, second in [*combinations(printed, 2), *combinations(made, 2)]:
        assert np.abs(first - second).max() > 10


def test_a_picture_follows_its_seed_and_size() -> None:
    assert (picture("coat", seed=5) == picture("coat", seed=5)).all()
    assert (picture("coat", seed=5) != picture("coat", seed=6)).any()
    assert picture("coat", size=33).shape == (33, 33, 3)
    small, large = picture("coat", size=64), picture("coat", size=128)
    assert np.abs(small.mean() - large.mean()) < 4


# ---------------------------------------------------------------- wardrobe


def test_tables_of_the_made_up_world_fit_together() -> None:
    assert set(KINDS) == set(GARMENTS)
    assert {kind.group for kind in KINDS.values()} == set(GROUPS) - {"other"}
    worn = {material for kind in KINDS.values() for material in (*kind.summer, *kind.winter)}
    assert worn == set(MATERIALS) == set(MATERIAL_FEEL)
    assert set(taste.LOUDNESS) == set(PATTERNS)
    assert {pattern for patterns in PRINTED.values() for pattern in patterns} == set(PATTERNS) - {"plain"}
    assert set(taste.UNDERTONE) < set(PALETTE)


@pytest.mark.parametrize("count", [SMALLEST_ITEMS, 2000])
def test_every_pool_of_category_and_season_can_give_wrong_answers(count: int) -> None:
    items = make_items(count, np.random.default_rng(1))
    assert len(items) == count
    assert items["item_id"].n_unique() == count
    assert items.group_by("category", "season").len()["len"].min() >= SMALLEST_POOL
    assert items["price"].min() > 5
    assert items["title"].str.len_chars().min() > 0


def test_titles_say_what_the_columns_say() -> None:
    for row in make_items(SMALLEST_ITEMS, np.random.default_rng(2)).iter_rows(named=True):
        assert row["title"].startswith(row["colour"])
        assert row["title"].endswith(row["category"])
        assert row["pattern"] != "plain" or "striped" not in row["title"]


# ---------------------------------------------------------------- taste


def items_of(*rows: tuple[str, str, str, str]) -> Catalogue:
    table = [dict(zip(("category", "colour", "pattern", "material"), row, strict=True)) for row in rows]
    return Catalogue(pl.DataFrame(table).with_row_index("item_id"))


def score_of(*rows: tuple[str, str, str, str]) -> float:
    catalogue = items_of(*rows)
    items = np.arange(len(rows))[None]
    return float(oracle(catalogue).score(items, np.ones_like(items, dtype=bool))[0])


TEE = ("t-shirt", "white", "plain", "cotton")
JEANS = ("jeans", "indigo", "plain", "denim")
SNEAKER = ("sneaker", "white", "plain", "leather")


def test_oracle_on_a_case_worked_out_by_hand() -> None:
    # formality .15 each; warmth .15, .5, .6; cotton-denim 1, leather-denim 1, cotton-leather 0
    tee_jeans = 0.3 * 0.5 + 0.10 + 0.25 + 0.15 * (1 - 2 * 0.35 / 0.6) + 0.20
    tee_sneaker = 0.3 * 0.5 + 0.10 + 0.25 + 0.15 * (1 - 2 * 0.45 / 0.6)
    jeans_sneaker = 0.3 * 0.5 + 0.10 + 0.25 + 0.15 * (1 - 2 * 0.1 / 0.6) + 0.20
    assert [round(pair, 4) for pair in (tee_jeans, tee_sneaker, jeans_sneaker)] == [0.675, 0.425, 0.8]
    assert score_of(TEE, JEANS, SNEAKER) == pytest.approx(1.9 / 3 + 0.5 * 0.425)


def test_oracle_knows_the_rules() -> None:
    def coloured(*colours: str) -> float:
        return score_of(
            *[(kind, colour, "plain", "canvas") for kind, colour in zip(("tote", "hat"), colours, strict=True)]
        )

    assert coloured("red", "green") - coloured("black", "grey") == pytest.approx(1.5 * 0.3 * (1 - 0.9) + 0.1)
    assert coloured("red", "red") - coloured("red", "green") == pytest.approx(0.25 - 0.1)
    assert coloured("black", "navy") - coloured("black", "white") == pytest.approx(-1.5 * 0.3 * 1.0)

    def made(*materials: str) -> float:
        return score_of(
            *[(kind, "red", "plain", material) for kind, material in zip(("tote", "belt"), materials, strict=True)]
        )

    assert made("denim", "denim") - made("denim", "jersey") == pytest.approx(-1.5 * 0.2)
    assert made("suede", "suede") - made("suede", "glass") == pytest.approx(1.5 * 0.2)

    def printed(*patterns: str) -> float:
        return score_of(*[("sneaker", "red", pattern, "cotton") for pattern in patterns])

    assert printed("dots", "floral") - printed("dots", "plain") == pytest.approx(0.2 - 1.5 * 0.2 * math.sqrt(0.6 * 0.9))
    assert printed("leopard", "floral") - printed("leopard", "plain") == pytest.approx(
        -0.4 - 1.5 * 0.2 * math.sqrt(0.9)
    )


@pytest.mark.parametrize(
    ("rows", "faults"),
    [
        ((TEE, JEANS, SNEAKER), 0),
        ((TEE, JEANS), 1),
        ((TEE, SNEAKER), 1),
        ((TEE, TEE, JEANS, SNEAKER), 1),
        ((("day dress", "red", "plain", "cotton"), SNEAKER), 0),
        ((("day dress", "red", "plain", "cotton"), JEANS, SNEAKER), 1),
        ((TEE, JEANS, SNEAKER, ("hat", "red", "plain", "wool"), ("belt", "red", "plain", "suede")), 0),
        ((TEE, JEANS, SNEAKER, ("hat", "red", "plain", "wool"), ("hat", "red", "plain", "straw")), 1),
    ],
)
def test_faults_of_an_outfit(rows: tuple, faults: int) -> None:
    without = naive_score(items_of(*rows).items.rows(named=True), penalty=0.0)
    assert score_of(*rows) == pytest.approx(without - 0.5 * faults)


def naive_score(items: list[dict], penalty: float = 0.5) -> float:
    """The text of goeswith.data.sample.taste, said again with loops."""

    def colour(first: str, second: str) -> float:
        if {first, second} == {"black", "navy"}:
            return -0.5
        hues = PALETTE[first][1], PALETTE[second][1]
        if None not in hues:
            return math.cos(math.radians(2 * (hues[0] - hues[1])))
        return {1: 0.9, 0: 0.5, -1: -0.4}[taste.UNDERTONE.get(first, 0) * taste.UNDERTONE.get(second, 0)]

    def material(first: str, second: str) -> float:
        score = 0.0
        for agreement, rules in taste.MATERIAL_RULES.items():
            for ones, others in rules:
                if (first in ones and second in others) or (second in ones and first in others):
                    score = agreement
        return score

    def pair(first: dict, second: dict) -> float:
        loud = math.sqrt(taste.LOUDNESS[first["pattern"]] * taste.LOUDNESS[second["pattern"]])
        dressed = [formality(item["category"], item["material"], item["pattern"]) for item in (first, second)]
        warm = [warmth(item["category"], item["material"]) for item in (first, second)]
        season = 1 - 2 * min(1, abs(warm[0] - warm[1]) / 0.6)
        return (
            0.3 * colour(first["colour"], second["colour"])
            + 0.10 * (1 - 2 * loud)
            + 0.25 * (1 - 2 * min(1, (abs(dressed[0] - dressed[1]) / 0.5) ** 2))
            + 0.15 * (0 if any(map(math.isnan, warm)) else season)
            + 0.20 * material(first["material"], second["material"])
        )

    pairs = [pair(first, second) for first, second in combinations(items, 2)]
    hues = {round(PALETTE[item["colour"]][1] / 60) % 6 for item in items if PALETTE[item["colour"]][1] is not None}
    loud = sum(taste.LOUDNESS[item["pattern"]] >= 0.7 for item in items)
    groups = [KINDS[item["category"]].group for item in items]
    alone = [item["category"] if group == "accessory" else group for item, group in zip(items, groups, strict=True)]
    faults = len(alone) - len(set(alone))
    faults += "dress" not in groups and not {"top", "bottom"} <= set(groups)
    faults += {"dress", "bottom"} <= set(groups)
    faults += "shoes" not in groups
    return (
        sum(pairs) / len(pairs)
        + 0.5 * min(pairs)
        + [0, 0.25, 0.1, -0.25, -0.5][min(len(hues), 4)]
        + [0, 0.2, -0.2, -0.5][min(loud, 3)]
        - penalty * faults
    )


def test_oracle_agrees_with_the_loops(wardrobe: tuple[Catalogue, Outfits]) -> None:
    catalogue, _ = wardrobe
    luck = np.random.default_rng(7)
    items = luck.integers(len(catalogue), size=(200, 6))
    mask = np.arange(6) < luck.integers(2, 7, size=200)[:, None]
    rows = catalogue.items.rows(named=True)
    expected = [naive_score([rows[row] for row in outfit[real]]) for outfit, real in zip(items, mask, strict=True)]
    scorer = oracle(catalogue)
    assert scorer.name == "ceiling"
    np.testing.assert_allclose(scorer.score(items, mask), expected, atol=1e-12)
    order = np.array([3, 1, 5, 0, 2, 4])
    np.testing.assert_allclose(scorer.score(items[:, order], mask[:, order]), expected, atol=1e-12)


def test_oracle_in_chunks_and_on_nothing(wardrobe: tuple[Catalogue, Outfits], monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue, outfits = wardrobe
    items, mask = outfits.padded()
    whole = oracle(catalogue).score(items, mask)
    monkeypatch.setattr(taste, "_CHUNK", 7)
    np.testing.assert_array_equal(oracle(catalogue).score(items, mask), whole)
    assert oracle(catalogue).score(items[:0], mask[:0]).shape == (0,)


def test_oracle_wants_a_drawn_sample() -> None:
    with pytest.raises(CatalogueError, match=r"item '0' has colour 'taupe', .* import sample"):
        oracle(items_of(("jeans", "taupe", "plain", "denim")))


# ---------------------------------------------------------------- outfits


def test_designers_and_users_follow_their_rules(wardrobe: tuple[Catalogue, Outfits]) -> None:
    catalogue, outfits = wardrobe
    groups = catalogue.items["group"].to_numpy()
    assert (outfits.sources == "designers").sum() == (outfits.sources == "users").sum() == 200
    for row in range(len(outfits)):
        rows = outfits[row]
        assert len(set(rows)) == len(rows)
        if outfits.sources[row] == "designers":
            assert 4 <= len(rows) <= 6
            assert {"top", "bottom"} <= set(groups[rows])
    assert "dress" in groups[outfits.take(outfits.sources == "users").items]


def corrupted(outfits: Outfits, catalogue: Catalogue, luck: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Each outfit ten times, one item replaced by another of its category."""
    items, mask = (np.repeat(part, 10, axis=0) for part in outfits.padded())
    wrong = items.copy()
    for row, real in enumerate(mask):
        position = luck.integers(real.sum())
        same = catalogue.category_codes == catalogue.category_codes[items[row, position]]
        wrong[row, position] = luck.choice(np.setdiff1d(np.flatnonzero(same), items[row, position]))
    return items, wrong, mask


def test_ceiling_is_high_for_designers_and_lower_for_users(wardrobe: tuple[Catalogue, Outfits]) -> None:
    catalogue, outfits = wardrobe
    scorer, luck = oracle(catalogue), np.random.default_rng(5)
    auc, mean = {}, {}
    for source in ("designers", "users"):
        items, wrong, mask = corrupted(outfits.take(outfits.sources == source), catalogue, luck)
        auc[source] = (scorer.score(items, mask) > scorer.score(wrong, mask)).mean()
        mean[source] = scorer.score(items, mask).mean()
    chance = scorer.score(luck.integers(len(catalogue), size=(500, 5)), np.ones((500, 5), dtype=bool)).mean()
    assert mean["designers"] > mean["users"] + 0.1 > chance + 0.6
    assert 0.90 < auc["designers"] < 0.98
    assert 0.80 < auc["users"] < 0.90


def test_users_have_bestsellers_and_seasons(wardrobe: tuple[Catalogue, Outfits]) -> None:
    catalogue, outfits = wardrobe
    winter = (catalogue.items["season"] == "winter").to_numpy()
    top, agree = {}, {}
    for source in ("designers", "users"):
        chosen = outfits.take(outfits.sources == source)
        worn = np.sort(np.bincount(chosen.items, minlength=len(catalogue)))[::-1]
        top[source] = worn[:50].sum() / worn.sum()
        shares = np.array([winter[chosen[row]].mean() for row in range(len(chosen))])
        agree[source] = np.maximum(shares, 1 - shares).mean()
    assert top["users"] > 1.2 * top["designers"]
    assert agree["users"] > agree["designers"]


# ---------------------------------------------------------------- the reader


@pytest.mark.slow
def test_read_gives_a_data_set(drawn: Imported, tmp_path: Path) -> None:
    made = create(drawn, tmp_path / "sample", layout="sample")
    assert len(made.catalogue) == SMALLEST_ITEMS
    assert made.info["pictures"] == SMALLEST_ITEMS
    assert made.info["source"] == "drawn by goeswith (seed 3)"
    assert made.info["licence"] == "Apache-2.0"
    assert len(Dataset(f"{tmp_path}/sample#designers").outfits) == 30
    assert np.isfinite(oracle(made.catalogue).score(*made.outfits.padded())).all()


def test_equal_seed_equal_tables() -> None:
    def made(seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        luck = np.random.default_rng(seed)
        items = make_items(SMALLEST_ITEMS, luck)
        return items, make_outfits(Catalogue(items), 20, luck)

    assert all(first.equals(second) for first, second in zip(made(4), made(4), strict=True))
    assert not any(first.equals(second) for first, second in zip(made(4), made(5), strict=True))


def test_progress_reaches_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "draw", lambda *arguments, **options: Image.new("RGB", (8, 8)))
    calls: list[tuple[int, int]] = []
    read(None, workdir=tmp_path, outfits=20, workers=1, items=500, progress=lambda *done: calls.append(done))
    assert calls == sorted(calls)
    assert calls[-1] == (500, 500)


@pytest.mark.slow
def test_equal_seed_equal_bytes_whoever_draws(drawn: Imported, tmp_path: Path) -> None:
    again = read(None, workdir=tmp_path, outfits=60, items=SMALLEST_ITEMS, seed=3, size=32, workers=2)
    assert again.items.equals(drawn.items)
    assert again.outfits.equals(drawn.outfits)
    assert all(path.read_bytes() == drawn.images[item].read_bytes() for item, path in again.images.items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outfits": 19}, "--outfits 19 is too few .* 20 or more"),
        ({"items": SMALLEST_ITEMS - 1}, f"--option items={SMALLEST_ITEMS - 1} is too few .* {SMALLEST_ITEMS} or more"),
        ({"size": 8}, "--option size=8 .* 32 to 1024"),
        ({"seed": -1}, "--seed -1 is negative"),
    ],
)
def test_bad_options_are_named(options: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        read(None, workdir=tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_a_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="takes no source"):
        read(tmp_path, workdir=tmp_path)


@pytest.mark.slow
def test_the_drawing_processes_end_when_their_parent_is_killed(tmp_path):
    code = "from pathlib import Path; from goeswith.data.readers.sample import read; " + (
        f"read(None, workdir=Path({str(tmp_path)!r}), outfits=3000, workers=2, "
        "progress=lambda *done: print('drawn', flush=True))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"drawn\n"
    parent.kill()
    parent.communicate(timeout=600)  # ends when the last process that holds the pipe does
