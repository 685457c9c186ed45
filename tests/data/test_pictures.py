"""Pictures: what is decoded of odd files, what is said of broken ones, and the pool against plain reading."""

import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from goeswith.data.encoders import pictures
from goeswith.data.encoders.pictures import read_picture, read_pictures, stream_pictures
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
    ("kind", "told"),
    [("text", "not a picture"), ("empty", "not a picture"), ("png", "broken"), ("jpeg", "(?i)truncated")],
)
def test_bad_files_say_why(tmp_path: Path, kind: str, told: str) -> None:
    (tmp_path / "bad.jpg").write_bytes(broken(kind))
    with pytest.raises(DataError, match=told):
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
    kept=st.floats(0, 1),
)
def test_no_damage_goes_unsaid(tmp_path: Path, kind: str, changes: list[tuple[float, int]], kept: float) -> None:
    whole = io.BytesIO()
    noise(30, 20).save(whole, kind)
    damaged = bytearray(whole.getvalue())
    for place, value in changes:
        damaged[int(place * (len(damaged) - 1))] = value
    (tmp_path / "damaged").write_bytes(damaged[: int(len(damaged) * kept) if kept < 0.5 else None])
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


def test_a_dead_worker_is_told(chunks: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(DataError, match=r"decodes pictures died with code -?\d+ between .* --workers 0"):
        list(stream_pictures(chunks, (16, 12), 2))


def test_a_plain_script_can_use_the_pool(chunks: list[list[str]], tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom goeswith.data.encoders.pictures import stream_pictures\n"
        "print(sum(len(block) for block, _ in stream_pictures([sys.argv[1:]], (8, 8), 2)))\n"
    )
    asked = subprocess.run([sys.executable, script, *chunks[0]], capture_output=True, text=True, check=True)
    assert (asked.stdout, asked.stderr) == ("3\n", "")
