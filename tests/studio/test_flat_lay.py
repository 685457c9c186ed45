"""Flat lay: garments without their background, in the order of the body, none on another."""

import io
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from answers import Parts
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter
from served import BROKEN

from goeswith.data.catalogue import GROUPS as CATALOGUE_GROUPS
from goeswith.data.garments import word_list
from goeswith.studio.pages import flat_lay
from goeswith.studio.pages.arrangement import HIGH, WIDE, Piece, Spot, arrange, completed
from goeswith.studio.pages.garment_sizes import GARMENTS, GROUPS, kind_of
from goeswith.studio.service.cutouts import PAPER, cut, cutout

PIECES = st.builds(
    Piece, st.sampled_from([*GARMENTS.values(), *GROUPS.values()]), st.floats(0.2, 5).map(lambda ratio: round(ratio, 2))
)


def bag(colour: str, light: float = 0.0, shadow: bool = False) -> tuple[Image.Image, np.ndarray]:
    """A bag with a handle before a grey wall that is lit from above, and which of its pixels are the bag."""
    wide, high = 200, 280
    view = np.clip(232 + light * np.linspace(14, -14, high)[:, None, None] + np.zeros((high, wide, 3)), 0, 255)
    picture = Image.fromarray(view.astype(np.uint8))
    if shadow:
        dark = Image.new("L", (wide, high), 0)
        ImageDraw.Draw(dark).ellipse((50, 232, 150, 262), fill=70)
        picture = Image.composite(
            Image.new("RGB", picture.size, "#808080"), picture, dark.filter(ImageFilter.GaussianBlur(8))
        )
    mask = Image.new("L", (wide, high), 0)
    draw = ImageDraw.Draw(mask)
    draw.ellipse((70, 90, 130, 190), fill=255)
    draw.ellipse((80, 100, 120, 180), fill=0)
    draw.rectangle((50, 150, 150, 240), fill=255)
    picture.paste(Image.new("RGB", picture.size, colour), mask=mask)
    return picture, np.asarray(mask) > 0


