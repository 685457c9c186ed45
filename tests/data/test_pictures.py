"""Pictures: what is decoded of odd files, what is said of broken ones, and the pool against plain reading."""

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from goeswith.data.encoders import pictures
from goeswith.data.encoders.pictures import (
    ENDINGS,
    FORMATS,
    SAMPLE_FORMAT,
    read_picture,
    read_pictures,
    stream_pictures,
)
from goeswith.errors import DataError

RED, WHITE = [255, 0, 0], [255, 255, 255]


def saved(path: Path, picture: Image.Image, **options: Any) -> Path:
    picture.save(path, **options)
    return path


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture with structure at all scales, so that a wrong crop, turn or scale shows."""
    small = np.random.default_rng(seed).integers(0, 256, (8, 6, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def test_the_whole_picture_stands_on_white(tmp_path: Path) -> None:
    wide = read_picture(saved(tmp_path / "wide.png", Image.new("RGB", (20, 10), "red")), (8, 8))
    assert wide.shape == (8, 8, 3)
    assert wide.dtype == np.uint8
    assert (wide[2:6] == RED).all()
    assert (wide[:2] == WHITE).all()
    assert (wide[6:] == WHITE).all()
    tall = read_picture(saved(tmp_path / "tall.png", Image.new("RGB", (1, 300), "red")), (6, 4))
    assert (tall[:, 1] == RED).all()
    assert (tall[:, [0, 2, 3]] == WHITE).all()


def palette() -> Image.Image:
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    return picture


@pytest.mark.parametrize(
    ("picture", "options", "expected"),
    [
        (Image.new("RGBA", (4, 4), (0, 0, 0, 0)), {}, WHITE),
        (Image.new("RGBA", (4, 4), (255, 0, 0, 255)), {}, RED),
        (Image.new("RGBA", (4, 4), (0, 0, 0, 51)), {}, [204] * 3),
        (Image.new("LA", (4, 4), (0, 0)), {}, WHITE),
        (Image.new("RGB", (4, 4), "red"), {"transparency": (255, 0, 0)}, WHITE),
        (palette(), {}, RED),
        (palette(), {"transparency": 1}, WHITE),
        (Image.new("L", (4, 4), 90), {}, [90] * 3),
        (Image.new("1", (4, 4), 1), {}, WHITE),
        (Image.fromarray(np.full((4, 4), 257 * 90, np.uint16)), {}, [90] * 3),
    ],
)
def test_every_mode_becomes_rgb_over_white(
    tmp_path: Path, picture: Image.Image, options: dict[str, Any], expected: list[int]
) -> None:
    read = read_picture(saved(tmp_path / "p.png", picture, **options), (4, 4))
    assert (read == expected).all()


def png(depth: int, colour: int, row: bytes, key: bytes, side: int = 4) -> bytes:
    """A PNG of equal rows with the transparent colour `key`."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"tRNS", key), chunk(b"IDAT", zlib.compress((b"\0" + row) * side))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("depth", "colour", "row", "key"),
    [
        (1, 0, b"\xff", 1),
        (1, 0, b"\x00", 0),
        (2, 0, b"\xaa", 2),
        (4, 0, b"\x55\x55", 5),
        (8, 0, b"\x07" * 4, 7),
        (16, 0, b"\x12\x34" * 4, 0x1234),
        (8, 2, b"\x01\x02\x03" * 4, (1, 2, 3)),
        (16, 2, b"\x12\x34\x56\x78\x9a\xbc" * 4, (0x1234, 0x5678, 0x9ABC)),
    ],
)
def test_a_transparent_colour_is_white_at_every_depth(
    tmp_path: Path, depth: int, colour: int, row: bytes, key: int | tuple[int, ...]
) -> None:
    keys = key if isinstance(key, tuple) else (key,)
    (tmp_path / "p.png").write_bytes(png(depth, colour, row, struct.pack(f">{len(keys)}H", *keys)))
    assert (read_picture(tmp_path / "p.png", (4, 4)) == WHITE).all()
    other = tuple(value ^ 1 for value in keys) if depth < 16 else tuple(value ^ 0x1100 for value in keys)
    (tmp_path / "p.png").write_bytes(png(depth, colour, row, struct.pack(f">{len(keys)}H", *other)))
    shown = read_picture(tmp_path / "p.png", (4, 4))[0, 0]
    full = {1: 1, 2: 3, 4: 15, 8: 255, 16: 65535}[depth]
    assert np.abs(shown - np.array([value * 255 / full for value in keys])).max() <= 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.full((4, 4), 90 / 255, np.float32), 90),
        (np.full((4, 4), 90, np.float32), 90),
        (np.array([[90, 255], [np.nan, 0]], np.float32).repeat(2, 0).repeat(2, 1), 90),
        (np.full((4, 4), 257 * 90, np.uint16), 90),
        (np.full((4, 4), round(90.5 / 255 * (2**31 - 1)), np.int32), 90),
    ],
)
def test_deep_grey_keeps_its_lightness(tmp_path: Path, values: np.ndarray, expected: int) -> None:
    Image.fromarray(values).save(tmp_path / "p.tif")
    assert (read_picture(tmp_path / "p.tif", (4, 4))[0, 0] == expected).all()


