"""goeswith: what goes with what. Fashion compatibility from designers' outfits and matching rules."""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOME = {
    "Catalogue": "data.catalogue",
    "Dataset": "data.dataset",
    "Features": "data.features",
    "Filters": "data.filters",
    "GoeswithError": "errors",
    "Index": "shop.index",
    "OutfitBatch": "data.outfits",
    "Outfits": "data.outfits",
    "Stylist": "shop.stylist",
    "build_index": "shop.build",
    "from_pretrained": "train.pretrained",
}
__all__ = ["__version__", *sorted(_HOME)]

if TYPE_CHECKING:
    from goeswith.data.catalogue import Catalogue as Catalogue
    from goeswith.data.dataset import Dataset as Dataset
    from goeswith.data.features import Features as Features
    from goeswith.data.filters import Filters as Filters
    from goeswith.data.outfits import OutfitBatch as OutfitBatch
    from goeswith.data.outfits import Outfits as Outfits
    from goeswith.errors import GoeswithError as GoeswithError
    from goeswith.shop.build import build_index as build_index
    from goeswith.shop.index import Index as Index
    from goeswith.shop.stylist import Stylist as Stylist
    from goeswith.train.pretrained import from_pretrained as from_pretrained


def __getattr__(name: str) -> object:
    """Load public names on first use, so that ``import goeswith`` stays instant."""
    if name in _HOME:
        return getattr(import_module(f"goeswith.{_HOME[name]}"), name)
    raise AttributeError(f"module 'goeswith' has no attribute {name!r}")
