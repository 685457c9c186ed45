"""Kills: commands killed at random moments, resumed, and compared with what came of undisturbed ones."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trust.world import SMALL, World, begin, command_in_fork, wait

CLOCK = ("seconds", "pairs_per_second", "checksums", "stamp")
"""Fields that a clock, or the time of a file, has a part in; a checksum may be of a file with such a field."""
ORPHANS = 60.0
"""Seconds after which the children of a killed command must have ended; one that still imports cannot know sooner."""


@dataclass
class Kills:
    """What came of the kills."""

    kills: Counter[str] = field(default_factory=Counter)
    resumed: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, other: Kills) -> None:
        self.kills += other.kills
        self.resumed += other.resumed
        self.faults += other.faults


@dataclass(frozen=True)
class Job:
    """A command that writes `out`. before: makes what must be there when it begins."""

    name: str
    arguments: list[str]
    out: Path
    before: Callable[[], object] = lambda: None


def jobs(world: World, work: Path) -> list[Job]:
    """Everything that writes, over the tiny shop."""

    def train(name: str, *arguments: object) -> Job:
        model = name.partition(" ")[0]
        words = ["train", model, world.data, "--encoder", "words", "--out", work / "run", *SMALL, *arguments]
        return Job(f"train {name}", [*map(str, words)], work / "run")

    def job(out: str, *arguments: object, before: Callable[[], object] = lambda: None) -> Job:
        return Job(str(arguments[0]), [*map(str, arguments)], work / out, before)

    copied = work / "copied"

    def copy(*without: str) -> Callable[[], object]:
        return lambda: shutil.copytree(world.data, copied, ignore=shutil.ignore_patterns(*without))

    updated = job("copied", "import", "table", world.changed, copied, "--update", before=copy(".lock"))
    return [
        job("new", "import", "table", world.source, work / "new"),
        Job("update", updated.arguments, updated.out, updated.before),
        job("copied", "encode", copied, "--encoder", "words", before=copy("features")),
        job("copied", "questions", copied, before=copy("questions")),
        train("two-tower", "--set", "hidden=8"),
        train("add-gnn with a teacher", "--teacher", world.data, "--set", "hidden=8", "--set", "attributes=2",
              "--set", "teacher.epochs=2"),
        train("akd-dbpr with rules", "--rules", world.rules, "--set", "hidden=8"),
        train("bilstm", "--set", "hidden=8"),
        job("index", "index", world.run, world.data, "--out", work / "index"),
        job("export", "export", world.run, work / "export", "--licence", "apache-2.0"),
        job("built", "build", world.source, work / "built", "--model", world.run),
        job("bench", "bench", world.recipe, "--out", work / "bench", "--jobs", "1"),
    ]  # fmt: skip


def run(world: World, seconds: float, seed: int) -> Kills:
    """Kill the commands in turn until the time is up."""
    luck, kills, until = random.Random(seed), Kills(), time.monotonic() + seconds
    work = world.root / "work"
    whole_outputs: dict[str, tuple[dict[str, str], float]] = {}
    every = jobs(world, work)
    turn = 0
    while time.monotonic() < until:
        job = every[turn % len(every)]
        # A bench begins processes of its own and takes seconds: it comes less often.
        turn += 1
        if turn % (8 * len(every)) == 0:
            print(f"kills: {kills.kills.total()} so far, {len(kills.faults)} faults", flush=True)
        if job.name == "bench" and turn // len(every) % 12 != 1:
            continue
        if job.name not in whole_outputs:
            whole_outputs[job.name] = undisturbed(job, work)
        came = killed(job, work, whole_outputs[job.name], luck, until)
        kills.add(came)
        for fault in came.faults:
            print(f"  {fault}", flush=True)
    shutil.rmtree(work, ignore_errors=True)
    return kills


def fresh(job: Job, work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    job.before()


def undisturbed(job: Job, work: Path) -> tuple[dict[str, str], float]:
    """What a job writes, and in how many seconds."""
    fresh(job, work)
    began = time.monotonic()
    code, output = command_in_fork(job.arguments, work / ".said")
    if code:
        raise SystemExit(f"{job.name} fails undisturbed: {output}")
    return digests(job.out), time.monotonic() - began


def killed(
    job: Job, work: Path, whole_output: tuple[dict[str, str], float], luck: random.Random, until: float
) -> Kills:
    """Kill a job and start it again, up to five times; then let it end, and compare."""
    kills, (wanted, seconds) = Kills(), whole_output
    fresh(job, work)
    for _ in range(luck.randint(1, 5)):
        child = begin(job.arguments, work / ".said")
        code = wait(child, time.monotonic() + luck.uniform(0, 1.1) * seconds)
        if code is not None:
            if code == 0 and not refused_again(job):
                continue
            break
        kill(child, luck, job, kills)
        kills.kills[job.name] += 1
        kills.faults += [f"{job.name}: {path} is half written" for path in halves(job.out)]
        if time.monotonic() > until:
            break
    code, output = command_in_fork(job.arguments, work / ".said")
    if code and not (refused_again(job) and "already exists" in output):
        kills.faults.append(f"{job.name}: cannot be resumed: {output.strip()[-300:]}")
        return kills
    kills.resumed[job.name] += 1
    kills.faults += [f"{job.name}: {fault}" for fault in differences(wanted, digests(job.out))]
    kills.faults += [f"{job.name}: {name} was left behind" for name in left_behind(job)]
    return kills


def left_behind(job: Job) -> list[str]:
    """Unfinished files beside what a job wrote; those whose process number is in use again are swept some other day."""
    start = f".{job.out.name}."
    names = [path.name for path in job.out.parent.iterdir() if path.name.startswith(start)]
    owners = [name.removeprefix(start).partition(".")[0] for name in names]
    return [
        name
        for name, owner in zip(names, owners, strict=True)
        if not name.endswith(".lock") and not (owner.isdecimal() and Path(f"/proc/{owner}").exists())
    ]


def refused_again(job: Job) -> bool:
    """Whether the command refuses a folder that it has made."""
    return job.name in ("import", "export")


def kill(child: int, luck: random.Random, job: Job, kills: Kills) -> None:
    """Kill a command alone, or its whole group as a machine that goes down does; none of its children may stay."""
    everyone = luck.random() < 0.5
    try:
        (os.killpg if everyone else os.kill)(child, signal.SIGKILL)
    except ProcessLookupError:  # it has only just begun and leads no group yet
        os.kill(child, signal.SIGKILL)
    wait(child, time.monotonic() + 60)
    until = time.monotonic() + ORPHANS
    while time.monotonic() < until:
        try:
            os.killpg(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
        kills.faults.append(f"{job.name}: its children go on after it was killed")


def halves(out: Path) -> list[Path]:
    """Files under a final name that are not whole."""
    return [path for path in final_files(out) if not whole(path)]


def final_files(out: Path) -> list[Path]:
    files = sorted(path for path in out.rglob("*") if path.is_file()) if out.is_dir() else []
    return [path for path in files if not any(part.startswith(".") for part in path.relative_to(out).parts)]


def whole(path: Path) -> bool:
    try:
        data = path.read_bytes()
    except FileNotFoundError:  # the folder took another's place meanwhile: nothing is read that was not there
        return True
    if path.suffix == ".json":
        return not isinstance(_json(data), ValueError)
    if path.suffix == ".jsonl":
        return not data or data.endswith(b"\n")
    if path.suffix == ".parquet":
        return data[:4] == data[-4:] == b"PAR1"
    if path.suffix == ".safetensors":
        size = int.from_bytes(data[:8], "little")
        header = _json(data[8 : 8 + size])
        if isinstance(header, ValueError):
            return False
        ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        return len(data) == 8 + size + max(ends, default=0)
    return path.suffix not in (".toml", ".html", ".md") or bool(data)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        return error


def digests(out: Path) -> dict[str, str]:
    """Path → digest of each final file, without what a clock said."""
    return {str(path.relative_to(out)): digest(path) for path in final_files(out) if "tensorboard" not in path.parts}


def digest(path: Path) -> str:
    data = path.read_bytes()
    if path.suffix == ".json":
        data = json.dumps(timeless(json.loads(data))).encode()
    elif path.suffix == ".jsonl":
        data = json.dumps([timeless(json.loads(line)) for line in data.splitlines()]).encode()
    elif path.suffix == ".safetensors":
        size = int.from_bytes(data[:8], "little")
        data = json.dumps(timeless(json.loads(data[8 : 8 + size]))).encode() + data[8 + size :]
    elif path.suffix in (".html", ".md", ".tex", ".svg"):  # they tell the seconds of a training
        data = b""
    return hashlib.sha256(data).hexdigest()


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: timeless(inner) for name, inner in value.items() if name not in CLOCK}
    return [timeless(inner) for inner in value] if isinstance(value, list) else value


def differences(wanted: dict[str, str], got: dict[str, str]) -> list[str]:
    names = sorted(wanted.keys() | got.keys())
    return [f"{name} is not as without a kill" for name in names if wanted.get(name) != got.get(name)]
