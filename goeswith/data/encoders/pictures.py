"""Pictures: image files of any format to RGB squares, decoded ahead of the network by a pool of processes.

Run as a module this is one worker of the pool: it reads a JSON request a line, answers with a JSON line and pixels.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import signal
import stat
import subprocess
import sys
import warnings
from collections.abc import Generator, Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from goeswith.errors import DataError

Reasons = list[str | None]
INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC


FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF", "JPEG2000", "PPM")
"""What pictures may be, as Pillow calls it; the bytes decide, not the ending. Others are never opened, such as
EPS, which would start an interpreter."""
ENDINGS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff",
    ".avif", ".avifs", ".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm",
)  # fmt: skip
"""Endings of their names."""
MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Colour space of a profile → mode of the pictures that it describes."""
BITS_PER_SAMPLE, SAMPLE_FORMAT, SIGNED = 258, 339, 2
"""Tags of TIFF."""


def open_picture(path: str | Path | IO[bytes]) -> Image.Image:
    """Open a file as one of `FORMATS`; of several pictures in it, the first.

    Raises:
        FileNotFoundError: it is not there. DataError: it is a pipe or device. UnidentifiedImageError: not a picture.
    """
    if isinstance(path, str | Path) and not stat.S_ISREG(os.stat(path).st_mode):
        raise DataError("it is not a regular file")
    return Image.open(path, formats=_formats())


@cache
def _formats() -> list[str]:
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]  # an old Pillow has no AVIF


def read_picture(path: str | Path | IO[bytes], size: tuple[int, int]) -> np.ndarray:
    """A picture as (height, width, 3) uint8 of sRGB: the whole of it, as large as fits into `size`, centred on white.

    Turned as EXIF says, colours changed as its profile says; what is transparent shows white. Big JPEGs are decoded at
    a fraction of their size. Of a file of several pictures it is the first.

    Raises:
        DataError: it is missing, no picture, truncated, broken or too big to be decoded safely.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd EXIF and palettes
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with open_picture(path) as picture:
                width, height = picture.size
                # Four times the size wanted: features then change by 4 %; a shift by one pixel changes them by 15 %.
                side = 4 * max(size) / max(width, height)
                picture.draft("RGB", (math.ceil(width * side), math.ceil(height * side)))
                _scale_transparency(picture)
                ImageOps.exif_transpose(picture, in_place=True)
                return _fit(_on_white(picture), size, _to_srgb(picture.info.get("icc_profile"), "RGB"))
    except FileNotFoundError:
        raise DataError("the file is missing") from None
    except UnidentifiedImageError:
        raise DataError("the file is not a picture") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DataError(f"the picture has more than {Image.MAX_IMAGE_PIXELS} pixels, decoding it is not safe") from None
    except DataError:
        raise
    except Exception as error:  # a broken file makes Pillow's decoders raise nearly anything
        raise DataError(f"the picture is broken ({str(error) or type(error).__name__})") from None


def _scale_transparency(picture: Image.Image) -> None:
    """Bring the transparent colour of a PNG, told in its own depth, to the depth that Pillow decodes to."""
    key = picture.info.get("transparency")
    tile = getattr(picture, "tile", None)
    if key is None or picture.format != "PNG" or not tile:
        return
    depth = tile[0][3]
    if depth == "RGB;16B" and isinstance(key, tuple):
        picture.info["transparency"] = tuple(value >> 8 for value in key)
    elif depth in ("1", "L;2", "L;4") and isinstance(key, int):
        picture.info["transparency"] = key * 255 // {"1": 1, "L;2": 3, "L;4": 15}[depth]


def _on_white(picture: Image.Image) -> Image.Image:
    """The picture as RGB on white. An RGB profile is yet to be applied, any other has been."""
    if picture.mode == "RGB" and not picture.has_transparency_data:
        return picture
    profile = picture.info.get("icc_profile")
    picture = _profiled(_shallow(picture), profile)
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def _shallow(picture: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or of floats as 8 bits, which Pillow would clip instead of scale; others as they are."""
    if picture.mode != "F" and not picture.mode.startswith("I"):
        return picture
    values = np.asarray(picture)
    if picture.mode == "F":
        values = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0)
        most = values.max(initial=0)
        top = next((top for top in (1, 255, 65535) if most <= top), most)
        scaled = np.rint(values * (255 / top))
    else:
        tags = getattr(picture, "tag_v2", {})
        if 32 not in np.atleast_1d(tags.get(BITS_PER_SAMPLE, 16)):
            scaled = values / 257
        elif SIGNED in np.atleast_1d(tags.get(SAMPLE_FORMAT, 1)):
            scaled = values / (0x7FFFFFFF / 255)
        else:
            scaled = values.astype(np.uint32) / (0xFFFFFFFF / 255)
    grey = Image.fromarray(scaled.clip(0, 255).astype(np.uint8))
    key = picture.info.get("transparency")
    if isinstance(key, int):
        grey.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    return grey


