"""Failures: errors as the user sees them: one sentence on standard error, and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from typing import Any

from goeswith.errors import GoeswithError, system_error

DEBUG = "GOESWITH_DEBUG"
"""The environment variable that shows tracebacks; ``goeswith --debug`` sets it, so that processes inherit it."""
FAILED = 1
"""Exit code of a command that could not do what it was asked for."""
_REASONS = {
    errno.ENOSPC: ("the disk is full", "free some space and run the same command again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space and run the same command again"),
    errno.EFBIG: ("a file would be larger than the system allows", "raise the limit or choose another disk"),
    errno.EROFS: ("the disk is read-only", "choose another place"),
    errno.EACCES: ("permission denied", "ask for the right to use it, or choose another place"),
    errno.EPERM: ("permission denied", "ask for the right to use it, or choose another place"),
    errno.ENOENT: ("no such file or folder", "check the path; another process may have removed it"),
    errno.ENAMETOOLONG: ("a name is too long", "choose a shorter one"),
    errno.EMFILE: ("too many open files", "raise the limit (ulimit -n)"),
    errno.EIO: ("the disk cannot be read or written", "check it, or choose another one"),
}
"""Number of a system's error → what happened, and what to do."""


def report_error(error: BaseException) -> None:
    """Say on standard error what went wrong; with the traceback where `DEBUG` is set."""
    if os.environ.get(DEBUG, "") not in ("", "0"):
        traceback.print_exception(error)
    _say(f"goeswith: {sentence(error)}")


def sentence(error: BaseException) -> str:
    """One sentence: what went wrong, where, what to do; an error that nobody thought of is a bug, and says so."""
    if isinstance(error, GoeswithError):
        return _line(error)
    if isinstance(error, UnicodeEncodeError):
        return f"this output cannot show {error.object[error.start]!a}; set PYTHONIOENCODING=utf-8"
    number = system_error(error)
    if number is not None:
        problem, remedy = _REASONS.get(number, (os.strerror(number), "check the path and run the same command again"))
        where = f" ({error.filename})" if isinstance(error, OSError) and error.filename else ""
        return f"{problem}{where}; {remedy}"
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return "there is not enough memory; choose smaller sizes or less data, or close other programs"
    if isinstance(error, RecursionError):
        return "a file or an argument is nested too deeply; write it flatter"
    return (
        f"internal error: {type(error).__name__}: {_line(error)}; this is a bug: "
        "please open an issue with the output of the same command under goeswith --debug"
    )


def _line(error: BaseException) -> str:
    """The message in one line; that of an internal error is cut where it is long."""
    text = " ".join(str(error).split())
    return text if isinstance(error, GoeswithError) else text[:300]


def _say(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):  # nobody can be told
        _close(sys.stderr)


def careful_streams() -> None:
    """Let standard output and error replace signs that their encoding lacks, instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def flush() -> int:
    """Write what waits for standard output: 0, or the exit code where it cannot be written.

    A reader that has seen enough, such as ``head``, is no failure to speak of.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _close(sys.stdout)
        return FAILED
    except OSError as error:
        _close(sys.stdout)
        report_error(error)
        return FAILED
    return 0


def _close(stream: Any) -> None:
    """Let what is left in a broken stream go, or the interpreter complains of it at the end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError, AttributeError):
        return
