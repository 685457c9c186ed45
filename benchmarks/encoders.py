"""How fast pictures are encoded, against the bare network on pixels that are already in memory, in one run.

    python benchmarks/encoders.py [--images ../shared/data/mango/images] [--encoder efficientnet-lite0]
        [--write benchmarks/README.md]

The bare network is computed by torch, and as `goeswith encode` computes it (by ONNX Runtime, where it is installed).
All take turns, so that another program on the machine slows all; medians of the turns are compared, by the clock and by
the CPU seconds, those of the processes that decode included.
"""

from __future__ import annotations

import argparse
import re
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import torch
from PIL import Image

from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.encoders import efficientnet
from goeswith.data.encoders.encode import encode
from goeswith.data.encoders.networks import open_network
from goeswith.data.encoders.pictures import read_pictures
from goeswith.tables import markdown, plain

HEAD = [
    "encoder", "files to features, of the network in torch", "by processor time",
    "of the network as it is used", "by processor time",
]  # fmt: skip
Cost = tuple[float, float]
"""Wall and CPU seconds of a picture."""


def main() -> None:
    """Print the ratios and the memory that encoding took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="folder of pictures; 239 × 334 JPEGs are drawn without one")
    parser.add_argument("--encoder", action="append", help="default: efficientnet-lite0 and efficientnet-lite2")
    parser.add_argument("--count", type=int, default=1024, help="pictures (1024)")
    parser.add_argument("--turns", type=int, default=3, help="turns of bare and whole (3)")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--workers", type=int, help="processes that decode; one a core")
    parser.add_argument("--write", type=Path, help="page to write between <!-- encoders --> and <!-- end -->")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        files = (
            sorted(options.images.iterdir())[: options.count] if options.images else drawn(Path(work), options.count)
        )
        dataset = imported(files, Path(work) / "data")
        names = options.encoder or ["efficientnet-lite0", "efficientnet-lite2"]
        cells = [measure(dataset, files, name, options) for name in names]
    print(plain(HEAD, cells))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    if options.write:
        part = re.compile(r"(<!-- encoders -->\n).*?(<!-- end -->)", re.DOTALL)
        table = markdown(HEAD, cells)
        options.write.write_text(part.sub(lambda m: f"{m[1]}\n{table}\n\n{m[2]}", options.write.read_text()))


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


def measure(dataset: Dataset, files: list[Path], encoder: str, options: argparse.Namespace) -> list[str]:
    """The row of one encoder: files to features as shares of the bare network's speed."""
    network = open_network(encoder)
    assert network.size
    blocks = [
        read_pictures(files[at : at + options.batch_size], network.size)[0]
        for at in range(0, min(len(files), 8 * options.batch_size), options.batch_size)
    ]

    def whole() -> int:
        (dataset.path / "features" / f"{encoder}.safetensors").unlink(missing_ok=True)
        return encode(dataset, encoder, batch_size=options.batch_size, workers=options.workers).encoded

    in_torch = torch_network(encoder)
    ways = [lambda: bare(in_torch, blocks), lambda: bare(network.run, blocks), whole]
    for run in (in_torch, network.run):
        run(blocks[0])
    turns = [[cost(way) for way in ways] for _ in range(options.turns)]
    shares = [statistics.median(turn[way][kind] / turn[2][kind] for turn in turns) for way in (0, 1) for kind in (0, 1)]
    medians = [statistics.median(turn[way][0] for turn in turns) for way in range(3)]
    print(f"{encoder}: pictures/s in torch, as used, from files:", ", ".join(f"{1 / each:.1f}" for each in medians))
    return [encoder, *(f"{share:.0%}" for share in shares)]


def torch_network(encoder: str) -> Callable[[np.ndarray], np.ndarray]:
    """The same network in torch."""
    if not encoder.startswith("efficientnet"):
        return open_network(encoder).run
    model, cpu = efficientnet.load(encoder), torch.device("cpu")
    efficientnet.fuse(model)
    return efficientnet.torch_runner(model, cpu)


def bare(run: Callable[[np.ndarray], np.ndarray], blocks: list[np.ndarray]) -> int:
    """The network alone; the number of pictures."""
    return sum(len(run(block)) for block in blocks)


def cost(work: Callable[[], int]) -> Cost:
    """What a picture of `work` costs, which returns how many it did."""
    start, spent = time.perf_counter(), processor()
    count = work()
    return (time.perf_counter() - start) / count, (processor() - spent) / count


def processor() -> float:
    """Seconds that this process and those that it has ended have computed."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
