"""Pictures: files of any kind to RGB squares, decoded ahead of the network by a pool of processes.

Run as a module this is one worker of the pool: it reads a JSON request a line, answers with a JSON line and pixels.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from goeswith.errors import DataError

Reasons = list[str | None]


def read_picture(path: str | Path, size: tuple[int, int]) -> np.ndarray:
    """A picture as (height, width, 3) uint8: the whole of it, as large as fits into `size`, centred on white.

    Turned as EXIF says; what is transparent shows white. Big JPEGs are decoded at a fraction of their size.

    Raises:
        DataError: it is missing, no picture, truncated, broken or too big to be decoded safely.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd EXIF and palettes
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                width, height = picture.size
                # Four times the size wanted: features then change by 4 %; a shift by one pixel changes them by 15 %.
                side = 4 * max(size) / max(width, height)
                picture.draft("RGB", (math.ceil(width * side), math.ceil(height * side)))
                ImageOps.exif_transpose(picture, in_place=True)
                return _fit(_on_white(picture), size)
    except FileNotFoundError:
        raise DataError("the file is missing") from None
    except UnidentifiedImageError:
        raise DataError("the file is not a picture") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DataError(f"the picture has more than {Image.MAX_IMAGE_PIXELS} pixels, decoding it is not safe") from None
    except Exception as error:  # a broken file makes Pillow's decoders raise nearly anything
        raise DataError(f"the picture is broken ({str(error) or type(error).__name__})") from None


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB" and not picture.has_transparency_data:
        return picture
    if picture.mode.startswith("I"):  # 16 bits of grey, which Pillow would clip instead of scale
        picture = Image.fromarray((np.asarray(picture, np.float32) / 257).clip(0, 255).astype(np.uint8))
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def _fit(picture: Image.Image, size: tuple[int, int]) -> np.ndarray:
    height, width = size
    scale = min(height / picture.height, width / picture.width)
    fitted = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    picture = picture.resize(fitted, Image.Resampling.BILINEAR, reducing_gap=3.0)
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
            "run again to go on from there, with --workers 0 to see which picture it is"
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
