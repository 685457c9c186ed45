"""goeswith: what goes with what. Fashion compatibility from designers' outfits and matching rules."""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOME = {
    "Catalogue": "catalogue",
    "Dataset": "dataset",
    "Features": "features",
    "Filters": "filters",
    "GoeswithError": "errors",
    "Index": "index",
    "OutfitBatch": "outfits",
    "Outfits": "outfits",
    "Stylist": "look",
    "build_index": "indexing",
    "from_pretrained": "pretrained",
}
__all__ = ["__version__", *sorted(_HOME)]

if TYPE_CHECKING:
    from goeswith.catalogue import Catalogue as Catalogue
    from goeswith.dataset import Dataset as Dataset
    from goeswith.errors import GoeswithError as GoeswithError
    from goeswith.features import Features as Features
    from goeswith.filters import Filters as Filters
    from goeswith.index import Index as Index
    from goeswith.indexing import build_index as build_index
    from goeswith.look import Stylist as Stylist
    from goeswith.outfits import OutfitBatch as OutfitBatch
    from goeswith.outfits import Outfits as Outfits
    from goeswith.pretrained import from_pretrained as from_pretrained


def __getattr__(name: str) -> object:
    """Load public names on first use, so that ``import goeswith`` stays instant."""
    if name in _HOME:
        return getattr(import_module(f"goeswith.{_HOME[name]}"), name)
    raise AttributeError(f"module 'goeswith' has no attribute {name!r}")
