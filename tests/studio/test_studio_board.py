"""The board: it stands in its address, it is drawn where its items are, and it says what the stylist says."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from fastapi.datastructures import QueryParams
from served import BARE, ODD, VARIANTS

from goeswith.errors import CatalogueError
from goeswith.studio.pages import arrangement, board_view, flat_lay, no_score, views
from goeswith.studio.pages import board as boards
from goeswith.studio.pages.arrangement import Spot
from goeswith.studio.pages.board import Board, board_of, draw
from goeswith.studio.pages.rendering import STATIC
from goeswith.studio.pages.views import SHAPES

ON = "/board?on=i0&on=i100&on=i150"


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


def test_the_shapes_and_the_style_sheet_agree():
    css = (STATIC / "studio.css").read_text()
    assert all(f'data-shape="{name}"] {{ --shape: {f"{value:g}".lstrip("0")};' in css for name, value in SHAPES.items()
               if name != "square")  # fmt: skip
    assert f"--lay: light-dark({flat_lay.PAPER}" in (STATIC / "board.css").read_text()


def test_where_pieces_lie_is_part_of_the_address(client, view):
    lay = {"i0": Spot(0.25, 0.3, 0.4, 2), "b.c&d": Spot(0.5, 0.5)}
    board = Board.of(["i0", "b.c&d"], [], lay=lay)
    assert board_of(QueryParams(board.url.partition("?")[2])) == board
    assert "lay=250.300.400.2.i0&lay=500.500.0.0.b.c%26d" in board.url
    assert dict(board.put("i0", "new").lay)["new"] == Spot(0.25, 0.3, 0.0, 2)  # at its place, at its own size
    assert board.without("i0").lay == (("b.c&d", Spot(0.5, 0.5)),)
    assert board.tidy.lay == ()
    for wrong in ("1.2.3.i0", "a.b.c.d.i0", "..-1.0.i0", "", "1.2.3.99999999999.i0", "10.10.10.2"):
        assert board_of(QueryParams([("on", "i0"), ("lay", wrong)])).lay == ()
    huge = dict(board_of(QueryParams("on=i0&lay=9999.9999.9999.9999.i0")).lay)["i0"]
    assert huge == Spot(1.0, 1.0, 0.9, arrangement.LAYERS)
    text = client.get("/board?on=i0&on=i60&on=i100&lay=248.300.400.2.i0").text
    assert re.search('class="piece [a-z]+ x248 y300 w400 z2"', text)
    assert ">Tidy up<" in text
    saved = client.post("/board/save", data=dict(Board.of(["i0", "i60"], [], lay=lay).fields) | {"on": ["i0", "i60"]})
    assert "lay=250.300.400.2.i0" in str(saved.url)
    assert "lay=250.300.400.2.i0" in client.get("/looks").text


def test_every_place_is_in_the_style_sheet():
    css = flat_lay.stylesheet()
    for spot in (Spot(0.0, 1.0, 0.123, 7), Spot(0.333, 0.5, 0.9, arrangement.LAYERS)):
        assert all(f".{name}{{" in css for name in flat_lay.classes(spot).split())


def test_lines_say_how_well_pairs_go_and_only_a_clash_is_flagged():
    ahead = np.full((3, 3), np.nan)
    ahead[0, 1], ahead[0, 2] = 0.05, 0.9
    spots = [Spot(0.0, 0.2), Spot(0.1, 0.4), Spot(0.5, 0.5)]
    drawn = draw(["a", "b", "c"], ahead, spots)
    assert [(line.words, line.level) for line in drawn.lines] == [
        ("a and b: better than 5 % of worn pairs", 0),
        ("b and c", 2),
        ("a and c: better than 90 % of worn pairs", 4),
    ]
    assert drawn.flag == (boards.FLAG, 300.0)  # beside the edge, it would be clipped
    ahead[0, 1] = 0.15
    assert draw(["a", "b", "c"], ahead, spots).flag is None
    assert draw(["a", "b"], np.full((2, 2), np.nan), spots[:2]).flag is None


def test_the_line_of_two_pieces_says_what_the_verdict_says(client, view, monkeypatch):
    monkeypatch.setattr(
        board_view, "_worn_pair_scores", lambda view: {0: np.full(300, 1e9)}
    )  # all pairs of real outfits are better
    scale = replace(view.index.scale, auc=0.8)
    monkeypatch.setitem(vars(view.index), "scale", scale)
    drawn = board_view.table(view, Board(("i0", "i60")))["drawn"]
    look = view.stylist.judge(["i0", "i60"])
    expected = (
        0 if look.percentile is None else int(np.searchsorted(boards.LEVELS, look.percentile / 100, side="right"))
    )
    assert [line.level for line in drawn.lines] == [expected]


def test_the_board_shows_the_verdict_of_the_stylist(client, view, monkeypatch):
    monkeypatch.setitem(vars(view.index), "scale", replace(view.index.scale, auc=0.5))
    assert "can hardly tell real outfits from random ones" in client.get("/board?on=i0&on=i60&on=i100").text
    monkeypatch.setitem(vars(view.index), "scale", replace(view.index.scale, auc=0.8))
    look = view.stylist.judge(["i0", "i60", "i100"])
    text = client.get("/board?on=i0&on=i60&on=i100").text
    assert look.verdict in ("strong", "fine", "weak")
    assert f'id="verdict">{look.verdict}<' in text
    numbers = text[text.index('class="numbers-of"') :]  # only for those who ask
    assert f"better than {look.percentile:.0f} % of real outfits" in numbers
    assert f"{100 * look.probability:.0f} % likely to go together" in numbers
    text = client.get(ON).text
    assert 'id="verdict">not a valid outfit<' in text
    assert "Needs a bottom." in text
    assert "likely to go together" not in text
    assert len(re.findall('<line [^>]*class="link', text)) == 3 + 3  # three pairs, and the key
    assert "mask 1" not in text


def test_what_is_wrong_with_a_board_is_reported_and_the_rest_still_works(client):
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


@pytest.mark.slow
def test_a_board_that_is_full_says_what_it_leaves_out(client, view):
    ids = [item_id for item_id in view.catalogue.ids if view.index.known[view.row(item_id)]][: boards.MOST + 3]
    full = "&on=".join(ids[: boards.MOST])
    for path in (f"/tray?on={full}&toggle={ids[-1]}", f"/board?on={full}&toggle={ids[-1]}"):
        text = client.get(path).text
        message = "A board holds 12 items, so one more is left out; remove one to make room."
        assert re.search(f'class="(full|wrong)"[^>]*>{message}<', text)
        assert re.search(f'data-say="[^"]*{message}', text)  # what is read aloud
        assert ids[-1] not in json.loads(re.search(r'data-on="([^"]+)"', text).group(1).replace("&#34;", '"'))
    link = client.get("/board?on=" + "&on=".join(ids)).text
    assert "so 3 more are left out" in link
    assert link.count('class="knob out"') == boards.MOST
    assert "left out" not in client.get(f"/board?on={full}").text
    assert "Put on the board" not in client.get(f"/item?item={ids[-1]}&on={full}").text
    assert 'aria-label="Add ' not in client.get(f"/board/more?on={full}").text
    assert len(re.findall('class="piece ', link)) == boards.MOST


@pytest.mark.parametrize("on", ["on=i0&on=i60&on=i100", ON.partition("?")[2]])
def test_without_a_scale_neither_the_look_nor_its_pairs_are_compared(client, view, monkeypatch, on):
    text = client.get(f"/board?{on}").text
    assert "clashes" in text
    assert "of worn pairs" in text
    monkeypatch.setitem(vars(view.index), "scale", None)
    text = client.get(f"/board?{on}").text
    proper = "Needs a bottom." not in text
    assert ('id="verdict">no verdict<' in text) == proper
    assert ("has no verdict, because there are too few real outfits to compare it with; its weakest" in text) == proper
    for word in ("clashes", "so-so", "goes well", "of worn pairs", "X-ray", "What each piece adds", "score"):
        assert word not in text


def test_without_a_scale_no_page_for_stylists_shows_a_score(client, view, monkeypatch):
    monkeypatch.setitem(vars(view.index), "scale", None)
    on = "on=i0&on=i60&on=i100"
    paths = ("/board", "/board/offer", "/board/more", "/tray")
    paths = (*(f"{path}?{on}" for path in paths), f"/board/more?{on}&slot=whole", f"/board/more?{on}&slot=better",
             f"/board/more?{on}&swap=i60", "/catalogue?" + on, "/quiz?seed=1&choice=2", "/start/looks")  # fmt: skip
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200
        shown = re.sub(r"<[^>]*?(?:(?:data-say|aria-label|title|alt)=\"([^\"]*)\"[^>]*)?>", r" \1 ", answer.text)
        assert re.findall(r"\d\.(?!00)\d\d", shown) == [], path


@pytest.mark.parametrize(
    ("on", "words"),
    [
        (f"i0&on={BARE}&on=i100", "“Item 3, black”: it has a picture or title that cannot be read"),
        (f"i0&on={ODD}&on=i100", "“Item 4, red”: the model has not learned what the category &#39;cape&#39; goes with"),
        (f"{VARIANTS[0]}&on=i100&on={VARIANTS[1]}", "“Item 6, black” and “Item 7, red” are variants of one product"),
        (BARE, "“Item 3, black”: it has a picture or title that cannot be read"),
    ],
)
def test_why_a_board_has_no_score_is_reported_once_and_with_titles(client, on, words):
    text = client.get(f"/board?on={on}").text
    alerts = re.findall('role="alert">([^<]*)<', text)
    assert len(alerts) == 1
    assert words in alerts[0]
    assert not re.search(r"\bi\d+\b", alerts[0])
    assert "One piece so far" not in text
    assert 'class="note"' not in client.get(f"/board/more?on={on}").text  # the board says it already
    assert words in client.get(f"/tray?on={on}").text
    answer = client.post("/board/save", data={"on": on.split("&on=")}).text
    assert re.findall('role="alert">([^<]*)<', answer) == alerts


def test_two_colour_variants_garment_are_pointed_out(view):
    plain = views.items(view, ["i0"])[0]

    def top(item_id, colour, name="{} jersey top", category="top"):
        return replace(plain, id=item_id, name=name.format(colour), category=category, facts=(("colour", colour),))

    sentence = "“black jersey top” and “pink jersey top” seem to be one garment in two colours; keep one of them."
    assert board_view._colour_variants([top("57079209-99", "black"), top("57079209-85", "pink")]) == [sentence]
    for other in (top("57079210-85", "pink"), top("57079209-85", "pink", "{} vest"), top("570", "pink"),
                  top("57079209-85", "pink", category="dress")):  # fmt: skip
        assert board_view._colour_variants([top("57079209-99", "black"), other]) == []


def test_variants_of_one_product_are_pointed_out_once(client, view, monkeypatch):
    items = [replace(piece, id=piece.id, name=f"jersey top {colour}", category="top", facts=(("colour", colour),))
             for piece, colour in zip(views.items(view, VARIANTS), ("black", "red"), strict=True)]  # fmt: skip
    assert board_view._one_of_each_product(view, [*items, views.items(view, ["i0"])[0]])[0] == items[0]
    assert len(board_view._one_of_each_product(view, [*items, views.items(view, ["i0"])[0]])) == 2
    monkeypatch.setattr(board_view, "_colour_variants", lambda shown: ["again"] if len(shown) > 1 else [])
    text = client.get(f"/board?on={VARIANTS[0]}&on={VARIANTS[1]}").text
    assert (text.count("are variants of one product"), "again" in text) == (1, False)


def test_messages_of_the_library_name_titles(view):
    shown = views.items(view, ["i0", "i1", "i12"])
    error = CatalogueError("no score for the outfit i0, i12, i1; ask 'i1' or i100", item_ids=["i0", "i1", "i12"])
    assert no_score.in_titles(view, error, shown) == (
        "No score for the outfit “Item 0, black”, “Item 12, black”, “Item 1, red”; ask “Item 1, red” or i100."
    )
    assert no_score.in_titles(view, CatalogueError("i0 is a name of something else"), shown) == (
        "I0 is a name of something else."  # the error does not speak of the item
    )
    red = replace(shown[0], name="Shirt", facts=(("colour", "red"),))
    assert no_score.titled(red) == "“Shirt” (red)"
