"""Meaning search: titles closest in meaning to a query, by the text encoder of the index's features."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset
from goeswith.data.encoders.networks import NETWORKS, open_network, sees_pictures
from goeswith.data.features import features_path, load_features
from goeswith.errors import GoeswithError

log = logging.getLogger(__name__)

WORDLESS = ("words", "word-ids", "minilm-tokens")
"""Encoders that read words but put nothing of their meaning into a vector."""
NEAREST = 60
"""Items that an answer has at most."""
CLOSE = 0.3
"""Cosine from which on a title counts as close; a share of the best one counts beside it."""
SHARE = 0.8
"""Of the best cosine that the others need."""


class MeaningSearch:
    """Titles as vectors (U, D), of length 1 or 0, and the encoder that takes a question into their space."""

    def __init__(self, vectors: np.ndarray, encode: Callable[[list[str]], np.ndarray]) -> None:
        self.vectors, self.encode = vectors, encode

    def near(self, words: str, among: np.ndarray) -> np.ndarray:
        """Relevance (U,) float32 of the items that come closest, 0 for all others. among: (U,) bool, who may."""
        query = self.encode([words])[0].astype(np.float32)
        close = np.where(among, self.vectors @ (query / max(float(np.linalg.norm(query)), 1e-9)), np.float32(-1))
        best = np.argsort(-close, kind="stable")[:NEAREST]
        best = best[close[best] >= max(CLOSE, SHARE * float(close.max(initial=0.0)))]
        relevance = np.zeros(len(close), np.float32)
        relevance[best] = close[best]
        return relevance


def open_meaning(data: Dataset, catalogue: Catalogue, encoders: str) -> MeaningSearch | None:
    """The search by meaning over a catalogue; None where its data set has no features of titles.

    Args:
        encoders: of the model, which come first, joined by ``+``.
    """
    names = [name for name in (*encoders.split("+"), *NETWORKS) if not sees_pictures(name) and name not in WORDLESS]
    name = next((name for name in names if features_path(data, name).is_file()), None)
    if name is None:
        return None
    try:
        features, network = load_features(data, name), open_network(name)
    except GoeswithError as error:
        log.info("no search by meaning: %s", error)
        return None
    row_of = {item_id: row for row, item_id in enumerate(data.catalogue.ids)}
    rows = np.array([row_of.get(item_id, -1) for item_id in catalogue.ids], np.int64)
    vectors = np.where((rows >= 0)[:, None], features.values[rows], np.float32(0))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return MeaningSearch(vectors / np.maximum(lengths, 1e-9), network.run)
