"""Drawing: pictures of made-up garments on white, by category, colour, pattern and material."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from goeswith.data.sample.drawing import accessories, bags, bottoms, outerwear, shoes, tops
from goeswith.data.sample.drawing.canvas import Canvas
from goeswith.data.sample.drawing.cloth import Cloth
from goeswith.data.sample.drawing.item import Desk

GARMENTS: dict[str, Callable[[Desk], None]] = {
    "t-shirt": tops.t_shirt,
    "tank top": tops.tank_top,
    "shirt": tops.shirt,
    "blouse": tops.blouse,
    "sweater": tops.sweater,
    "hoodie": tops.hoodie,
    "jeans": bottoms.jeans,
    "trousers": bottoms.trousers,
    "shorts": bottoms.shorts,
    "pencil skirt": bottoms.pencil_skirt,
    "pleated skirt": bottoms.pleated_skirt,
    "day dress": bottoms.day_dress,
    "evening dress": bottoms.evening_dress,
    "blazer": outerwear.blazer,
    "coat": outerwear.coat,
    "denim jacket": outerwear.denim_jacket,
    "cardigan": outerwear.cardigan,
    "sneaker": shoes.sneaker,
    "boot": shoes.boot,
    "pump": shoes.pump,
    "sandal": shoes.sandal,
    "loafer": shoes.loafer,
    "tote": bags.tote,
    "clutch": bags.clutch,
    "backpack": bags.backpack,
    "hat": accessories.hat,
    "scarf": accessories.scarf,
    "belt": accessories.belt,
    "sunglasses": accessories.sunglasses,
    "necklace": accessories.necklace,
}


def draw(
    category: str, colour: str, pattern: str, material: str, *, summer: bool, seed: tuple[int, ...], size: int
) -> Image.Image:
    """Draw one item, (size, size) RGB on white; equal arguments give equal pixels."""
    luck = np.random.default_rng(seed)
    canvas = Canvas(size, luck)
    cloth = Cloth(colour, pattern, material, luck, canvas.side)
    GARMENTS[category](Desk(canvas, cloth, luck, summer))
    return canvas.picture()
