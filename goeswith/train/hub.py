"""Hub: the Hugging Face hub's client, with its errors as one sentence."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from goeswith.errors import GoeswithError, ModelError

HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def hub_client() -> Any:
    """The hub's client.

    Raises:
        ModelError: it is not installed.
    """
    try:
        return import_module("huggingface_hub")
    except ImportError as error:
        raise ModelError(
            f"the hub needs a package that is not installed ({error}): pip install 'goeswith[hub]'"
        ) from None


@contextlib.contextmanager
def asking_hub(failed: str) -> Iterator[None]:
    """Whatever goes wrong between here and the hub, in one sentence: the errors of its HTTP library are of no one kind.

    Raises:
        ModelError: it went wrong.
    """
    try:
        yield
    except GoeswithError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0].rstrip(".")
        raise ModelError(f"{failed} ({type(error).__name__}: {reason}); check name, network and login") from None