def _profiled(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """A picture of grey or of printing colours, by its profile as RGB; any other as it is."""
    mode = "L" if picture.mode == "LA" else picture.mode
    change = _from_lab() if mode == "LAB" else _to_srgb(profile, mode)
    if change is None or picture.mode == "RGB":
        return picture
    coloured = ImageCms.applyTransform(picture.getchannel("L") if picture.mode == "LA" else picture, change)
    assert coloured is not None
    if picture.has_transparency_data:
        coloured.putalpha(picture.convert("RGBA").getchannel("A"))
    return coloured


@lru_cache(maxsize=16)
def _to_srgb(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """What turns pictures of a mode into sRGB by their profile.

    None where that changes nothing: without a profile, by that of sRGB, by a broken one, or one of other colours.
    """
    if not profile:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if MODES.get(source.profile.xcolor_space.strip()) != mode:
            return None
        change = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", INTENT)
        return change if mode != "RGB" or _changes_colours(change) else None
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None


def _changes_colours(change: ImageCms.ImageCmsTransform) -> bool:
    """Whether it changes any of 125 colours by more than rounding does; what a profile calls itself says little."""
    levels = np.linspace(0, 255, 5).astype(np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(5, 25, 3)
    changed = np.asarray(ImageCms.applyTransform(Image.fromarray(colours), change))
    return bool(np.abs(changed.astype(int) - colours).max() > 2)


@cache
def _from_lab() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB", INTENT)


def _fit(picture: Image.Image, size: tuple[int, int], change: ImageCms.ImageCmsTransform | None) -> np.ndarray:
    height, width = size
    scale = min(height / picture.height, width / picture.width)
    fitted = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    picture = picture.resize(fitted, Image.Resampling.BILINEAR, reducing_gap=3.0)
    if change is not None:  # of the few pixels that are left, with white as it is
        ImageCms.applyTransform(picture, change, inPlace=True)
    top, left = (height - fitted[1]) // 2, (width - fitted[0]) // 2
    canvas = np.full((height, width, 3), 255, np.uint8)
    canvas[top : top + fitted[1], left : left + fitted[0]] = np.asarray(picture)
    return canvas


def read_pictures(paths: Sequence[str | Path], size: tuple[int, int]) -> tuple[np.ndarray, Reasons]:
    """The good ones of `paths` as (n, height, width, 3) uint8, and for every path why it is bad, None if good."""
    block = np.empty((len(paths), *size, 3), np.uint8)
    reasons: Reasons = []
    good = 0
    for path in paths:
        try:
            block[good] = read_picture(path, size)
            good += 1
            reasons.append(None)
        except DataError as error:
            reasons.append(str(error))
    return block[:good], reasons


def stream_pictures(
    chunks: Sequence[Sequence[str]], size: tuple[int, int], workers: int
) -> Generator[tuple[np.ndarray, Reasons]]:
    """`read_pictures` of every chunk, in order, decoded ahead by `workers` processes; without any, here and now.

    A worker holds one chunk until it is asked for, so memory does not grow with the number of pictures. Workers are
    fresh interpreters that import neither torch nor the caller's program: nothing is forked from a process with
    threads, and a script needs no ``if __name__ == "__main__"``.

    Raises:
        DataError: a worker died, for example for lack of memory.
    """
    workers = min(workers, len(chunks))
    if workers == 0:
        yield from (read_pictures(chunk, size) for chunk in chunks)
        return
    with contextlib.ExitStack() as stack:
        pool = [stack.enter_context(_worker()) for _ in range(workers)]
        for worker, chunk in zip(pool, chunks, strict=False):
            _ask(worker, chunk, size)
        for turn, chunk in enumerate(chunks):
            worker = pool[turn % workers]
            answer = _answer(worker, chunk, size)
            if turn + workers < len(chunks):
                _ask(worker, chunks[turn + workers], size)
            yield answer


@contextlib.contextmanager
def _worker() -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", __name__]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()  # closes the pipes and waits


def _ask(worker: subprocess.Popen[bytes], chunk: Sequence[str], size: tuple[int, int]) -> None:
    assert worker.stdin
    with contextlib.suppress(BrokenPipeError):  # `_answer` tells
        worker.stdin.write(json.dumps([list(chunk), size]).encode() + b"\n")
        worker.stdin.flush()


def _answer(worker: subprocess.Popen[bytes], chunk: Sequence[str], size: tuple[int, int]) -> tuple[np.ndarray, Reasons]:
    assert isinstance(worker.stdout, io.BufferedReader)
    line = worker.stdout.readline()
    reasons: Reasons = json.loads(line) if line.endswith(b"\n") else [None]
    block = np.empty((reasons.count(None), *size, 3), np.uint8)
    if not line or worker.stdout.readinto(block.reshape(-1).data) != block.nbytes:
        raise DataError(
            f"a process that decodes pictures died with code {worker.wait()} between {chunk[0]} and {chunk[-1]}; "
            "run the command again to resume, with --workers 0 to find the picture"
        )
    return block, reasons


def _serve() -> None:
    """Answer requests until the other end closes; an interrupt is the caller's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin.buffer:
        paths, size = json.loads(line)
        block, reasons = read_pictures(paths, tuple(size))
        sys.stdout.buffer.write(json.dumps(reasons).encode() + b"\n")
        sys.stdout.buffer.write(block.reshape(-1).data)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
