"""Share: the page with all ways to share one look, and what its public link shows."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from goeswith.shop.looks import LINKS
from goeswith.studio.pages import flat_lay
from goeswith.studio.pages.board import Board
from goeswith.studio.pages.look_files import lay, present_ids
from goeswith.studio.pages.looks import Card, cards
from goeswith.studio.pages.views import Item, currency, shape
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.links import PATH, Links
from goeswith.studio.service.looks import Looks
from goeswith.studio.service.refusals import Refused
from goeswith.studio.service.reviews import CHOSEN
from goeswith.studio.service.saved_look import SavedLook
from goeswith.studio.service.shared import Shop
from goeswith.studio.storefront.keys import PublicKey


def page(
    view: CatalogueView, store: Looks, links: Links, look_id: str, owner: str, base: str, key: PublicKey | None = None
) -> dict[str, Any]:
    """All ways to take one look away.

    base: address of the studio, which ends with a slash. key: that product pages give, if there is one.

    Raises:
        Refused: there is no such look.
    """
    look = store.get(look_id)
    token = links.of(look_id)
    url = f"{base.rstrip('/')}{PATH}{token}" if token else ""
    card = cards(view, [look], owner)[0]
    snippet = product_snippet(base, look, key) if key else embed(url, look.name) if url else ""
    return {
        "card": card, "link": url, "embed": snippet, "chosen": look.state in CHOSEN, "board": Board(),
        "origins": sorted(key.origins) if key else [],
    }  # fmt: skip


def product_snippet(base: str, look: SavedLook, key: PublicKey) -> str:
    """HTML that shows looks on the page of the product that a look is pinned to; empty where it is pinned to none."""
    if not look.pinned_item:
        return ""
    return (
        f'<script src="{escape(base)}storefront/v1/looks.js" data-item="{escape(look.pinned_item)}" '
        f'data-key="{escape(key.key)}" async></script>'
    )


def embed(link: str, name: str) -> str:
    """HTML that shows a public look inside another page."""
    return (
        f'<iframe src="{escape(link)}?embed=1" title="{escape(name)}" loading="lazy" '
        'style="border:0;width:100%;max-width:560px;aspect-ratio:4/5"></iframe>'
    )


def lay_of(shop: Shop, look: SavedLook, owner: str, width: int, white: bool = False) -> bytes:
    """The flat lay of a look (JPEG), kept among the thumbnails.

    Raises:
        Refused: the catalogue was changed meanwhile.
    """
    view = shop.view
    shown = present_ids(view, look, owner)
    paper = "#ffffff" if white else flat_lay.PAPER
    key = "\x1f".join(shown), width, " ".join([paper, *(piece.spot for piece in look.items), *map(view.version, shown)])
    return shop.small.get(key, lambda: lay(view, look, owner, width, paper))


@dataclass(frozen=True)
class PublicPiece:
    """A piece that anybody may see. picture: path of its picture, empty where it is gone. page: address of its own."""

    name: str
    price: float | None
    picture: str
    page: str


def public(view: CatalogueView, store: Looks, links: Links, token: str) -> dict[str, Any]:
    """What a public link shows: this look and nothing else of the shop.

    Raises:
        Refused: no such link is open.
    """
    look = store.get(links.look_of(token))
    card = cards(view, [look], "")[0]
    pieces = [_piece(view, card, at, f"{PATH}{token}/{at}") for at in range(len(card.pieces))]
    return {
        "name": look.name, "pieces": pieces, "price": card.price, "shape": shape(view), "currency": currency(view),
        "lay": f"{PATH}{token}/look",
    }  # fmt: skip


def _piece(view: CatalogueView, card: Card, at: int, picture: str) -> PublicPiece:
    piece, saved = card.pieces[at], card.saved.items[at]
    if piece is None:
        return PublicPiece(saved.title or saved.category, None, "", "")
    return PublicPiece(piece.name, piece.price, picture, _product_page(view, piece))


def _product_page(view: CatalogueView, piece: Item) -> str:
    """Address of an item's own page, where the catalogue has one that is safe to follow."""
    items, row = view.catalogue.items, view.row(piece.id)
    link = next((str(items[name][row] or "") for name in LINKS if name in items.columns), "")
    return link if link.startswith(("https://", "http://")) else ""


def public_picture(view: CatalogueView, store: Looks, links: Links, token: str, at: int) -> str:
    """Id of the item at a place of a public look.

    Raises:
        Refused: no such link is open, or it has no such piece.
    """
    look = store.get(links.look_of(token))
    card = cards(view, [look], "")[0]
    piece = card.pieces[at] if at < len(card.pieces) else None
    if piece is None:
        raise Refused(404, "unknown_item", "the look has no such piece")
    return piece.id
