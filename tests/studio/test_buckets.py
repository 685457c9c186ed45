"""Buckets: tokens by time, and one bucket that several processes take from."""

import subprocess
import sys
from pathlib import Path

import pytest
from answers import refused
from starlette.testclient import TestClient

from goeswith.studio.app import create_app
from goeswith.studio.service.buckets import Bucket, SharedBucket
from goeswith.studio.settings import settings_of

KEY, SHOP = "key-of-product-pages", "https://shop.example"
TAKER = """
import sys
from pathlib import Path
from goeswith.studio.service.buckets import SharedBucket
bucket = SharedBucket(Path(sys.argv[1]), "key", 0.0, 300)
print("ready", flush=True)
sys.stdin.readline()
print(sum(bucket.take() for _ in range(250)))
"""


@pytest.mark.parametrize("shared", [False, True])
def test_tokens_come_with_time_up_to_a_burst(shared: bool, tmp_path: Path) -> None:
    now = [100.0]
    made = (lambda *arguments: SharedBucket(tmp_path / "limits.sqlite", "key", *arguments)) if shared else Bucket
    bucket = made(2.0, 3, lambda: now[0])  # two a second, three at once
    assert [bucket.take() for _ in range(5)] == [True, True, True, False, False]
    now[0] += 0.4
    assert not bucket.take()
    now[0] += 0.2  # what a refusal found is not lost
    assert [bucket.take() for _ in range(2)] == [True, False]
    now[0] -= 50  # a clock that goes back takes nothing away
    assert not bucket.take()
    now[0] += 1e6
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_a_file_that_cannot_be_used_leaves_each_process_its_own(tmp_path: Path) -> None:
    bucket = SharedBucket(tmp_path / "limits.sqlite", "key", 0.0, 2)
    other = SharedBucket(tmp_path / "limits.sqlite", "events", 0.0, 1)
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    assert other.take()  # another name is another bucket
    bucket._file.execute("DROP TABLE buckets")
    assert [bucket.take() for _ in range(3)] == [True, True, False]


def test_two_apps_that_share_a_folder_share_their_limits(world: Path, tmp_path: Path) -> None:
    settings = settings_of({"public_key": KEY, "allow_origins": (SHOP,), "looks": tmp_path / "looks.sqlite"})
    apps = [create_app(world / "index", shared=tmp_path, settings=settings) for _ in range(2)]
    for app in apps:
        app.state.public_key.bucket.rate = app.state.event_bucket.rate = 0.0
        app.state.public_key.bucket._file.execute("UPDATE buckets SET tokens = 3")
    pages = [TestClient(app, headers={"origin": SHOP, "authorization": f"Bearer {KEY}"}) for app in apps]
    looks = [pages[number % 2].get("/storefront/v1/looks/nothing") for number in range(4)]
    assert [answer.status_code for answer in looks] == [404, 404, 404, 429]
    event = {"kind": "impression", "session": "s", "item": "i0", "look": "l"}
    pages = [TestClient(app, headers={"origin": SHOP}) for app in apps]  # a beacon has its key in the body
    posted = [
        pages[number % 2].post("/storefront/v1/events", json={"key": KEY, "events": [event | {"id": f"e{number}"}]})
        for number in range(4)
    ]
    assert [answer.status_code for answer in posted] == [202, 202, 202, 429]
    refused(posted[-1], 429, "too_many_requests")


@pytest.mark.slow
def test_processes_take_from_one_bucket(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TAKER, str(tmp_path / "limits.sqlite")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    takers = [subprocess.Popen(command, **pipes) for _ in range(2)]  # type: ignore[call-overload]
    assert [taker.stdout.readline() for taker in takers] == ["ready\n"] * 2
    for taker in takers:
        taker.stdin.write("go\n")
        taker.stdin.flush()
    taken = [int(taker.communicate(timeout=600)[0]) for taker in takers]
    assert sum(taken) == 300  # two buckets would give 600
