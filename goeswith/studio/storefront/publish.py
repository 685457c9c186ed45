"""Publish: looks as static files for any web server or CDN: JSON, pages, pictures, the script.

OUT/index.html  all items that have looks    OUT/looks/ITEM.json, ITEM.html  the looks of one
OUT/pictures/   named by content             OUT/looks.js                    shows them on a product page
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import quote

import numpy as np

from goeswith.data.filters import Filters
from goeswith.errors import DataError
from goeswith.files import put_in_place, sha256, sweep, writing
from goeswith.shop.looks import Maker
from goeswith.studio.pages.rendering import STATIC
from goeswith.studio.service import thumbnails
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.looks import Looks
from goeswith.studio.storefront.answers import Composer, as_json
from goeswith.studio.storefront.page_looks import Made, PageLook, made_look, make, reviewed
from goeswith.studio.storefront.shown_items import rows_by_name
from goeswith.templates import environment

MARK = "publish.json"
"""By which a folder is recognised as one of ours."""
FORMAT = 1
LISTED = 500
"""Items on the page of all."""
LONGEST_NAME = 200
"""Bytes of a file's name without its ending; file systems take 255."""
Progress = Callable[[int, int], None]


@dataclass
class Published:
    """What was written. skipped: ids that are too long for the name of a file."""

    items: int = 0
    looks: int = 0
    approved: int = 0
    written: int = 0
    unchanged: int = 0
    removed: int = 0
    skipped: list[str] = field(default_factory=list)


def publish(
    index: Path,
    out: Path,
    *,
    looks: Path | None = None,
    made: int = 0,
    progress: Progress = lambda done, total: None,
) -> Published:
    """Write the looks of all items that have some. The folder takes the old one's place at once, or stays as it was.

    Args:
        index: folder of an index. looks: file with saved looks; ``looks.sqlite`` beside the index where None.
        made: how many looks an item should have, including those that the model makes; 0: approved ones alone.

    Raises:
        DataError: `out` holds something else, `looks` is not there, there are no looks, or it cannot be written.
        DataError, ModelError: the index cannot be opened; see `goeswith.shop.index.Index`.
    """
    if out.exists() and not (out.is_dir() and ((out / MARK).is_file() or not any(out.iterdir()))):
        raise DataError(f"{out} exists and was not made by goeswith publish; choose another folder")
    if looks is not None and not looks.is_file():
        raise DataError(f"there is no file {looks}; the studio writes it when a look is saved")
    view = CatalogueView(index)
    store = Looks(looks or index.absolute().parent / "looks.sqlite")
    looks_of = _looks(view, store, made, progress)
    if not looks_of:
        raise DataError(
            f"no item of {index} has an approved look; approve some in the studio, or let the model make them: --made 3"
        )
    with _tree(out) as tree:
        return _write(view, looks_of, tree)


def _looks(view: CatalogueView, store: Looks, made: int, progress: Progress) -> dict[int, list[PageLook]]:
    """Row of each item that has looks → its looks, approved ones first."""
    people = reviewed(view, store)
    each = _made(view, np.flatnonzero(view.index.known), made, progress) if made else {}
    looks_of = {}
    for row in sorted({*each, *people.approved}):
        most = max(made, len(people.approved.get(row, ())))
        if looks := people.looks(row, each.get(row, Made()), most):
            looks_of[row] = looks
    return looks_of


def _made(view: CatalogueView, rows: np.ndarray, count: int, progress: Progress) -> dict[int, Made]:
    """Looks that the model makes around items, of what is in stock.

    They are made together where the model can, and spread over the catalogue; an item for which that leaves nothing
    gets the looks that it would have by itself.
    """
    stylist, each = view.stylist, dict[int, Made]()
    if hasattr(view.index.run.model, "query"):
        maker = Maker(stylist, Filters(in_stock=view.index.shelf.stock is not None))
        for row, looks in maker.looks(rows, per=count, progress=progress).items():
            if looks:
                each[row] = Made(tuple(made_look(stylist, look) for look in looks))
    left = [row for row in rows.tolist() if row not in each]
    for done, row in enumerate(left, 1):
        each[row] = make(stylist, row)
        progress(done, len(left))
    return each


