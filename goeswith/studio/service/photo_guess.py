"""Photo guess: the category of a photo, by the catalogue items that look most like it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from goeswith.data.catalogue import Catalogue
from goeswith.data.encoders.networks import sees_pictures
from goeswith.data.features import load_features
from goeswith.errors import GoeswithError
from goeswith.studio.service.catalogue_view import CatalogueView, once
from goeswith.studio.service.source import dataset

if TYPE_CHECKING:
    from PIL import Image

log = logging.getLogger(__name__)

NEAREST = 15
"""Items that are asked."""
CERTAIN, HARDLY = 0.6, 0.1
"""A category is contradicted where so many of them say another, and no more than so many say it."""


@dataclass(frozen=True)
class Guess:
    """A category, and the share of the nearest items that are of each category."""

    category: str
    shares: dict[str, float]

    def contradicts(self, category: str) -> bool:
        """Whether the picture hardly shows what it is said to be."""
        return self.shares[self.category] >= CERTAIN and self.shares.get(category, 0.0) <= HARDLY


class Neighbours:
    """The catalogue's items by what they look like.

    Args:
        encoder: name of the picture encoder. vectors: (U, D) its features. present: (U,) bool, items that have some.
        categories: of each item.
    """

    def __init__(self, encoder: str, vectors: np.ndarray, present: np.ndarray, categories: np.ndarray) -> None:
        self.encoder, self.categories = encoder, categories[present]
        self.mean = vectors[present].mean(axis=0)  # features are all ≥ 0: without it everything looks alike
        self.vectors = _directions(vectors[present] - self.mean)

    def guess(self, vector: np.ndarray) -> Guess:
        """What most of the nearest items are; of equally many, what the nearest is."""
        near = self.vectors @ _directions((vector - self.mean)[None])[0]
        votes = self.categories[np.argsort(-near, kind="stable")[:NEAREST]].tolist()
        shares = {category: votes.count(category) / len(votes) for category in dict.fromkeys(votes)}
        return Guess(max(shares, key=lambda category: shares[category]), shares)


def guesses(view: CatalogueView) -> bool:
    """Whether the model reads pictures, without which nothing can be said of a photo."""
    return _picture_encoder(view) is not None


def _picture_encoder(view: CatalogueView) -> str | None:
    return next((name for name in view.index.run.config["encoder"].split("+") if sees_pictures(name)), None)


def guess(view: CatalogueView, picture: Image.Image) -> Guess | None:
    """The category of a photo; None where the model reads no pictures, or the data set is gone."""
    try:
        neighbours = _neighbours(view)
        if neighbours is None:
            return None
        return neighbours.guess(
            view.index.guests.part(neighbours.encoder, picture, Catalogue(view.catalogue.items[:1]))
        )
    except GoeswithError as error:
        log.info("no guess: %s", error)
        return None


@once
def _neighbours(view: CatalogueView) -> Neighbours | None:
    """Of the items that the data set has features of; None where no encoder of the model reads pictures."""
    name = _picture_encoder(view)
    if name is None:
        return None
    data = dataset(view)
    features, catalogue = load_features(data, name), data.catalogue
    return (
        Neighbours(name, features.values, features.present, _categories(catalogue)) if features.present.any() else None
    )


def _categories(catalogue: Catalogue) -> np.ndarray:
    return catalogue.items["category"].to_numpy()


def _directions(vectors: np.ndarray) -> np.ndarray:
    directions: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return directions
