"""Processes: several that serve together, for real: shared photos, a review, a new index, one that dies, the end."""

import concurrent.futures
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from answers import png
from served import OUTFIT
from waiting import until

from goeswith.studio.service.limits import GOODBYE_SECONDS

pytestmark = pytest.mark.slow

TLS = ssl.create_default_context()
"""Made once: each client of its own (and connections kept alive stay with one process) would read all certificates."""
PROGRAM = """
import sys
import served
from goeswith.studio.processes import Processes
from goeswith.studio.server import listen
from goeswith.studio.settings import Settings
settings = Settings(workers=2, access_log=sys.argv[2])
with listen("127.0.0.1", 0) as listening:
    begun = lambda stale: print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    Processes(served.answer_slowly, listening, sys.argv[1], settings).run(begun)
"""


@pytest.fixture
def service(world: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str, Path]]:
    index = Path(shutil.copytree(world / "index", tmp_path / "index"))
    paths = os.pathsep.join([str(Path(__file__).parents[1] / "helpers"), *sys.path])
    command = [sys.executable, "-c", PROGRAM, str(index), str(tmp_path / "access.log")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONPATH": paths, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert process.stdout
    yield process, process.stdout.readline().strip(), index
    process.kill()
    process.communicate()


def entry(line: str) -> dict[str, Any]:
    """A line of the log; empty where it is being written, or was when its process was killed."""
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return {}


def test_two_processes_serve_as_one(service: tuple[subprocess.Popen[str], str, Path], tmp_path: Path) -> None:
    process, url, index = service

    def get(path: str) -> httpx.Response:
        return httpx.get(f"{url}{path}", timeout=120, verify=TLS)

    def get_many(path: str, count: int = 24) -> list[httpx.Response]:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:  # one after another, one process might take them all
            return list(pool.map(get, [path] * count))

    def process_of(*answers: httpx.Response) -> set[int]:
        ids = {answer.headers["x-request-id"] for answer in answers}
        lines = map(entry, (tmp_path / "access.log").read_text().splitlines())
        return {line["process"] for line in lines if line.get("request_id") in ids}

    def working() -> set[int]:
        return process_of(*get_many("/health"))

    until(lambda: len(working()) == 2)
    both = working()

    # what one was sent, all have
    form = {"category": "shirt", "title": "mine"}
    sent = httpx.post(f"{url}/v1/items", files={"picture": ("x", png(), "image/png")}, data=form, timeout=120)
    assert sent.status_code == 201, sent.text
    path = "/v1/items/" + sent.json()["item_id"]
    assert {answer.status_code for answer in get_many(path)} == {200}
    counted = get("/metrics").text
    assert "goeswith_guests 1.0" in counted
    assert float(re.findall(r'goeswith_requests_total{.*"/health".*} (.+)', counted)[0]) >= 20  # of both together

    # a review is made by one of them, and shown by both
    body = {"name": "June", "item_ids": [*OUTFIT, "i1"]}
    begun = httpx.post(f"{url}/v1/reviews", json=body, timeout=120)
    assert begun.status_code == 201, begun.text
    review = f"/v1/reviews/{begun.json()['review_id']}"
    until(lambda: bool(process_of(begun)))  # its line is written after the answer
    [dead] = process_of(begun)
    until(lambda: get(review).json()["made"] > 0)

    # one that dies, in the middle of the review, is replaced, and has the photos as well
    os.kill(dead, signal.SIGKILL)
    until(lambda: len(working() - {dead}) == 2)
    assert {answer.status_code for answer in get_many(path)} == {200}

    # a new index is opened by all, while every request is answered
    info = json.loads((index / "index.json").read_text())
    (index / "new.json").write_text(json.dumps(info | {"model": info["model"] | {"title": "newer"}}))
    (index / "new.json").replace(index / "index.json")
    models: list[str] = []

    def all_newer() -> bool:
        models.extend(answer.json()["model"] for answer in get_many("/v1/index"))
        return models[-24:] == ["newer"] * 24

    until(all_newer)
    process.send_signal(signal.SIGHUP)
    assert {answer.status_code for answer in get_many(path)} == {200}

    # the review went on in the other or in the new one, nothing is made twice, and both take decisions
    until(lambda: get(review).json()["made"] == 4)
    assert {answer.json()["made"] for answer in get_many(review)} == {4}
    made = get(f"{review}/looks").json()["looks"]
    assert len({look["look_id"] for look in made}) == len(made)
    counts = Counter(look["pinned_item"] for look in made)
    assert set(counts) <= {*body["item_ids"]}
    assert len(counts) + len(get(review).json()["failures"]) == 4
    assert max(counts.values()) <= 3
    chosen = {look["pinned_item"]: look["look_id"] for look in made}

    def approve(look_id: str) -> int:
        change = {"state": "approved", "who": "Ada"}
        return httpx.patch(f"{url}/v1/looks/{look_id}", json=change, timeout=120).status_code

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(approve, chosen.values())) == {200}
    assert {answer.json()["decided"] for answer in get_many(review)} == {4}

    def waiting() -> float:
        return float(re.findall(r"\ngoeswith_waiting (\S+)", get("/metrics").text)[0])

    # the end: what was asked before is answered, and then there is nothing left
    body = {"anchors": OUTFIT[:1], "slots": ["shoes"]}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = [pool.submit(httpx.post, f"{url}/v1/complete", json=body, timeout=120) for _ in range(4)]
        until(lambda: waiting() + sum(answer.done() for answer in answers) >= len(answers))
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=300)[0]
        ended = time.monotonic() - began
        # where busy cores do not end them in the seconds that are left, they are told so
        late = {503} if ended > GOODBYE_SECONDS - 1 else set()
        assert {answer.result().status_code for answer in answers} <= {200} | late
    assert process.returncode == 0
    assert "Traceback" not in output
    assert re.search(rf"process {dead} of the service was ended by SIGKILL and was replaced by process \d+\n", output)
    for pid in both:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not list(tmp_path.glob("goeswith-*"))  # and no photo of anybody


def test_a_service_that_cannot_begin_says_why_and_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "goeswith", "serve", str(tmp_path), "--port", "0", "--workers", "2"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"goeswith: {tmp_path} is not an index")
    assert ran.stderr.count("\n") == 1
