"""How fast pictures are encoded, against the bare network on pixels that are already in memory, in one run.

    python benchmarks/encoders.py [--images ../shared/data/mango/images] [--encoder efficientnet-lite0]

Bare and whole take turns, so that another program on the machine slows both; medians of the turns are compared.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.encoders.encode import encode
from goeswith.data.encoders.networks import Network, open_network
from goeswith.data.encoders.pictures import read_pictures


def main() -> None:
    """Print pictures/s of both, their ratio and the memory that encoding took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="folder of pictures; 239 × 334 JPEGs are drawn without one")
    parser.add_argument("--encoder", action="append", help="default: efficientnet-lite0 and efficientnet-lite2")
    parser.add_argument("--count", type=int, default=1024, help="pictures (1024)")
    parser.add_argument("--turns", type=int, default=3, help="turns of bare and whole (3)")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--workers", type=int, help="processes that decode; one a core")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        files = (
            sorted(options.images.iterdir())[: options.count] if options.images else drawn(Path(work), options.count)
        )
        dataset = imported(files, Path(work) / "data")
        for encoder in options.encoder or ["efficientnet-lite0", "efficientnet-lite2"]:
            measure(dataset, files, encoder, options)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def drawn(folder: Path, count: int) -> list[Path]:
    """Pictures with a garment's share of flat backdrop and of fabric."""
    rng = np.random.default_rng(0)
    files = [folder / f"{number}.jpg" for number in range(count)]
    for file in files:
        pixels = np.full((334, 239, 3), 240, np.uint8)
        pixels[40:300, 50:190] = rng.normal(rng.integers(40, 220, 3), 9, (260, 140, 3)).clip(0, 255)
        Image.fromarray(pixels).save(file, quality=80)
    return files


def imported(files: list[Path], dest: Path) -> Dataset:
    """A data set of these pictures."""
    ids = [file.stem for file in files]
    return create(
        Imported(
            items=pl.DataFrame({"item_id": ids, "category": ["garment"] * len(ids)}),
            outfits=pl.DataFrame({"outfit_id": ["0"], "item_ids": [ids[:2]]}),
            source="benchmark",
            licence="",
            images=dict(zip(ids, files, strict=True)),
        ),
        dest,
        layout="table",
    )


def measure(dataset: Dataset, files: list[Path], encoder: str, options: argparse.Namespace) -> None:
    """Time one encoder both ways."""
    network = open_network(encoder)
    assert network.size
    blocks = [
        read_pictures(files[at : at + options.batch_size], network.size)[0]
        for at in range(0, min(len(files), 8 * options.batch_size), options.batch_size)
    ]
    network.run(blocks[0])

    def whole() -> int:
        (dataset.path / "features" / f"{encoder}.safetensors").unlink(missing_ok=True)
        return encode(dataset, encoder, batch_size=options.batch_size, workers=options.workers).encoded

    turns = [(rate(lambda: bare(network, blocks)), rate(whole)) for _ in range(options.turns)]
    bare_rate, whole_rate = (statistics.median(rates) for rates in zip(*turns, strict=True))
    print(
        f"{encoder}: {whole_rate:.1f} pictures/s from files to features, {bare_rate:.1f} by the bare network: "
        f"{statistics.median(whole / bare for bare, whole in turns):.0%}"
    )


def bare(network: Network, blocks: list[np.ndarray]) -> int:
    """The network alone; the number of pictures."""
    return sum(len(network.run(block)) for block in blocks)


def rate(work: Callable[[], int]) -> float:
    """Pictures a second of `work`, which returns how many it did."""
    start = time.perf_counter()
    return work() / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
