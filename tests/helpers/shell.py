"""The command line run in this process, for the tests of its commands."""

import sys

import pytest

from goeswith.cli import main as cli


class Shell:
    """Runs the command line as `goeswith COMMAND... ARGS` would."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: tuple[str, ...] = ()
    ) -> None:
        self.monkeypatch, self.capsys, self.command = monkeypatch, capsys, command

    def __call__(self, *args: object) -> tuple[int, str, str]:
        self.monkeypatch.setattr(sys, "argv", ["goeswith", *self.command, *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = self.capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err
