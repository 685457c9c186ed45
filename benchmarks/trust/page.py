"""Page: what was tried and what came of it, for docs/reliability.md and for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from goeswith.tables import markdown
from trust.kept import Part

HEAD = """# Reliability

Written by `make trust`, which kills commands, damages files, sends odd requests and soaks the service, over a tiny shop
of {items} items. Each part can be run alone; these are the numbers of its last run.

"""


def faults(part: str, held: Any) -> list[str]:
    """What should not have come, one line each."""
    if part == "mutations":
        kinds = {"traceback": held.tracebacks, "hang": held.hangs, "abort": held.aborts}
        return [
            f"{name} by {kind}, seed {seed}: {message}" for name, some in kinds.items() for kind, seed, message in some
        ]
    if part == "soak":
        lost = [f"{held.lost} good requests were lost"] if held.lost else []
        return lost + ([f"{held.tracebacks} tracebacks in the log"] if held.tracebacks else [])
    return list(held.faults)


def summary(part: str, held: Any) -> str:
    """A part in a few lines for the terminal."""
    counts = {name: value for name, value in vars(held).items() if not isinstance(value, list)}
    described = ", ".join(f"{n} {dict(v) if isinstance(v, Counter) else v}" for n, v in counts.items())
    wrong = faults(part, held)
    return "\n".join([f"{part}: {described}; {len(wrong)} faults", *(f"  {line}" for line in wrong[:40])])


def text(parts_run: Mapping[str, Part]) -> str:
    """The page."""
    from trust.world import ITEMS

    counts_of = {part: run.counts for part, run in parts_run.items()}
    kills, tried, served, soaked = (counts_of[part] for part in ("kills", "mutations", "http", "soak"))
    halves = sum("half written" in fault for fault in kills.faults)
    rows = [
        ["commands killed", f"{kills.kills.total():,}"],
        ["resumed to their end and compared", f"{kills.resumed.total():,}"],
        ["half-written files under a final name", str(halves)],
        ["other faults after a kill (other results, files left behind, children that go on)",
         str(len(kills.faults) - halves)],
        ["damaged inputs", f"{tried.inputs.total():,}"],
        ["tracebacks, internal errors, failures without a sentence", str(len(tried.tracebacks))],
        ["hangs", str(len(tried.hangs))],
        ["processes that a library ended", str(len(tried.aborts))],
        ["requests drawn at random, from the schema, and as raw bytes", f"{served.requests.total():,}"],
        ["answers of 500 and above (other than the 503 of a busy service)", str(len(served.faults))],
        ["seconds of soak", f"{soaked.seconds:.0f}"],
        ["good requests in the soak", f"{soaked.good:,}"],
        ["disconnections and malformed requests beside them", f"{soaked.others:,}"],
        ["good requests lost", str(soaked.lost)],
        ["slowest good answer, seconds", f"{soaked.slowest:.1f}"],
        ["seconds from SIGTERM in the middle of work to the end", f"{soaked.ending:.1f}"],
    ]  # fmt: skip
    runs = [
        [part, ", ".join(map(str, run.seeds)), f"{run.seconds:,.0f}", run.version] for part, run in parts_run.items()
    ]
    parts = [
        HEAD.format(items=ITEMS),
        markdown(["", ""], rows),
        "\n\n",
        markdown(["part", "seeds", "seconds", "goeswith"], runs),
        "\n\n## Kills\n\nA command is killed by SIGKILL up to five times at random moments, alone or with children, "
        "and started again. Its files must then equal those of an undisturbed run, bit by bit, except for times; "
        "at no moment may a file under its final name be half written, and nothing may be left behind.\n\n",
        markdown(["command", "kills", "compared"],
                 [[name, f"{count:,}", f"{kills.resumed[name]:,}"] for name, count in sorted(kills.kills.items())]),
        "\n\n## Damaged inputs\n\nBytes are cut, doubled, flipped and replaced; values of JSON, of the heads of "
        "safetensors, of CSV and TOML are replaced by odd ones. A command must end with exit code 0, 1 or 2 and, where "
        "it fails, one sentence.\n\n",
        markdown(["file", "inputs"], [[name, f"{count:,}"] for name, count in sorted(tried.inputs.items())]),
        "\n\n",
        markdown(["answer", "inputs"], [[name, f"{count:,}"] for name, count in sorted(tried.answers.items())]),
        "\n\n## Requests\n\n",
        markdown(["kind", "requests"], [[name, f"{count:,}"] for name, count in sorted(served.requests.items())]),
        "\n\n",
        markdown(["status (0: the connection was closed, or kept waiting)", "answers"],
                 [[name, f"{count:,}"] for name, count in sorted(served.statuses.items())]),
    ]  # fmt: skip
    wrong = [line.splitlines()[0][:200] for part, held in counts_of.items() for line in faults(part, held)]
    if wrong:
        parts.append("\n\n## Faults\n\n" + "\n".join(f"- `{line}`" for line in wrong[:50]))
    return "".join(parts) + "\n"
