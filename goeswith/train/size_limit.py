"""Size limit: a model is built only as far as its tensors hold no more numbers than a file could."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch.overrides import TorchFunctionMode

_MADE = frozenset({"empty", "zeros", "ones", "rand", "randn"})


class TooLargeError(Exception):
    """More numbers were asked for than there may be."""


class SizeLimit(TorchFunctionMode):
    """Inside ``with SizeLimit(most):`` tensors of at most `most` numbers in all are made by their shape.

    Raises:
        TooLargeError: there would be more; nothing was allocated for those.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.left = most

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """The result of a function; what it makes by a shape is counted first."""
        kwargs = kwargs or {}
        if getattr(function, "__name__", "") in _MADE:
            shape = kwargs.get("size", args)
            shape = shape[0] if shape and isinstance(shape[0], (tuple, list)) else shape
            self.left -= math.prod(shape)
            if self.left < 0:
                raise TooLargeError
        return function(*args, **kwargs)
