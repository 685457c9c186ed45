"""Bounded cache: the values of the latest keys, up to a number or a size, for several threads."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from cachetools import LRUCache

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """The latest values by key.

    most: how many, or how large together where `size` says how large one is.
    """

    def __init__(self, most: int, size: Callable[[V], int] | None = None) -> None:
        self.most, self.size = most, size
        self.values: LRUCache[K, V] = LRUCache(most, getsizeof=size)
        self.lock = threading.Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of a key; `make` is called where it is not kept, and nothing is where that raises."""
        with self.lock:
            values = self.values
            with contextlib.suppress(KeyError):
                return values[key]
        value = make()
        with self.lock, contextlib.suppress(ValueError):  # larger than all that may be kept
            values[key] = value  # of the store as it was: what is forgotten meanwhile stays so
        return value

    def peek(self, key: K) -> V | None:
        """The value of a key; None where it is not kept."""
        with self.lock:
            return self.values.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep a value."""
        with self.lock, contextlib.suppress(ValueError):
            self.values[key] = value

    def forget(self) -> None:
        """Keep nothing of what there is."""
        with self.lock:
            self.values = LRUCache(self.most, getsizeof=self.size)
