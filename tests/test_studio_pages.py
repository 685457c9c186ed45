"""Pages of the studio: what they show is true, nothing in a title runs, the board stands in its address."""

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from served import BARE, BROKEN, COLOURS, ODD, SCRIPT, VARIANTS, make_index, seen
from typer.testing import CliRunner

from goeswith.cli import app
from goeswith.contributions import pair_matrix
from goeswith.errors import DataError
from goeswith.index import Index
from goeswith.readers import read
from goeswith.studio import board as boards
from goeswith.studio import effects, outfitting, quiz, ruling, switches, troubles, views
from goeswith.studio.app import create_app
from goeswith.studio.behind import dataset
from goeswith.studio.board import Board, draw, places, slots
from goeswith.studio.feedback import keep, kept, write_outfits
from goeswith.studio.pages import STATIC, templates
from goeswith.studio.views import PAGE, SHAPES

PATHS = ("/", "/board", "/board?on=i0&on=i12", "/item?item=i0", "/quiz?seed=1", "/rules", "/report", "/report/numbers",
         "/upload")  # fmt: skip
ON = "/board?on=i0&on=i100&on=i150"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("studio")
    app = create_app(make_index(folder), feedback=folder / "feedback.jsonl")
    with TestClient(app) as client:
        yield client


@pytest.fixture
def wall(client):
    return client.app.state.shop.wall


