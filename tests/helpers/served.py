"""A tiny shop with an index, for the tests of the service: `styles_world` with prices, pictures and oddities."""

import threading
import time
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image
from worlds import styles_dataset, styles_world, write_made

from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset, Imported, create
from goeswith.shop.answers import Look
from goeswith.shop.build import build_index
from goeswith.shop.guests import GuestEncoder
from goeswith.train.training import train

COLOURS = ("black", "red", "camel")
OUTFIT = ["i0", "i50", "i100"]
"""A shirt, a skirt and boots, all of them scored."""
SCRIPT = "<script>alert(1)</script>"
BARE, ODD, GONE, BROKEN, VARIANTS = "i3", "i4", "i5", "../../etc/passwd", ("i6", "i7")
"""An item without features, one of a category that no outfit has, one whose picture is lost, one whose picture is
broken (and whose id is a path, and whose title a script), and two of one product."""


def make_dataset(folder: Path, seed: int = 0) -> Dataset:
    catalogue, outfits, features = styles_world(seed=seed)
    rows = np.arange(len(catalogue))
    items = catalogue.items.drop("image").with_columns(
        title=pl.Series([f"Item {row}, {COLOURS[row % 3]}" for row in rows]),
        colour=pl.Series([COLOURS[row % 3] for row in rows]),
        price=pl.Series(10.0 + rows),
        brand=pl.Series(["Alba" if row % 2 else "Bruma" for row in rows]),
        product_id=pl.Series(["one" if f"i{row}" in VARIANTS else f"p{row}" for row in rows]),
    )
    frame = outfits.to_frame(catalogue).with_columns(
        item_ids=pl.col("item_ids").list.eval(pl.element().replace({BARE: "i0", ODD: "i1", "i2": "i8"}))
    )
    odd, script = pl.col("item_id") == ODD, pl.col("item_id") == "i2"
    items = items.with_columns(
        category=pl.when(odd).then(pl.lit("cape")).otherwise("category"),
        group=pl.when(~odd).then("group"),
        title=pl.when(script).then(pl.lit(SCRIPT)).otherwise("title"),
        item_id=pl.when(script).then(pl.lit(BROKEN)).otherwise("item_id"),
    )
    images = {}
    for row, item_id in enumerate(items["item_id"]):
        if row < 24:
            images[item_id] = folder / f"{row}.png"
            Image.new("RGB", (60, 90), (10 * row, 100, 200)).save(images[item_id])
    made = create(Imported(items, frame, "made for a test", "none", images), folder / "shop", layout="test")
    with_features = [item_id != BARE for item_id in made.catalogue.ids]
    ids = [item_id for item_id, keep in zip(made.catalogue.ids, with_features, strict=True) if keep]
    write_made(made, ids, features[np.array(with_features)])
    names = dict(zip(made.catalogue.ids, made.catalogue.items["image"], strict=True))
    (made.path / names[GONE]).unlink()
    (made.path / names[BROKEN]).unlink()
    (made.path / names[BROKEN]).write_bytes(b"not a picture")
    return made


def make_index(folder: Path, seed: int = 0) -> Path:
    """The index of a shop, in ``folder/index``."""
    dataset = make_dataset(folder, seed)
    settings = ["hidden=6", "attributes=2", "epochs=1", "batch_size=64", "negatives=category"]
    train("add-gnn", styles_dataset(folder, "plain", seed), folder / "run", settings=settings)  # it knows no capes
    return build_index(folder / "run", dataset, folder / "index").path


def seen(self: GuestEncoder, picture: Image.Image | None, catalogue: Catalogue) -> np.ndarray:
    """Stands for `GuestEncoder.features`: a picture's brightness. The made features have no encoder to be made by."""
    assert picture is not None
    return np.full(self.run.config["dim"], np.asarray(picture).mean() / 255, np.float32)


class Slow:
    """Calls that wait until they are let go, and are counted."""

    def __init__(self) -> None:
        self.gate, self.begun = threading.Event(), 0

    def __call__(self, *_: object, **__: object) -> list[Look]:
        self.begun += 1
        assert self.gate.wait(300)
        return []


def answer_slowly(*arguments: object) -> None:
    """What a process of a service does, with uploads seen as `seen` does; looks take a second at least."""
    from goeswith.shop.stylist import Stylist
    from goeswith.studio.server import answer

    complete = Stylist.complete_steps
    Stylist.complete_steps = lambda *args, **named: (time.sleep(1), complete(*args, **named))[1]  # type: ignore
    GuestEncoder.features = seen  # type: ignore[method-assign]
    answer(*arguments)  # type: ignore[arg-type]
