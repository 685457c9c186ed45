"""Requests a second, and how long the slowest wait, computed one by one, together and kept, in one run.

    goeswith index RUN DATASET --out INDEX
    python benchmarks/service.py INDEX [--clients 1 8] [--seconds 1] [--rounds 4] [--json]

Four services run as processes of their own: *alone* computes every request alone, in a thread for each; *together*
scores in one call what arrived while the call before was under way, and searches looks in step, as
`goeswith serve --workers 1` does; *processes* is that in two processes (`--workers 2`). These three forget what they
answered. *kept* keeps answers, as `goeswith serve` does, and is asked the same few requests again.
They take turns, each as often the first as the last, so that another program on the machine slows all of them.
A client sends its next request when it has the answer to the last; all of them share one process here, which takes its
part of the processors. Requests are drawn from the index: an outfit of two to six items to score; one item and two
slots to complete.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from goeswith.shop.index import Index
from goeswith.shop.steps import Steps, finish
from goeswith.shop.stylist import Look
from goeswith.studio.processes import Processes
from goeswith.studio.service.bounded_cache import BoundedCache
from goeswith.studio.service.shared import Shop
from goeswith.studio.settings import Settings
from goeswith.tables import markdown, plain

WAYS = ("alone", "together", "processes", "kept")
PATHS = ("/v1/complete", "/v1/score")
DRAWN = 500
"""Requests of each kind, sent again and again."""
PROCESSES = 2
AGAIN = 16
"""So many of them where answers are kept: all are known after the first turn."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement (1)")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--path", choices=PATHS, action="append", help="to ask; all of them without it")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, help="Page to write between <!-- load --> and <!-- end -->.")
    parser.add_argument(
        "--ratios", type=Path, help="Page to write ratios to between <!-- service --> and <!-- end -->."
    )
    parser.add_argument("--serve", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--socket", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.index, options.serve, options.socket)
        return
    rows = measure(options.index, options.path or PATHS, options.clients, options.seconds, options.rounds)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    head = ["path", "clients", "requests", "requests/s", "p50 ms", "p99 ms", "processor ms"]
    cells = [[row["path"], *map(str, [row["clients"], row["way"]]), *numbers(row)] for row in rows]
    print(plain(head, cells))
    if options.write:
        text, part = options.write.read_text(), re.compile(r"(<!-- load -->\n).*?(\n<!-- end -->)", re.DOTALL)
        options.write.write_text(part.sub(lambda m: f"{m[1]}\n{markdown(head, cells)}{m[2]}", text))

    if options.ratios:
        text, part = options.ratios.read_text(), re.compile(r"(<!-- service -->\n).*?(\n<!-- end -->)", re.DOTALL)
        table = ratios(rows, max(options.clients))
        options.ratios.write_text(part.sub(lambda m: f"{m[1]}\n{table}\n{m[2]}", text))


def ratios(rows: list[dict[str, Any]], clients: int) -> str:
    """Requests/s of so many clients in all, as multiples of one client whose requests are computed one by one."""
    keyed = {(row["path"], row["clients"], row["way"]): row for row in rows}
    rate = {key: row["requests_per_second"] for key, row in keyed.items()}
    cost = {key: row["processor"] for key, row in keyed.items()}
    cells = [
        [
            path,
            way,
            *(f"{rate[path, count, way] / rate[path, 1, 'alone']:.1f}" for count in (1, clients)),
            f"{cost[path, 1, 'alone'] / max(cost[path, clients, way], 1e-4):.1f}",
        ]
        for path in sorted({row["path"] for row in rows})
        for way in WAYS
    ]
    return markdown(["path", "requests", "1 client", f"{clients} clients", "per CPU second"], cells)


def numbers(row: dict[str, Any]) -> list[str]:
    return [
        f"{row['requests_per_second']:.0f}",
        f"{1000 * row['p50']:.1f}",
        f"{1000 * row['p99']:.1f}",
        f"{1000 * row['processor']:.1f}",
    ]


class Alone:
    """In the place of the service's `Batcher` and `Searches`: every request is computed by itself, in a thread."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    async def judge(self, outfits: Sequence[Sequence[str]]) -> list[Look]:
        return await self.shop.workers.run(self.shop.stylist.judge_many, outfits)

    async def run(self, index: Index, begin: Callable[[], Steps[Any]]) -> Any:
        return await self.shop.workers.run(lambda: finish(index, begin()))


def serve(index: Path, way: str, number: int) -> None:
    """The service on a socket that the parent opened, until it is ended."""
    listening = socket.socket(fileno=number)
    if way == "processes":
        work = partial(answer, "together")
        Processes(work, listening, index, Settings(workers=PROCESSES)).run(lambda stale: None)
    else:
        answer(way, listening, index, Settings(), lambda stale: None)


def answer(
    way: str,
    listening: socket.socket,
    index: Path,
    settings: Settings,
    begun: Callable[[str], None],
    shared: Path | None = None,
) -> None:
    """As `goeswith.studio.server.answer`, in one of the ways."""
    import uvicorn

    from goeswith.studio.app import create_app

    app = create_app(index, settings=settings, shared=shared)
    shop = app.state.shop
    if way != "kept":
        shop.view.looks = BoundedCache(0)
    if way == "alone":
        shop.batcher = Alone(shop)
        shop.searches.run = shop.batcher.run  # type: ignore[method-assign]
    begun("")
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listening])


def measure(
    index: Path, paths: Sequence[str], clients: Sequence[int], seconds: float, rounds: int
) -> list[dict[str, Any]]:
    requests_of = {path: bodies for path, bodies in requests(Index(index)).items() if path in paths}
    services: dict[str, subprocess.Popen[bytes]] = {}
    ports = {}
    try:
        for way in WAYS:
            with socket.create_server(("127.0.0.1", 0)) as listening:
                command = [sys.executable, __file__, str(index), "--serve", way, "--socket", str(listening.fileno())]
                services[way] = subprocess.Popen(command, pass_fds=[listening.fileno()])
                ports[way] = listening.getsockname()[1]
        waits: dict[tuple[str, int, str], list[float]] = defaultdict(list)
        spent: dict[tuple[str, int, str], float] = defaultdict(float)
        used: dict[tuple[str, int, str], float] = defaultdict(float)
        for turn in range(-1, rounds):  # the first one warms up
            ways = np.roll(WAYS, turn).tolist()
            for key in [(path, count, way) for path in requests_of for count in clients for way in ways]:
                path, count, way = key
                bodies = requests_of[path][: AGAIN if way == "kept" else DRAWN]
                before = processor(services[way].pid)
                waited, took = asyncio.run(drive(ports[way], path, bodies, count, seconds if turn >= 0 else 1))
                if turn >= 0:
                    waits[key] += waited
                    spent[key] += took
                    used[key] += processor(services[way].pid) - before
    finally:
        for service in services.values():
            service.terminate()
            service.wait()
    return [
        {
            "path": path, "clients": count, "way": way, "requests": len(waited),
            "requests_per_second": len(waited) / spent[path, count, way],
            "processor": used[path, count, way] / len(waited),
            "p50": float(np.quantile(waited, 0.5)), "p99": float(np.quantile(waited, 0.99)),
        }
        for (path, count, way), waited in sorted(waits.items())
    ]  # fmt: skip


def processor(pid: int) -> float:
    """Seconds that a process and its children have computed; of all that is measured here, the least changed by other
    programs."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(processor(int(child)) for child in children)


def requests(index: Index) -> dict[str, list[bytes]]:
    """Bodies by path: outfits of items of different groups, and looks to complete with two other groups."""
    luck = np.random.default_rng(0)
    codes, code_of = index.shelf.codes("group")
    offered = np.flatnonzero(index.known)
    of = {group: offered[codes[offered] == code] for group, code in code_of.items()}
    usual = [group for group, rows in of.items() if len(rows) and group not in ("other", "dress")]  # fit all others
    score, complete = [], []
    for _ in range(DRAWN):
        groups = luck.permutation(usual)[: luck.integers(2, 7)]
        items = [index.catalogue.ids[luck.choice(of[group])] for group in groups]
        score.append({"outfits": [items]})
        groups = luck.permutation(usual)[:3]
        complete.append({"item_ids": [index.catalogue.ids[luck.choice(of[groups[0]])]], "slots": groups[1:].tolist()})
    bodies = {"/v1/score": score, "/v1/complete": complete}
    return {path: [json.dumps(body).encode() for body in drawn] for path, drawn in bodies.items()}


async def drive(port: int, path: str, bodies: list[bytes], clients: int, seconds: float) -> tuple[list[float], float]:
    """Seconds that each answer took, and that all of it took."""
    start = time.perf_counter()
    parts = [bodies[at:] + bodies[:at] for at in np.linspace(0, len(bodies), clients, endpoint=False).astype(int)]
    waited = await asyncio.gather(*(client(port, path, part, start + seconds) for part in parts))
    return [wait for waits in waited for wait in waits], time.perf_counter() - start


async def client(port: int, path: str, bodies: list[bytes], until: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: "
    waits = []
    for body in cycle(bodies):
        start = time.perf_counter()
        if start > until and waits:
            break
        writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
        header = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(header.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        answer = await reader.readexactly(length)
        if b" 200 " not in header[:14]:
            raise SystemExit(f"{path} of {body.decode()} was answered with {answer.decode()}")
        waits.append(time.perf_counter() - start)
    writer.close()
    await writer.wait_closed()
    return waits


if __name__ == "__main__":
    main()