@pytest.mark.parametrize("level", [90, 200])
def test_grey_of_32_bits_without_a_sign_keeps_its_lightness(tmp_path: Path, level: int) -> None:
    written = io.BytesIO()
    Image.fromarray(np.full((4, 4), level * 16843009, np.uint32).view(np.int32)).save(written, "TIFF")
    signed = struct.pack("<HHIHH", SAMPLE_FORMAT, 3, 1, 2, 0)
    assert signed in written.getvalue()
    unsigned = written.getvalue().replace(signed, struct.pack("<HHIHH", SAMPLE_FORMAT, 3, 1, 1, 0))
    (tmp_path / "p.tif").write_bytes(unsigned)
    assert (read_picture(tmp_path / "p.tif", (4, 4)) == level).all()


def swapped_profile() -> bytes:
    """The profile of sRGB with its red and green primaries exchanged; it still calls itself sRGB."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return plain.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")


def test_colours_are_turned_into_srgb_by_their_profile(tmp_path: Path) -> None:
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red = Image.new("RGB", (8, 4), "red")
    for name, profile, expected in [("plain", plain, RED), ("odd", swapped_profile(), [0, 255, 0]), ("bad", b"x", RED)]:
        path = saved(tmp_path / f"{name}.png", red, icc_profile=profile)
        shown = read_picture(path, (8, 8)).astype(int)
        assert np.abs(shown[2:6] - expected).max() <= 2, name
        assert (shown[:2] == WHITE).all()  # the ground is nobody's colour
    grey = saved(tmp_path / "grey.png", Image.new("L", (4, 4), 90), icc_profile=swapped_profile())
    assert (read_picture(grey, (4, 4)) == 90).all()  # a profile of other colours changes nothing
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert (read_picture(saved(tmp_path / "c.png", clear, icc_profile=swapped_profile()), (4, 4)) == WHITE).all()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("p.gif", {"save_all": True}),
        ("p.webp", {"save_all": True, "lossless": True}),
        ("p.png", {"save_all": True}),
        ("p.avif", {"save_all": True}),
        ("p.mpo", {"save_all": True}),
        ("p.tif", {"save_all": True}),
    ],
)
def test_of_several_pictures_the_first_is_read_whatever_the_name(
    tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    first, second = Image.new("RGB", (32, 32), "red"), Image.new("RGB", (32, 32), "blue")
    path = saved(tmp_path / name, first, append_images=[second], **options)
    path = path.rename(tmp_path / "renamed.jpg")
    assert np.abs(read_picture(path, (8, 8)).astype(int) - RED).max() < 8


def test_only_pictures_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)  # what would start an interpreter
    for kind in ("EPS", "PDF"):
        saved(tmp_path / f"{kind}.jpg", noise(20, 20), format=kind)
        with pytest.raises(DataError, match="not a picture"):
            read_picture(tmp_path / f"{kind}.jpg", (8, 8))
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", Path("/dev/null"), tmp_path):
        with pytest.raises(DataError, match="not a regular file"):
            read_picture(path, (8, 8))


def test_endings_are_those_of_the_formats() -> None:
    Image.init()
    assert {ending for ending, kind in Image.registered_extensions().items() if kind in FORMATS} == set(ENDINGS)


@pytest.mark.real
def test_pictures_that_failed(real: Path) -> None:
    cases = real.parent / "cases"
    assert (read_picture(cases / "grey16_transparent/g16trns.png", (8, 8)) == WHITE).all()
    assert np.abs(read_picture(cases / "p3_profile/p3.jpg", (8, 8)).astype(int) - [216, 69, 50]).max() <= 4
    phone = read_picture(cases / "mpo_upload/phone.jpg", (8, 8)).astype(int)  # a red picture, then a blue one
    assert np.abs(phone - [200, 0, 0]).max() <= 4


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    path = saved(tmp_path / "p.jpg", Image.new("RGB", (64, 64), "red").convert("CMYK"), quality=100)
    assert np.abs(read_picture(path, (8, 8)).astype(int) - RED).max() < 8


def test_exif_turns_the_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned 90° clockwise
    lying = noise(60, 40)
    path = saved(tmp_path / "turned.jpg", lying, exif=exif, quality=95)
    upright = saved(tmp_path / "upright.jpg", lying.transpose(Image.Transpose.ROTATE_270), quality=95)
    assert np.abs(read_picture(path, (60, 60)).astype(int) - read_picture(upright, (60, 60))).mean() < 2


def test_a_big_jpeg_decoded_small_looks_the_same(tmp_path: Path) -> None:
    picture = noise(1800, 2400)
    path = saved(tmp_path / "big.jpg", picture, quality=95)
    exact = saved(tmp_path / "big.png", picture)
    assert np.abs(read_picture(path, (96, 96)).astype(int) - read_picture(exact, (96, 96))).max() < 12


def broken(kind: str) -> bytes:
    whole = io.BytesIO()
    noise(60, 40).save(whole, "PNG" if kind == "png" else "JPEG")
    half = whole.getvalue()[: len(whole.getvalue()) // 2]
    return {"text": b"not a picture at all", "empty": b"", "png": half, "jpeg": half}[kind]


@pytest.mark.parametrize(
    ("kind", "message"),
    [("text", "not a picture"), ("empty", "not a picture"), ("png", "broken"), ("jpeg", "(?i)truncated")],
)
def test_bad_files_say_why(tmp_path: Path, kind: str, message: str) -> None:
    (tmp_path / "bad.jpg").write_bytes(broken(kind))
    with pytest.raises(DataError, match=message):
        read_picture(tmp_path / "bad.jpg", (8, 8))


def test_a_missing_file_and_a_bomb_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="missing"):
        read_picture(tmp_path / "none.jpg", (8, 8))
    path = saved(tmp_path / "bomb.png", Image.new("RGB", (30, 30)))
    for limit in (800, 300):  # Pillow warns of the one and refuses the other
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(DataError, match=f"more than {limit} pixels"):
            read_picture(path, (8, 8))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"]),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8),
    length=st.floats(0, 1),
)
def test_a_damaged_picture_is_read_or_refused_in_one_sentence(
    tmp_path: Path, kind: str, changes: list[tuple[float, int]], length: float
) -> None:
    whole = io.BytesIO()
    noise(30, 20).save(whole, kind)
    damaged = bytearray(whole.getvalue())
    for position, value in changes:
        damaged[int(position * (len(damaged) - 1))] = value
    (tmp_path / "damaged").write_bytes(damaged[: int(len(damaged) * length) if length < 0.5 else None])
    try:
        assert read_picture(tmp_path / "damaged", (16, 16)).shape == (16, 16, 3)
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017


@pytest.fixture
def chunks(tmp_path: Path) -> list[list[str]]:
    files = [str(saved(tmp_path / f"{seed} é.png", noise(20, 30, seed))) for seed in range(11)]
    Path(files[4]).write_bytes(broken("text"))
    Path(files[9]).unlink()
    return [files[:3], files[3:7], files[7:9], files[9:10], files[10:]]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 7])
def test_the_pool_reads_what_plain_reading_reads(chunks: list[list[str]], workers: int) -> None:
    read = list(stream_pictures(chunks, (16, 12), workers))
    assert len(read) == len(chunks)
    for (block, reasons), chunk in zip(read, chunks, strict=True):
        expected, why = read_pictures(chunk, (16, 12))
        assert np.array_equal(block, expected)
        assert reasons == why
        assert block.flags.writeable
    assert [why for _, reasons in read for why in reasons if why] == [
        "the file is not a picture",
        "the file is missing",
    ]


def test_no_worker_outlives_its_reader(chunks: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def popen(*args: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(*args, **options))
        return started[-1]

    monkeypatch.setattr(pictures, "subprocess", SimpleNamespace(Popen=popen, PIPE=subprocess.PIPE))
    stream = stream_pictures(chunks, (16, 12), 2)
    next(stream)
    assert [worker.poll() for worker in started] == [None, None]
    stream.close()
    assert all(worker.poll() is not None for worker in started)


def test_a_dead_worker_is_reported(chunks: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(DataError, match=r"decodes pictures died with code -?\d+ between .* --workers 0"):
        list(stream_pictures(chunks, (16, 12), 2))


def test_a_plain_script_can_use_the_pool(chunks: list[list[str]], tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom goeswith.data.encoders.pictures import stream_pictures\n"
        "print(sum(len(block) for block, _ in stream_pictures([sys.argv[1:]], (8, 8), 2)))\n"
    )
    result = subprocess.run([sys.executable, script, *chunks[0]], capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("3\n", "")