def file_name(item_id: str) -> str:
    """An id as the name of a file on any disk: what is no letter, digit or hyphen is written as _ and its bytes."""
    return re.sub(r"[_.~]", lambda sign: f"_{ord(sign[0]):02X}", quote(item_id, safe="")).replace("%", "_")


class Tree:
    """Files of a new folder; those that are the same in the old one are taken over as they are."""

    def __init__(self, old: Path, new: Path) -> None:
        self.old, self.new, self.names = old, new, set[str]()
        self.written = self.unchanged = 0

    def write(self, name: str, data: bytes) -> None:
        """Add a file."""
        before = self.old / name
        if before.is_file() and before.stat().st_size == len(data) and before.read_bytes() == data:
            self.keep(name)
        elif name not in self.names:
            path = self.new / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            self.written += 1
            self.names.add(name)

    def keep(self, name: str) -> bool:
        """Take over a file of the old folder; False where it has none."""
        path = self.new / name
        if name in self.names or not (self.old / name).is_file():
            return name in self.names
        path.parent.mkdir(exist_ok=True)
        try:
            os.link(self.old / name, path)
        except OSError:  # a disk without links
            shutil.copy2(self.old / name, path)
        self.unchanged += 1
        self.names.add(name)
        return True

    @property
    def removed(self) -> int:
        """Files of the old folder that the new one does not have."""
        before = (path.relative_to(self.old).as_posix() for path in self.old.rglob("*") if path.is_file())
        return sum(name not in self.names for name in before)


@contextmanager
def _tree(out: Path) -> Iterator[Tree]:
    """A folder that takes the place of `out` when the block ends well."""
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    with writing(out):
        shutil.rmtree(partial, ignore_errors=True)
        sweep(out)
        (partial / "new").mkdir(parents=True)
        try:
            tree = Tree(out, partial / "new")
            yield tree
            if tree.written or tree.removed:
                put_in_place(partial / "new", out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _write(view: CatalogueView, looks_of: dict[int, list[PageLook]], tree: Tree) -> Published:
    done = Published()
    pictures = _Pictures(view, tree)
    composer = Composer(view, pictures.address)
    template = environment("goeswith.studio").get_template("published.html")
    ids, names = view.catalogue.ids, {}
    for row, looks in looks_of.items():
        name = file_name(ids[row])
        if len(name) > LONGEST_NAME:
            done.skipped.append(ids[row])
            continue
        answer, names[row] = composer.answer(row, looks), name
        tree.write(f"looks/{name}.json", as_json(answer))
        tree.write(f"looks/{name}.html", template.render(answer=answer, items=None, up="../").encode())
        done.items, done.looks = done.items + 1, done.looks + len(looks)
        done.approved += sum(look.approved for look in looks)
    for other, row in rows_by_name(view).items():  # SKUs and ids of products
        if row in names and other != ids[row] and len(file_name(other)) <= LONGEST_NAME:
            tree.write(f"looks/{file_name(other)}.json", as_json({"see": names[row]}))
    items = [(name, composer.answer(row, [])["item"]) for row, name in list(names.items())[:LISTED]]
    tree.write("index.html", template.render(answer=None, items=items, count=len(names), up="").encode())
    for file in ("looks.js", "published.css"):
        tree.write(file, (STATIC / file).read_bytes())
    mark = {"format": FORMAT, "items": done.items, "looks": done.looks, "approved": done.approved}
    tree.write(MARK, json.dumps(mark, indent=1).encode())
    done.written, done.unchanged, done.removed = tree.written, tree.unchanged, tree.removed
    return done


class _Pictures:
    """Writes the pictures of items as they are needed."""

    def __init__(self, view: CatalogueView, tree: Tree) -> None:
        self.view, self.tree = view, tree
        self.digest = cache(lambda path: sha256(path)[:20])

    def address(self, item_id: str, version: str, side: int) -> str:
        """The address of a picture, seen from the folder ``looks``; it is written where it is not there yet."""
        path = thumbnails.inside(self.view.index.images, self.view.catalogue.items["image"][self.view.row(item_id)])
        assert path is not None
        name = f"pictures/{self.digest(path)}-{side}.jpg"
        if not self.tree.keep(name):
            try:
                self.tree.write(name, thumbnails.make(path, side))
            except DataError:
                self.tree.write(name, thumbnails.placeholder(side))
        return f"../{name}"
