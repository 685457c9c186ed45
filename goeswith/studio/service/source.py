"""Source: the data set that an index was built from, whose outfits pages show and measure."""

from __future__ import annotations

import logging

from goeswith import Dataset
from goeswith.errors import DataError, GoeswithError
from goeswith.shop.held_out import HeldOut
from goeswith.studio.service.catalogue_view import CatalogueView, once

log = logging.getLogger(__name__)


@once
def dataset(view: CatalogueView) -> Dataset:
    """The data set of an index, with the outfits of the source that it was indexed with.

    Raises:
        DataError: it is no longer where it was.
    """
    folder, source = view.index.dataset, view.index.info["dataset"].get("source", "")
    if folder is None:
        raise DataError("the data set of this index is gone, so its outfits cannot be shown; restore it and reload")
    return Dataset(f"{folder}#{source}" if source else folder)


@once
def held_out(view: CatalogueView) -> HeldOut:
    """The model as it was before it learned from validation and test outfits, by which pages judge these.

    Raises:
        DataError, ModelError: the data set, its features or that model is not where it was.
    """
    return HeldOut(view.index, dataset(view))


def in_words(view: CatalogueView, error: GoeswithError) -> str:
    """An error as pages for stylists show it: without paths; files of the data set are named in the log."""
    folder = str(view.index.dataset)
    message = str(error).replace(f"{folder} ", "the data set ")
    if folder not in message:
        return message
    log.warning("%s", error)
    return "a file of the data set cannot be used; the log of the service names it"


def outfit_ids(data: Dataset, position: int) -> list[str]:
    """Item ids of an outfit: rows of an index are not those of its data set."""
    return [data.catalogue.ids[row] for row in data.outfits[position].tolist()]
