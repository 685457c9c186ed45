"""Study's page: a figure of quality against own outfits, and tables, from the results that were kept."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goeswith.experiments.figures import ACCENT, INK, QUIET, sheet
from goeswith.experiments.study import ARMS, FLOORS, PRIMARY
from goeswith.experiments.study_results import outfits_text
from goeswith.tables import markdown, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ORANGE, BROWN, GREEN, PURPLE, GOLD = "#c2571a", "#8a6d3b", "#3a7d44", "#8e44ad", "#b8860b"
LOOKS = {
    "mixed by trust": {
        "designers": (ACCENT, "-"), "none": (INK, "-"), "shuffled": (ACCENT, ":"), "cosine": (QUIET, "--"),
        "designers without learned words": (ACCENT, "--"), "own": (INK, ":"), "words": (QUIET, ":"),
        "records": (GREEN, "--"), "records and ids": (GREEN, ":"),
        "another": (BROWN, "--"), "another and designers": (BROWN, "-"), "rules": (GOLD, "-"), "both": (GOLD, "--"),
    },
    "other ways of teaching": {
        "cosine": (QUIET, "--"), "own": (INK, ":"), "start": (ORANGE, "-"), "shuffled start": (ORANGE, ":"),
        "add-gnn": (INK, "--"), "masks": (GREEN, "-"), "shuffled masks": (GREEN, ":"), "scorer": (PURPLE, "-"),
        "shuffled scorer": (PURPLE, ":"), "responses": (BROWN, "-"), "shuffled responses": (BROWN, ":"),
    },
}  # fmt: skip
"""Panel → arms that are drawn there → colour and line. A control has the colour of what it controls, dotted."""


def draw(results: dict[str, Any], out: Path) -> Path:
    """The curves of a study: own outfits to the right, one line an arm with its 95 % interval.

    Two panels on one scale: students that trust what is known and, where there are any, those taught in other ways.
    """
    measured = [point["arm"] for point in results["points"]]
    panels = {name: [arm for arm in looks if arm in measured] for name, looks in LOOKS.items()}
    both = set.intersection(*map(set, LOOKS.values()))
    panels = {name: arms for name, arms in panels.items() if set(arms) - both} or dict([*panels.items()][:1])
    with sheet(out, len(panels), 1, width=6.8, height=3.6) as sheets:
        for axes, (name, arms) in zip(sheets, panels.items(), strict=True):
            _panel(axes, results, arms, LOOKS[name])
            axes.set_title(textwrap.fill(f"{_title(results)}: {name}", 72))
    return out


def _panel(axes: Axes, results: dict[str, Any], arms: list[str], looks: dict[str, tuple[str, str]]) -> None:
    sizes = _sizes(results)
    ends = [end for point in results["points"] for end in (point["low"], point["high"])]
    for number, arm in enumerate(arms):
        points = [point for point in results["points"] if point["arm"] == arm]
        at = [sizes.index(point["outfits"]) + 0.05 * (number - (len(arms) - 1) / 2) for point in points]
        colour, line = looks[arm]
        values = [point["value"] for point in points]
        axes.plot(at, values, color=colour, linestyle=line, marker="o", markersize=3, label=arm)
        for x, point in zip(at, points, strict=True):
            axes.vlines(x, point["low"], point["high"], color=colour, alpha=0.3, linewidth=1.4)
    axes.set_xticks(range(len(sizes)), [outfits_text(size) for size in sizes])
    axes.set_xlim(-0.35, len(sizes) - 0.65)
    axes.set_ylim(min(ends) - 0.005, max(ends) + 0.005)
    axes.set_xlabel("the student's training outfits")
    axes.set_ylabel("exhaustive AUC")
    axes.grid(axis="y", color=QUIET, alpha=0.2, linewidth=0.6)
    axes.legend(frameon=False, fontsize=7, handlelength=3.5, loc="center left", bbox_to_anchor=(1.0, 0.5))


def section(results: dict[str, Any], figure: str) -> str:
    """One study as Markdown, without a heading. figure: address of its picture."""
    study, sizes = results["study"], _sizes(results)
    values = {(point["arm"], point["outfits"]): point for point in results["points"]}
    arms = [arm for arm in study["arms"] if any(key[0] == arm for key in values)]
    rows = [[f"`{arm}`: {ARMS[arm].note}", *(_cell(values.get((arm, size))) for size in sizes)] for arm in arms]
    return "\n".join(
        [
            f"Student: `{study['dataset']}`; designers: `{study['designers']}`; encoder `{study['encoder']}`; seeds "
            f"{', '.join(map(str, study['seeds']))}{_teachers(study)}; {results['test_outfits']:,} test outfits, "
            f"every place of each against up to {study['candidates']} matched candidates. "
            f"Signature: `{results['signature']}`.",
            "",
            f"![Curves]({figure})",
            "",
            *verdict(results),
            *lacking(results),
            "",
            "Exhaustive AUC with its 95 % interval over outfits and seeds, by number of student training outfits:",
            "",
            markdown(["arm", *map(outfits_text, sizes)], rows),
            *_compared(results["comparisons"]),
            *_trust(values),
        ]
    )


def _compared(lines: list[dict[str, Any]]) -> list[str]:
    """The primary comparisons and the others, a table each where there are any."""
    primary = [line for line in lines if (line["scorer"], line["against"]) in PRIMARY]
    others = [line for line in lines if line not in primary]
    head = ["difference", "own outfits", "AUC", "95 %", "p"]
    of_primary = [[*_difference(line), f"{line['p_holm_all']:.4f}", line["shows"]] for line in primary]
    of_others = [[*_difference(line), line["shows"]] for line in others]
    tables = {
        f"Primary comparisons, paired; p after Holm's correction for these {len(primary)}, which decides what a line "
        f"shows, and for all {len(lines)} lines of the study:": (
            [*head, "p (primary)", "p (all)", "shows"],
            of_primary,
        ),
        f"Other comparisons, paired; p after Holm's correction for all {len(lines)} lines of the study:": (
            [*head, "p (all)", "shows"],
            of_others,
        ),
    }
    return [part for title, (columns, rows) in tables.items() if rows for part in (title, "", markdown(columns, rows))]


def _difference(line: dict[str, Any]) -> list[str]:
    """Cells of a comparison, up to its p after correction."""
    ends = f"[{signed(line['low'], 4)}, {signed(line['high'], 4)}]"
    who, size = f"`{line['scorer']}` − `{line['against']}`", outfits_text(line["outfits"])
    return [who, size, signed(line["difference"], 4), ends, f"{line['p']:.4f}", f"{line['p_holm']:.4f}"]


def _trust(points: Mapping[tuple[str, int], dict[str, Any]]) -> list[str]:
    """The weights of the arms that fit some, where there are any."""
    rows = [
        [
            f"`{arm}`",
            outfits_text(size),
            ", ".join(f"{source} {weight:.1f}" for source, weight in point["weights"].items()),
        ]
        for (arm, size), point in points.items()
        if ARMS[arm].fitted
    ]
    summary = "<details><summary>How far each source is trusted (mean weight of the seeds)</summary>"
    return [summary, "", markdown(["arm", "own outfits", "weights"], rows), "</details>", ""] if rows else []


def verdict(results: dict[str, Any]) -> list[str]:
    """For each number of own outfits: what designers add, and to whom; floors; what further own models add."""
    others = {
        "none": "no knowledge", "shuffled": "shuffled designers", "own": "the own model alone",
        "designers without learned words": "designers without learned words",
    }  # fmt: skip
    sentences = []
    for size in _sizes(results):
        gains = {
            (line["scorer"], line["against"]): (signed(line["difference"], 4), f"({line['shows']})")
            for line in results["comparisons"]
            if line["outfits"] == size
        }
        start = f"- {outfits_text(size)} own outfits:"
        added = [
            "{1} to {0} {2}".format(words, *gains["designers", other])
            for other, words in others.items()
            if ("designers", other) in gains
        ]
        if added:
            sentences.append(f"{start} designers add {', '.join(added)}.")
        above = [
            "{1} for `{0}` {2}".format(floor, *gains["designers", floor])
            for floor in FLOORS
            if ("designers", floor) in gains
        ]
        if above:
            sentence = "{} the student with designers minus floors that look at no garment: {}."
            sentences.append(sentence.format(start, ", ".join(above)))
        if further := gains.get(("another", "none")):
            sentence = "{0} as many further own models as a teacher has towers add {1} to no knowledge {2}"
            sentence = sentence.format(start, *further)
            if beside := gains.get(("another and designers", "another")):
                sentence += ", and designers {} to those {}".format(*beside)
            sentences.append(f"{sentence}.")
    return sentences


def _teachers(study: dict[str, Any]) -> str:
    """Of how many seeds a teacher is the mean, where of more than one."""
    counts = [setting.partition("=")[2] for setting in study["set"] if setting.startswith("teacher_seeds=")]
    return f"; each teacher the mean of {counts[-1]} seeds" if counts and counts[-1] != "1" else ""


def lacking(results: dict[str, Any]) -> list[str]:
    """One line on what the study names and was not measured; none where all was."""
    study, measured = results["study"], {(point["arm"], point["outfits"]) for point in results["points"]}
    sizes = {arm: [size for size in _sizes(results) if size and (arm, size) not in measured] for arm in study["arms"]}
    there = [arm for arm in study["arms"] if any(arm == other for other, _ in measured)]
    arms = [f"`{arm}`" for arm in study["arms"] if arm not in there]
    others = [outfits_text(size) for size in study["outfits"] if size not in _sizes(results)]
    parts = [f"the arms {', '.join(arms)}"] if arms else []
    parts += [f"{', '.join(others)} own outfits"] if others else []
    parts += [f"`{arm}` with {', '.join(map(outfits_text, sizes[arm]))}" for arm in there if sizes[arm]]
    return [f"- Not measured, for lack of time: {'; '.join(parts)}."] if parts else []


def _sizes(results: dict[str, Any]) -> list[int]:
    """The numbers of own outfits at which something was measured."""
    measured = {point["outfits"] for point in results["points"]}
    return [size for size in results["study"]["outfits"] if size in measured]


def _cell(point: dict[str, Any] | None) -> str:
    return f"{point['value']:.4f} [{point['low']:.3f}, {point['high']:.3f}]" if point else "–"


def page(studies: Iterable[tuple[dict[str, Any], str]]) -> str:
    """All studies as one page of the documentation; each with the address of its figure."""
    return HEAD + "\n".join(f"## {_title(results)}\n\n{section(results, figure)}" for results, figure in studies)


def _title(results: dict[str, Any]) -> str:
    return results["study"]["title"] or results["study"]["name"]


HEAD = """# What designers' knowledge is worth

Generated by `goeswith curves`; no number here was typed by hand. How it is read:

- The student has some training outfits of its own, or none; validation outfits are always there, and nothing is chosen
  on test outfits. Trust (`goeswith.train.trust`) is fitted on the validation outfits.
- Designers are trusted only if held-out outfits say so. The control is designers whose items were exchanged for others
  of the same category and season: structure and popularity stay, taste does not.
- A difference shows something only if its p after Holm's correction is below .05. What designers add to no knowledge
  and to shuffled designers is corrected for these lines alone, all else for all lines of a study. `equivalent` means
  that the interval lies within ±.01; `not shown` means too few outfits or seeds to tell.

"""