class Parts(HTMLParser):
    """Tags with their attributes, and the ids that cards bring."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def of(self, kind, **wanted):
        return [a for tag, a in self.tags if tag == kind and all(a.get(key) == value for key, value in wanted.items())]


def cards(text):
    return [button["value"] for button in Parts(text).of("button", name="toggle")]


@pytest.mark.parametrize("path", PATHS)
def test_pages_bring_no_script_and_no_style_of_their_own(client, path):
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    for tag, attributes in Parts(answer.text).tags:
        assert tag != "style"
        assert tag != "script" or set(attributes) == {"src", "defer"}
        assert not [name for name in attributes if name.startswith("on") or name == "style"], attributes
        for name in ("src", "href", "action"):
            assert attributes.get(name, "/").startswith(("/", "#")), attributes  # no asset from another host


def test_a_script_in_a_title_stays_text(client):
    for path in (f"/item?item={BROKEN}", f"/board?on={BROKEN}&on=i100", "/?q=script", "/?q=<script>alert(2)</script>"):
        text = client.get(path).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text
    assert SCRIPT.startswith("<script>")


def test_the_wall_shows_every_item_once_page_by_page(client, wall):
    found, path, pages = [], "/", 0
    while path:
        text = client.get(path).text
        found += cards(text)
        pages += 1
        more = re.search(r'data-next><a class="button" data-carry href="([^"]+)"', text)
        path = more.group(1).replace("&amp;", "&") if more else ""
        assert len(cards(text)) == min(PAGE, len(wall.catalogue) - PAGE * (pages - 1))
    assert sorted(found) == sorted(wall.catalogue.ids)
    assert pages == -(-len(wall.catalogue) // PAGE)


def test_filters_and_words_hold_exactly(client, wall):
    frame = wall.catalogue.items
    for query, keep_row in (
        ("group=shoes", lambda row: row["group"] == "shoes"),
        ("group=shoes&colour=red", lambda row: row["group"] == "shoes" and row["colour"] == "red"),
        ("price_min=20&price_max=29.5", lambda row: 20 <= row["price"] <= 29.5),
        ("q=camel+skirt", lambda row: row["colour"] == "camel" and row["category"] == "skirt"),
    ):
        expected = sum(keep_row(row) for row in frame.iter_rows(named=True))
        assert f'<span class="number">{expected} item' in client.get(f"/?{query}").text, query
    assert "Nothing like that here" in client.get("/?q=zebra").text


def test_groups_count_what_was_found(client, wall):
    frame = wall.catalogue.items
    for query, keep_row in (
        ("", lambda row: True),
        ("q=camel+skirt", lambda row: row["colour"] == "camel" and row["category"] == "skirt"),
        ("q=camel&group=shoes", lambda row: row["colour"] == "camel"),  # the other groups say what they would show
        ("q=zebra", lambda row: False),
    ):
        expected = dict.fromkeys(frame["group"].drop_nulls().unique(), 0)
        for row in frame.iter_rows(named=True):
            if keep_row(row) and row["group"]:
                expected[row["group"]] += 1
        told = re.findall(r'>([\w ]+)<small class="number">([\d,]+)</small></a>', client.get(f"/?{query}").text)
        assert dict(told) == {views.plural(name): f"{number:,}" for name, number in expected.items()}, query


@pytest.mark.parametrize(("changed", "words"), [(0, "0 picks change"), (1, "1 pick changes"), (2, "2 picks change")])
def test_picks_are_counted_in_grammar(client, monkeypatch, changed, words):
    real = effects.effect
    monkeypatch.setattr(ruling, "effect", lambda *given: real(*given) | {"changed": changed})
    written = {"rule": json.dumps(["colour", COLOURS[0], COLOURS[1], "+"])}
    assert f"{words}<" in client.get("/rules", params=written).text


def test_the_sentence_and_the_number_show_the_same_score(client, wall, monkeypatch):
    monkeypatch.setitem(vars(wall.index), "scale", None)
    ids = wall.stylist.fill(["i0", "i100"], "bag", k=200)[-1].item_ids
    told = wall.stylist.judge(ids).score
    assert told < 0
    text = client.get("/board?on=" + "&on=".join(ids)).text
    assert f"has a score of −{-told:.2f}, and" in text
    assert f'id="verdict">−{-told:.2f}<' in text


@pytest.mark.parametrize(
    ("query", "words"),
    [("price_min=cheap", "is no number"), ("price_min=9&price_max=1", "contradict"), ("brand=Albb", "Alba")],
)
def test_a_filter_that_cannot_be_is_told_on_the_page(client, query, words):
    answer = client.get(f"/?{query}")
    assert answer.status_code == 200
    assert words in answer.text
    assert not cards(answer.text)


def test_a_board_is_its_address():
    board = Board.of(["a", "b&c", "d;e", "a"], ["d;e", "gone"])
    assert board == Board(("a", "b&c", "d;e"), ("d;e",))
    assert board.url == "/board?on=a&on=b%26c&on=d%3Be&lock=d%3Be"
    assert board.toggle("a").toggle("a").on == ("b&c", "d;e", "a")
    assert board.put("b&c", "new").on == ("a", "new", "d;e")
    assert board.put("a", "d;e").on == ("d;e", "b&c")  # an item stands on it once
    assert board.hold("a").free("d;e").lock == ("a",)
    assert board.without("d;e").lock == ()
    assert board.cleared == Board(("d;e",), ("d;e",))
    full = Board.of([str(number) for number in range(boards.MOST)], [])
    assert full.plus("more") == full


def test_the_drawing_and_the_style_sheet_agree():
    css = (STATIC / "studio.css").read_text()
    for place, (radius, width) in enumerate(zip(boards.RADII, boards.WIDTHS, strict=True), 2):
        turn = f"{360 * boards.TURNS.get(place, 0):g}deg"
        told = f"li:nth-child({place}):last-child) {{ --n: {place}; --r: {radius:g}%; --w: {width:g}%; --t: {turn}; }}"
        assert told in css, told
    assert all(f'data-shape="{name}"] {{ --shape: {f"{value:g}".lstrip("0")};' in css for name, value in SHAPES.items()
               if name != "square")  # fmt: skip
    for number in range(2, boards.MOST + 1):
        at = places(number)
        wide = 10 * boards.WIDTHS[number - 2]
        apart = np.abs(at[:, None] - at) / [wide, wide / SHAPES["taller"]]
        assert (apart.max(axis=2)[~np.eye(number, dtype=bool)] > 1).all(), f"{number} items overlap"


def test_lines_say_how_well_pairs_go():
    ahead = np.full((3, 3), np.nan)
    ahead[0, 1], ahead[0, 2] = 0.05, 0.9
    told = draw(["a", "b", "c"], ahead, (0, 1))
    assert [(line.words, line.level, line.weakest) for line in told.lines] == [
        ("b and c", 2, False),
        ("a and c: better than 90 % of worn pairs", 4, False),
        ("a and b: better than 5 % of worn pairs", 0, True),
    ]
    assert told.flag is not None
    assert draw(["a", "b"], ahead[:2, :2], (0, 1)).flag is None  # of two there is but one link
    for number in range(3, boards.MOST + 1):
        flag = draw([str(i) for i in range(number)], np.full((number, number), 0.5), (0, number // 2)).flag
        assert flag is not None
        assert 0 < flag["x"] < 1000
        assert 0 < flag["y"] < 1000


def test_open_slots_are_what_the_outfit_lacks():
    known = ["top", "bottom", "dress", "shoes", "bag"]
    assert slots(["top"], known) == ["bottom", "shoes", "bag"]
    assert slots(["dress", "shoes"], known) == ["bag"]
    assert slots([], ["dress", "shoes"]) == ["shoes", "dress"]


def test_the_board_shows_the_score_of_the_stylist(client, wall):
    look = wall.stylist.judge(["i0", "i100", "i150"])
    text = client.get(ON).text
    told = re.search(r'id="verdict">(\d+)<span>%', text)
    assert told is not None
    assert int(told.group(1)) == round(100 * look.probability)
    assert f"better than {look.percentile:.0f} % of worn outfits" in text
    assert text.count('<line class="link') == 3 + 3  # three pairs, and the key
    rows = np.array([[wall.row(one) for one in ("i0", "i100", "i150")]])
    worst = np.unravel_index(np.nanargmin(pair_matrix(wall.index.scorer, rows, np.ones((1, 3), bool))[0]), (3, 3))
    drawn = re.search(r'<line class="link c\d weakest" x1="([\d.]+)" y1="([\d.]+)"', text)
    assert drawn is not None
    assert [float(drawn.group(1)), float(drawn.group(2))] == places(3)[min(worst)].round(1).tolist()


def test_what_is_wrong_with_a_board_is_told_and_the_rest_still_works(client):
    text = client.get("/board?on=i0&on=nothing&on=i100").text
    assert "has no item &#39;nothing&#39;" in text
    assert 'id="verdict"' in text
    text = client.get(f"/board?on={VARIANTS[0]}&on={VARIANTS[1]}").text
    assert 'role="alert"' in text
    assert 'id="verdict"' not in text
    assert "Remove Item" in text
    assert client.get("/board?on=" + "&on=".join("abcdefghijklmnopqrstuvwxyz")).status_code == 422
    answer = client.get("/item?item=nothing")
    assert answer.status_code == 404
    assert "goeswith" in answer.text
    assert "nothing" in answer.text


def test_offers_fill_slots_and_lead_to_boards_that_score_what_they_say(client, wall):
    text = client.get("/board/more?on=i0&on=i100").text
    offers = re.findall(r'href="(/board\?[^"]+)" aria-label="Add [^"]*, (\d+) %"', text)
    assert len(offers) > 4
    for path, told in offers[:3]:
        shown = re.search(r'id="verdict">(\d+)', client.get(path.replace("&amp;", "&")).text)
        assert shown is not None
        assert shown.group(1) == told
    text = client.get("/board/more?on=i0&on=i100&on=i150&swap=i100").text
    swaps = re.findall(r'href="(/board\?on=i0&amp;on=[^"]+&amp;on=i150)" aria-label="Swap for', text)
    assert swaps
    groups = [wall.catalogue.items["group"][wall.row(path.split("on=")[2].split("&")[0])] for path in swaps]
    assert set(groups) == {wall.catalogue.items["group"][wall.row("i100")]}
    full = client.get("/board/more?on=i0&on=i60&on=i100&on=i150").text  # a shirt, a skirt, boots and a tote
    assert "What would make it better" in full
    better = re.findall(r'aria-label="Swap in [^"]*, (\d+) %"', full)
    assert all(
        int(told) >= round(100 * wall.stylist.judge(["i0", "i60", "i100", "i150"]).probability) for told in better
    )
    best = client.get("/board/offer?on=i0&on=i100&on=i150&lock=i100").text
    assert "on=i100" in best or "Swap them" not in best


def test_every_row_has_its_best_first_and_a_swap_that_is_worse_says_so(client, wall):
    fill = wall.stylist.fill(["i0", "i100"], "bag", k=outfitting.OFFERS, diversity=outfitting.DIVERSITY)
    assert [look.score for look in fill] != sorted([look.score for look in fill], reverse=True)  # the fault in question
    told = outfitting.beside(wall, Board(("i0", "i100")), "")
    rows = [[look.score for _, _, look in slot["offers"]] for slot in told["slots"]]
    rows.append([whole["look"].score for whole in told["looks"]])
    assert len(rows) > 2
    best, *_, worst = [look.added[0] for look in wall.stylist.fill(["i0", "i150"], "shoes", k=200)]
    for there, none in ((best, True), (worst, False)):
        board = Board(("i0", there, "i150"))
        now = wall.stylist.judge(board.on).score
        slots = outfitting.instead(wall, board, there)["slots"]
        assert len(slots) == 2
        for slot in slots:
            scores = [look.score for _, _, look in slot["offers"]]
            assert scores
            rows.append(scores)
            for _, path, look in slot["offers"]:
                ids = [part[3:] for part in path.split("?")[1].split("&")]
                assert wall.stylist.judge(ids).score == pytest.approx(look.score, abs=1e-6)
            assert slot["trouble"].startswith("None is better") == (max(scores) <= now)
            assert (min(scores) > now) != slot["trouble"].startswith("None is better")
        assert slots[0]["trouble"].startswith("None is better") == none
    assert all(scores == sorted(scores, reverse=True) for scores in rows)


@pytest.mark.parametrize("scaled", [True, False])
def test_the_offered_swap_reads_as_a_gain(client, wall, monkeypatch, scaled):
    if not scaled:
        monkeypatch.setitem(vars(wall.index), "scale", None)
    swap = wall.stylist.improve(["i0", "i100", "i150"], k=1)[0]
    before, after = views.verdict(wall.stylist.judge(["i0", "i100", "i150"])), views.verdict(swap.look)
    assert ("%" in before) == scaled
    text = re.sub("<[^>]+>", "", client.get("/board/offer?on=i0&on=i100&on=i150").text)
    assert (f"from {before} to {after}" if before != after else "which helps a little") in text


def test_swaps_without_a_probability_show_their_gain(client, wall, monkeypatch):
    monkeypatch.setitem(vars(wall.index), "scale", None)
    full = ["i0", "i60", "i100", "i150"]
    gains = [views.signed(swap.gain) for swap in wall.stylist.improve(full, k=outfitting.OFFERS)]
    assert gains
    assert all(gain.startswith("+") for gain in gains)
    text = client.get("/board/more?on=" + "&on=".join(full)).text
    assert re.findall(r'aria-label="Swap in [^"]*, ([+−][\d.]+)"', text) == gains
    assert re.findall(r'<b class="number">([^<]+)</b>', text) == gains
    text = client.get("/board/more?on=" + "&on=".join(full) + "&swap=i60").text
    assert len(re.findall(r'<b class="number">[+−]\d', text)) > 2


def test_the_tray_carries_the_board_along(client):
    assert client.get("/board?on=i0&toggle=i100", follow_redirects=False).headers["location"] == "/board?on=i0&on=i100"
    tray = Parts(client.get("/tray?on=i0&on=i100&toggle=i0").text)
    assert json.loads(tray.of("aside")[0]["data-on"]) == ["i100"]
    links = [a["href"] for a in Parts(client.get("/quiz?seed=3&on=i0").text).of("a") if "data-carry" in a]
    assert len(links) > 5
    assert all("on=i0" in link for link in links)


def test_a_newer_index_is_opened_by_a_button(client, tmp_path):
    index = shutil.copytree(client.app.state.shop.path, tmp_path / "index")
    with TestClient(create_app(index)) as other:
        assert 'class="news"' not in other.get("/").text
        told = json.loads((index / "index.json").read_text())
        (index / "index.json").unlink()
        assert 'class="news"' not in other.get("/").text  # it is being replaced: there is nothing to open yet
        (index / "index.json").write_text("{")
        form = Parts(other.get("/?q=red&group=shoes").text)
        assert form.of("form", action="/reload", method="post")
        back = form.of("input", name="back")[0]["value"]
        assert back == "/?q=red&group=shoes"
        broken = other.post("/reload", data={"back": back})
        assert broken.status_code == 409
        assert "the old one is kept" in broken.text
        assert str(tmp_path) not in broken.text
        (index / "index.json").write_text(json.dumps(told | {"model": told["model"] | {"title": "newer"}}))
        answer = other.post("/reload", data={"back": back}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, back)
        assert other.app.state.shop.index.info["model"]["title"] == "newer"
        assert 'class="news"' not in other.get(back).text
        for elsewhere in ("https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example"):
            answer = other.post("/reload", data={"back": elsewhere}, follow_redirects=False)
            assert answer.headers["location"] == "/"
        refused = other.post("/reload", headers={"sec-fetch-site": "cross-site"})
        assert refused.status_code == 403


def test_a_catalogue_that_changed_is_told_without_a_path(client, monkeypatch):
    monkeypatch.setattr(
        Index, "stale", property(lambda self: "the catalogue /srv/shop has changed; run goeswith index")
    )
    text = client.get("/").text
    assert "The catalogue has changed since it was indexed" in text
    assert "/srv/shop" not in text
    assert "goeswith index" not in text


def test_a_board_that_is_full_says_what_it_leaves_out(client, wall):
    ids = [one for one in wall.catalogue.ids if wall.index.known[wall.row(one)]][: boards.MOST + 3]
    full = "&on=".join(ids[: boards.MOST])
    for path in (f"/tray?on={full}&toggle={ids[-1]}", f"/board?on={full}&toggle={ids[-1]}"):
        text = client.get(path).text
        told = "A board holds 12 items, so one more is left out; take one off to make room."
        assert re.search(f'class="(full|wrong)"[^>]*>{told}<', text)
        assert re.search(f'data-say="[^"]*{told}', text)  # what is read aloud
        assert ids[-1] not in json.loads(re.search(r'data-on="([^"]+)"', text).group(1).replace("&#34;", '"'))
    link = client.get("/board?on=" + "&on=".join(ids)).text
    assert "so 3 more are left out" in link
    assert link.count('class="knob out"') == boards.MOST
    assert "left out" not in client.get(f"/board?on={full}").text
    assert "Put on the board" not in client.get(f"/item?item={ids[-1]}&on={full}").text
    assert 'aria-label="Add ' not in client.get(f"/board/more?on={full}").text


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/board?" + "&".join(f"on=i{number}" for number in range(30)), 422,
         "The link names 30 items, and a board holds 12; take some out of it."),
        ("/nosuchpage?on=i0", 404, "The studio has no such page."),
        ("/quiz?seed=many&on=i0", 422, "&#39;seed&#39; is missing or cannot be used"),
        ("/item?item=nothing&on=i0", 404, "The catalogue has no item &#39;nothing&#39;."),
        ("/board/save?on=i0", 405, "it answers a form."),
    ],
)  # fmt: skip
def test_people_are_told_of_errors_in_a_page_and_programs_in_json(client, path, status, words):
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert words in answer.text
    assert "/v1/" not in answer.text
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "on=i0" in Parts(answer.text).of("a", **{"class": "button main"})[0]["href"]  # the board is kept
    for program in ("/v1/nosuch", "/v1/items?limit=many", "/static/nosuch.css"):
        told = client.get(program, headers={"accept": "text/html"})
        assert told.json()["error"]["message"]


def test_without_a_scale_neither_the_look_nor_its_pairs_are_compared(client, wall, monkeypatch):
    text = client.get(ON).text
    assert "clashes" in text
    assert "of worn pairs" in text
    monkeypatch.setitem(vars(wall.index), "scale", None)
    text = client.get(ON).text
    assert "nothing to compare it with" in text
    assert re.findall(r'<line class="link (c\d)', text) == ["c2"] * 3
    for word in ("clashes", "so-so", "goes well", "of worn pairs"):
        assert word not in text


@pytest.mark.parametrize(
    ("on", "words"),
    [
        (f"i0&on={BARE}&on=i100", "“Item 3, black”: the model knows nothing of it"),
        (f"i0&on={ODD}&on=i100", "“Item 4, red”: the model never learned what the category &#39;cape&#39; goes with"),
        (f"{VARIANTS[0]}&on=i100&on={VARIANTS[1]}", "“Item 6, black” and “Item 7, red” are variants of one product"),
        (BARE, "“Item 3, black”: the model knows nothing of it"),
    ],
)
def test_why_a_board_has_no_score_is_told_once_and_with_titles(client, on, words):
    text = client.get(f"/board?on={on}").text
    told = re.findall('role="alert">([^<]*)<', text)
    assert len(told) == 1
    assert words in told[0]
    assert not re.search(r"\bi\d+\b", told[0])
    assert "One piece so far" not in text
    assert 'class="note"' not in client.get(f"/board/more?on={on}").text  # the board says it already
    assert words in client.get(f"/tray?on={on}").text
    answer = client.post("/board/save", data={"on": on.split("&on=")}).text
    assert re.findall('role="alert">([^<]*)<', answer) == told


def test_what_cannot_be_judged_can_be_swapped_away(client):
    text = client.get(f"/board/more?on=i100&on={BARE}&swap={BARE}").text
    assert len(re.findall('aria-label="Swap for', text)) > 2
    assert "None is better" not in text
    assert "Swap for" not in client.get(f"/board/more?on=i100&on={BARE}&swap=i100").text


def test_messages_of_the_library_name_titles(wall):
    shown = views.items(wall, ["i0", "i1", "i12"])
    assert troubles.plainly("no score for the outfit i0, i12, i1; ask 'i1' or i100", shown) == (
        "No score for the outfit “Item 0, black”, “Item 12, black”, “Item 1, red”; ask “Item 1, red” or i100."
    )
    red = replace(shown[0], name="Shirt", facts=(("colour", "red"),))
    assert troubles.called(red) == "“Shirt” (red)"


def test_an_item_that_cannot_be_judged_says_why_and_offers_nothing(client):
    for item_id, words in ((BARE, "the model knows nothing of it"), (ODD, "never learned what the category")):
        text = client.get(f"/item?item={item_id}").text
        assert words in text
        assert "Put on the board" not in text
        assert "Instead of it" not in text
    text = client.get("/item?item=i0").text
    assert "Put on the board" in text
    assert "Instead of it" in text
    assert len(cards(text)) > 2


# ---- feedback ----


def test_saved_outfits_become_a_table_that_is_read_again(client, wall, tmp_path):
    answer = client.post("/board/save", data={"on": ["i0", "i100"]})
    assert answer.status_code == 200
    assert "Saved" in answer.text
    client.post("/board/save", data={"on": ["i100", "i0"]})
    client.post("/board/save", data={"on": ["i1", "i101"]})
    assert 'role="alert"' in client.post("/board/save", data={"on": ["i0"]}).text
    file = client.app.state.feedback
    saved, broken = kept(file)
    assert broken == 0
    assert [told["item_ids"] for told in saved] == [["i0", "i100"], ["i100", "i0"], ["i1", "i101"]]
    assert saved[0]["probability"] == wall.stylist.judge(["i0", "i100"]).probability
    keep(file, ["guest-1", "i0"])
    counts = write_outfits(file, tmp_path / "outfits.csv", wall.catalogue.ids)
    assert counts == {"outfits": 2, "saved before": 1, "with items that the catalogue does not have": 1}
    wall.catalogue.items.select("item_id", "category", "group").write_csv(tmp_path / "items.csv")
    again = read("table", tmp_path, workdir=tmp_path).outfits
    assert again["item_ids"].to_list() == [["i0", "i100"], ["i1", "i101"]]
    assert again["source"].to_list() == ["studio", "studio"]


def test_the_command_writes_the_table(tmp_path):
    keep(tmp_path / "f.jsonl", ["a", "b"])
    keep(tmp_path / "f.jsonl", ["b", "a"])
    told = CliRunner().invoke(app, ["feedback", str(tmp_path / "f.jsonl"), "--out", str(tmp_path / "o.csv")])
    assert told.exit_code == 0, told.output
    assert told.output.strip() == f"1 outfits in {tmp_path / 'o.csv'}; left out 1: saved before"
    table = "outfit_id,item_ids,source\nsaved-1,a;b,studio\n"
    assert (tmp_path / "o.csv").read_text() == table
    keep(tmp_path / "f.jsonl", ["c", "d"])
    again = CliRunner().invoke(app, ["feedback", str(tmp_path / "f.jsonl"), "--out", str(tmp_path / "o.csv")])
    assert isinstance(again.exception, DataError)
    assert f"{tmp_path / 'o.csv'} exists" in str(again.exception)
    assert f"another --out, such as {tmp_path / 'saved.csv'}, or remove it" in str(again.exception)
    assert (tmp_path / "o.csv").read_text() == table


def test_many_save_at_once_and_a_torn_line_costs_only_itself(tmp_path):
    file = tmp_path / "new" / "feedback.jsonl"
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda number: keep(file, [f"a{number}", "b"]), range(40)))
    assert sorted(ids, key=lambda told: int(told[6:])) == [f"saved-{number}" for number in range(1, 41)]
    with open(file, "ab") as torn:
        torn.write(b'{"outfit_id": "saved-41", "item')
    assert keep(file, ["c", "d"]) == "saved-42"
    saved, broken = kept(file)
    assert (len(saved), broken) == (41, 1)
    assert saved[-1]["item_ids"] == ["c", "d"]


def test_feedback_that_cannot_be_used_says_so(tmp_path):
    with pytest.raises(DataError, match=r"1 item\(s\) cannot be saved"):
        keep(tmp_path / "f", ["a"])
    with pytest.raises(DataError, match="choose another --feedback"):
        keep(tmp_path, ["a", "b"])
    with pytest.raises(DataError, match="cannot read"):
        kept(tmp_path / "none")
    (tmp_path / "f").write_text("{}\n[1]\nno\n")
    with pytest.raises(DataError, match=r"no outfit that can be used \(3 broken lines\)"):
        write_outfits(tmp_path / "f", tmp_path / "out.csv")
    keep(tmp_path / "g", ["a;b", "c"])
    with pytest.raises(DataError, match="holds a ';'"):
        write_outfits(tmp_path / "g", tmp_path / "out.csv")


# ---- quiz ----


def test_the_quiz_shows_nothing_of_the_answer_before_there_is_a_choice(client, wall, monkeypatch):
    before = client.get("/quiz?seed=4").text
    frame = quiz.questions(wall)
    other = frame.with_columns(answer=(frame["answer"] + 1) % 4)
    monkeypatch.setattr(quiz, "questions", lambda wall: other)
    assert client.get("/quiz?seed=4").text == before
    assert client.get("/quiz?seed=4&choice=9").text.count('name="choice"') == 4  # no such choice: asked again


def test_the_quiz_counts_for_both(client, wall):
    frame = quiz.questions(wall)
    rows = wall.index.scorer
    you = model = 0
    for number, place in enumerate(quiz.order(len(frame), 4)[:6].tolist()):
        row = frame.row(place, named=True)
        text = client.get(f"/quiz?seed=4&asked={number}&you={you}&model={model}&choice=1").text
        outfits = [
            [*row["context"][: row["position"]], one, *row["context"][row["position"] :]] for one in row["candidates"]
        ]
        scores = [
            float(rows.score(np.array([[wall.row(one) for one in ids]]), np.ones((1, len(ids)), bool))[0])
            for ids in outfits
        ]
        you += row["answer"] == 1
        model += scores[row["answer"]] == max(scores) and scores.count(max(scores)) == 1
        assert f'id="you">{you}</b><small>of {number + 1}' in text
        assert f'id="model">{model}</b>' in text
        assert f"asked={number + 1}" in text
        assert text.count("<b>worn</b>") == 1


def test_the_quiz_starts_with_a_seed_and_never_ends(client, wall):
    first = client.get("/quiz", follow_redirects=False).headers["location"]
    assert re.fullmatch(r"/quiz\?seed=\d+", first)
    assert client.get(f"/quiz?seed=4&asked={10 * len(quiz.questions(wall))}").status_code == 200


# ---- rules ----


def test_rules_that_are_off_change_nothing(client, wall):
    written = json.dumps(["colour", COLOURS[0], COLOURS[1], "+"])
    there = switches.switched(wall, (), [written])
    on = effects.effect(wall, there)
    off = effects.effect(wall, switches.switched(wall, range(len(there.rules)), [written]))
    assert off["coverage"] == 0
    assert off["changed"] == 0
    assert off["right_before"] == off["right_after"] == on["right_before"]
    assert on["coverage"] > 0.1
    assert on["boards"]
    assert not off["boards"]


def test_a_written_rule_is_measured_as_a_naive_loop_says(wall):
    rule = switches.parse(json.dumps(["colour", COLOURS[0], COLOURS[1], "-"]))
    there = switches.switched(wall, (), [switches.text_of(rule)])
    only = switches.switched(wall, range(len(there.base)), [switches.text_of(rule)])
    found, asked = effects.effect(wall, only), effects.asked_of(wall)
    items = wall.catalogue.items
    speaks = 0
    for context, mask, candidates in zip(asked.context, asked.mask, asked.candidates, strict=True):
        tops = [row for row in context[mask] if items["group"][int(row)] == "top"]
        black = any(items["colour"][int(row)] == COLOURS[0] for row in tops)
        red = [items["colour"][int(row)] == COLOURS[1] for row in candidates]
        speaks += black and any(red) and not all(red)
    assert found["coverage"] == pytest.approx(speaks / len(asked.candidates))


def test_rules_are_written_and_switched_in_the_address(client):
    text = client.get("/rules?attribute=colour&top=black&bottom=red&sign=-").text
    assert "black not with red" in text
    again = client.get("/rules", params={"attribute": "colour", "top": "black", "bottom": "red", "sign": "-",
                                         "rule": json.dumps(["colour", "black", "red", "-"])}).text  # fmt: skip
    assert "is there already" in again
    assert "lacks a word" in client.get("/rules?attribute=colour&top=+&bottom=red").text
    assert "no attribute &#39;smell&#39;" in client.get("/rules?attribute=smell&top=a&bottom=b").text
    assert "cannot be read" in client.get("/rules?rule=nonsense").text
    off = Parts(client.get("/rules", params={"asked": 1, "rule": json.dumps(["colour", "black", "red", "-"])}).text)
    assert off.of("input", role="switch")
    assert not [a for a in off.of("input", role="switch") if "checked" in a]


# ---- report, upload, theme ----


def test_the_report_has_the_extremes_of_the_test_outfits(client, wall):
    text = client.get("/report/numbers").text
    data = dataset(wall)
    test = data.outfits.split("test")
    links = [a["href"] for a in Parts(text).of("a") if a.get("href", "").startswith("/board?")]
    outfits = {frozenset(data.catalogue.ids[row] for row in test[at].tolist()) for at in range(len(test))}
    assert len(links) == 12
    assert all(frozenset(part[3:] for part in link.split("?")[1].split("&")) in outfits for link in links)
    assert "no test questions are frozen yet" in text


def test_a_photo_becomes_an_item_on_the_board(client, monkeypatch):
    monkeypatch.setattr(Index, "_features", seen)
    written = BytesIO()
    Image.new("RGB", (80, 120), "red").save(written, "PNG")
    data = {"category": "tote", "title": SCRIPT, "on": "i0"}
    answer = client.post("/upload", data=data, files={"picture": ("a.png", written.getvalue(), "image/png")})
    assert answer.status_code == 200
    assert "on=guest-1" in str(answer.url)
    assert "<script>alert" not in answer.text
    assert 'id="verdict"' in answer.text
    bad = client.post("/upload", data=data, files={"picture": ("a.png", b"no picture", "image/png")})
    assert bad.status_code == 422
    assert "is no picture" in bad.text
    assert 'value="i0"' in bad.text  # the board is kept
    odd = client.post("/upload", data=data | {"category": "sofa"},
                      files={"picture": ("a.png", written.getvalue(), "image/png")})  # fmt: skip
    assert "sofa" in odd.text


def test_a_theme_is_remembered_and_nothing_else_is_taken_for_one(client):
    assert 'data-theme="dark"' in client.get("/", headers={"cookie": "theme=dark"}).text
    assert "data-theme=" not in client.get("/", headers={"cookie": 'theme="><script>'}).text


def test_templates_name_everything_they_use():
    for name in templates().list_templates():
        templates().get_template(name)
    for file in Path(STATIC).iterdir():
        assert file.suffix in (".css", ".js", ".svg", ".txt") or file.is_dir()
