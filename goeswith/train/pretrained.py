"""Pretrained: a run opened from a folder, or from the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from goeswith.errors import ModelError
from goeswith.train.hub import HUB_NAME, asking_hub, hub_client
from goeswith.train.run import Run

FILES = ("model.safetensors", "config.json", "README.md", "rules.toml", "rules.safetensors", "held-out/*")
"""What a run is opened from; nothing else is taken from the hub."""


def from_pretrained(name: str | Path, *, revision: str | None = None) -> Run:
    """Open a run from a folder, or from the Hugging Face hub where no folder has that name.

    Args:
        name: a folder that `Run.save_pretrained` wrote (a run's own serves too), or ``owner/name`` on the hub.
        revision: branch, tag or commit on the hub.

    Raises:
        ModelError: there is neither, it cannot be fetched, or it holds no run that is whole.
    """
    if Path(name).exists():
        if revision is not None:
            raise ModelError(f"{name} is a local folder and has no revision {revision!r}; leave the revision out")
        return Run(name)
    if not HUB_NAME.fullmatch(str(name)):
        raise ModelError(f"there is no folder {name}, and models on the hub are named owner/name; check the name")
    with asking_hub(f"there is no folder {name} here, and it cannot be fetched from the hub"):
        run = Run(hub_client().snapshot_download(str(name), revision=revision, allow_patterns=list(FILES)))
    run.title = str(name).partition("/")[2]  # the folder of a snapshot is called by its commit
    return run