@pytest.mark.parametrize("light", [0.0, 1.0])
@pytest.mark.parametrize("shadow", [False, True])
@pytest.mark.parametrize("colour", ["#7a1f2b", "#111111", "#d8b13c"])
def test_a_garment_is_cut_out_with_the_hole_of_its_handle(colour, light, shadow):
    picture, truth = bag(colour, light, shadow)
    made, how = cut(picture)
    assert how == "cut"
    rows, columns = np.flatnonzero(truth.any(axis=1)), np.flatnonzero(truth.any(axis=0))
    assert abs(made.width - (columns[-1] - columns[0] + 1)) <= 6
    assert abs(made.height - (rows[-1] - rows[0] + 1)) <= 8
    alpha = np.asarray(made.getchannel("A"))
    seen = alpha[alpha.shape[0] // 2 :].mean() / 255
    assert seen > 0.9  # the body of the bag is whole
    hole = alpha[int(alpha.shape[0] * 0.2) : int(alpha.shape[0] * 0.35), alpha.shape[1] // 2]
    assert hole.max() == 0
    assert alpha[0, 0] == 0


def test_a_photo_of_ones_own_lies_on_the_board_cut_out(copied):
    """As a phone takes it: unevenly lit, with noise, and compressed twice."""
    _, client = copied
    clean, truth = bag("#7a1f2b", 1.0, shadow=True)
    noise = np.random.default_rng(0).normal(0, 5, (*clean.size[::-1], 3))
    sent = io.BytesIO()
    Image.fromarray((np.asarray(clean) + noise).clip(0, 255).astype(np.uint8)).save(sent, "JPEG", quality=82)
    data = {"category": "tote", "title": "My bag", "on": "i100"}
    board = client.post("/upload", data=data, files={"picture": ("a.jpg", sent.getvalue(), "image/jpeg")})
    mine = parse_qs(urlsplit(str(board.url)).query)["on"][1]
    piece = Parts(board.text).of("a", **{"data-item": mine, "data-swap": "more"})[0]
    assert "cut" in piece["class"].split()
    made = Image.open(io.BytesIO(client.get(f"/v1/items/{mine}/cutout").content))
    alpha = np.asarray(made.getchannel("A"))
    rows, columns = np.flatnonzero(truth.any(axis=1)), np.flatnonzero(truth.any(axis=0))
    assert made.width / made.height == pytest.approx(len(columns) / len(rows), rel=0.12)
    assert alpha[alpha.shape[0] // 2 :].mean() > 0.85 * 255
    assert alpha[int(alpha.shape[0] * 0.25), alpha.shape[1] // 2] == 0  # through its handle


def test_what_is_white_before_white_fades_into_the_paper():
    picture = Image.new("RGB", (240, 300), "#f6f6f6")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((70, 60, 170, 230), fill="#fbfbfb")
    for y in (60, 230):
        draw.line((70, y, 170, y), fill="#dddddd", width=3)
    made, how = cut(picture.filter(ImageFilter.GaussianBlur(1)))
    assert how == "blend"
    pixels = np.asarray(made)
    assert pixels[[0, -1], :, 3].max() == pixels[:, [0, -1], 3].max() == 0
    beside, cloth = pixels[100, [14, 70], :3].astype(int)
    assert abs(beside - PAPER).max() <= 8
    assert (cloth - beside).min() >= 3
    assert pixels[100, 70, 3] == 255


def test_white_cloth_keeps_its_white():
    """What is striped with the colour of the wall is whole: only what is as even as the wall is a hole."""
    picture = Image.new("RGB", (200, 280), "#ffffff")
    stripes = np.random.default_rng(0).normal(250, 3, (160, 120, 3)).clip(0, 254)
    stripes[::16] = stripes[1::16] = stripes[:, :2] = stripes[:, -2:] = (20, 30, 90)
    picture.paste(Image.fromarray(stripes.astype(np.uint8)), (40, 60))
    made, how = cut(picture)
    assert how == "cut"
    assert np.asarray(made.getchannel("A"))[4:-4, 4:-4].min() > 200


def test_a_garment_like_its_background_is_not_cut_out():
    noise = np.random.default_rng(0).integers(0, 255, (120, 100, 3), np.uint8)
    picture = Image.fromarray(noise).filter(ImageFilter.GaussianBlur(3))
    assert cut(picture) == (picture, "photo")
    blank = Image.new("RGB", (100, 120), "white")
    assert cut(blank)[1] == "photo"
    garment = cutout(blank)
    assert garment.how == "photo"
    assert garment.ratio == pytest.approx(100 / 120)
    assert Image.open(io.BytesIO(garment.picture)).format == "WEBP"


def boxes(pieces):
    spots = arrange(pieces)
    for spot, piece in zip(spots, pieces, strict=True):
        wide = spot.width * WIDE
        high = wide / piece.ratio
        yield spot.x * WIDE - wide / 2, spot.y * HIGH - high / 2, spot.x * WIDE + wide / 2, spot.y * HIGH + high / 2


@settings(max_examples=25, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=12))
def test_no_piece_lies_on_another_or_sticks_out(pieces):
    placed = list(boxes(pieces))
    assert placed == list(boxes(pieces))
    for at, (left, top, right, bottom) in enumerate(placed):
        assert min(left, top) > -1e-6
        assert right < WIDE + 1e-6
        assert bottom < HIGH + 1e-6
        for x1, y1, x2, y2 in placed[at + 1 :]:
            assert right <= x1 + 1e-6 or x2 <= left + 1e-6 or bottom <= y1 + 1e-6 or y2 <= top + 1e-6


@settings(max_examples=25, deadline=None)
@given(st.lists(PIECES, min_size=2, max_size=8), st.data())
def test_what_somebody_put_stays_and_a_new_piece_finds_room(pieces, data):
    spots = arrange(pieces)
    out = data.draw(st.integers(0, len(pieces) - 1))
    fixed = [None if at == out else spot for at, spot in enumerate(spots)]
    placed = completed(pieces, fixed)
    assert [spot for at, spot in enumerate(placed) if at != out] == [spot for spot in fixed if spot]
    assert 0 < placed[out].width <= 0.9
    assert placed[out].layer > max(spot.layer for spot in fixed if spot)
    assert completed(pieces, [Spot(spot.x, spot.y) for spot in spots])[0].width > 0  # at its usual size
    assert completed(pieces, [None] * len(pieces)) == spots


def test_an_outfit_lies_in_the_order_of_the_body_at_its_sizes():
    pieces = [Piece(kind_of(*words), ratio) for words, ratio in (
        (("loafers", "shoes"), 1.6), (("trousers", "bottom"), 0.4), (("shirt", "top"), 0.9), (("coat", "outer"), 0.6),
        (("earrings", "accessory"), 0.5))]  # fmt: skip
    shoes, trousers, shirt, coat, earrings = boxes(pieces)
    assert earrings[1] < shirt[1] + 0.1 < trousers[1]
    assert shirt[3] <= trousers[1]
    assert shoes[1] > trousers[1]
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (earrings, shoes, shirt, coat)]
    assert areas == sorted(areas)
    assert areas[-1] > 8 * areas[0]


def test_every_kind_is_a_garment():
    named = {garment.name for meanings in word_list().words.values() for garment in meanings.values()}
    assert set(GARMENTS) <= named
    assert set(GROUPS) == set(CATALOGUE_GROUPS)
    assert kind_of("Ohrringe", "accessory") == GARMENTS["earring"]
    assert kind_of("Ohrringe", "top") == GROUPS["top"]  # the catalogue knows better
    assert kind_of("thing", None) == GROUPS["other"]


def test_a_flat_lay_is_drawn_and_a_lost_picture_is_a_hanger(client, view):
    sheet = flat_lay.picture(view, ["i0", "i60", BROKEN], 360)
    assert sheet.size == (360, 400)
    assert len(sheet.getcolors(1 << 20) or []) > 20
    answer = client.get("/v1/items/i0/cutout")
    assert answer.headers["content-type"] == "image/webp"
    assert client.get("/v1/items/i0/cutout", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert client.get("/v1/items/nothing/cutout").status_code == 404
