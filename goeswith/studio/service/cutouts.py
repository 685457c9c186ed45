"""Cut-outs: garments without their plain background, for flat lays."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image
from scipy import ndimage

COARSE = 80
"""Pixels along a picture in which the background is looked for; it has no details."""
LEAST = 6.0
"""Difference from the background, of 255, at which a garment begins; more where the background is noisy."""
NOISY = 6.0
"""Difference of most of the background from a smooth surface: where it is more, there is no plain wall."""
EVEN = 0.75
"""Share of the border that has to be like one background for a picture to be cut out."""
STABLE = 0.8
"""Share of a garment that has to be left where half as much contrast again is asked for: less is a guess."""
FLOOR = 40.0
"""The most that a floor differs from the wall above it."""
TOUCHING = 0.2
"""Share of the border that a garment may touch, such as with a strap; more is background that was not understood."""
SMALLEST, LARGEST = 0.002, 0.9
"""Shares of the picture that a garment covers."""
DARKEST = 0.55
"""Brightness of a shadow against the background that it falls on, at least."""
SHADOW_COLOUR, SHADOW_EDGE = 7.0, 8.0
"""The most that a shadow changes the colour, and how steep it may be; what is steeper is an edge of a garment."""
DARKEST_EDGE, REACH = 0.35, 14
"""The same at the edge of a garment, and pixels that it reaches from there."""
SHADOWS, GREY = 0.65, 0.15
"""Share of what was found that may be shadow, and share of what is left then that may look like one. Where it is more,
the garment itself is grey or white, and nothing of it is taken for a shadow."""
HOLE, EVENLY = 0.003, 1.25
"""Share of the picture that a hole has at least, such as that of a handle, and how even it is: white cloth is less."""


CLOSED, WHOLE = 8, 0.45
"""Pixels of the gaps that are closed in what is not sure, such as white on white, and the share of its frame that it
has to fill then to be taken for whole."""
PAPER = (244, 242, 238)
"""Colour that the backdrop of what is blended gets: that of a flat lay, so that white cloth is lighter."""
CONTRAST, FADING = 1.6, 18
"""By how much the difference from the backdrop is enlarged then, and pixels along the edges where it fades."""
SIDE = 512
"""Pixels along a picture, at most, that is cut out."""
QUALITY = 86
"""Of the WebP files."""

How = Literal["cut", "blend", "photo"]


@dataclass(frozen=True)
class Cutout:
    """A garment as it lies on a flat lay. picture: WebP.

    how: ``cut`` has nothing around it; ``blend`` could not be told from its backdrop for sure, such as white on white,
    and keeps some of it, which fades; ``photo`` is the whole picture, with whatever is behind it.
    """

    picture: bytes
    width: int
    height: int
    how: How

    @property
    def ratio(self) -> float:
        """Width over height."""
        return self.width / self.height


def cutout(picture: Image.Image) -> Cutout:
    """The cut-out of an RGB picture."""
    made, how = cut(picture)
    written = io.BytesIO()
    made.save(written, "WEBP", quality=QUALITY, method=2)
    return Cutout(written.getvalue(), *made.size, how)


def cut(picture: Image.Image) -> tuple[Image.Image, How]:
    """The garment of an RGB picture, cropped, and how it was separated from its background; see `Cutout`."""
    colours = np.ascontiguousarray(np.asarray(picture).transpose(2, 0, 1), np.float32)
    backdrop, noise, even = _backdrop(colours)
    if even < EVEN or noise > NOISY:
        return picture, "photo"
    away = np.abs(colours - backdrop).max(axis=0)
    garment, sure, shade = _garment(colours, backdrop, away, max(LEAST, 4 * noise), max(EVENLY, 2 * noise))
    touching = np.concatenate([garment[0], garment[-1], garment[:, 0], garment[:, -1]]).mean()
    if garment.mean() > LARGEST or touching > TOUCHING or not garment.any():
        return picture, "photo"
    rows, columns = np.flatnonzero(garment.any(axis=1)), np.flatnonzero(garment.any(axis=0))
    crop = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    if not sure:
        filled = ndimage.binary_fill_holes(ndimage.binary_closing(np.pad(garment, CLOSED), iterations=CLOSED))
        garment = filled[CLOSED:-CLOSED, CLOSED:-CLOSED]
    if not sure and garment[crop].mean() < WHOLE:
        return _blended(colours, backdrop, crop), "blend"
    # The edge lies a little inside, where no background shines through.
    alpha = np.clip(2.2 * ndimage.gaussian_filter(garment.astype(np.float32), 0.9) - 1.0, 0, 1)
    alpha = np.where(np.isnan(shade), alpha, np.minimum(alpha, shade))
    seen = np.asarray(picture) * np.isnan(shade)[..., None]  # a shadow is black that lets the rest through
    filled = np.dstack([seen.astype(np.uint8), (255 * alpha).astype(np.uint8)])
    return Image.fromarray(np.ascontiguousarray(filled[crop]), "RGBA"), "cut"


def _blended(colours: np.ndarray, backdrop: np.ndarray, crop: tuple[slice, slice]) -> Image.Image:
    """A garment on its backdrop (RGBA), which has the colour of paper and fades towards the edges."""
    down, across = (slice(max(0, part.start - FADING), part.stop + FADING) for part in crop)
    change = (colours / np.maximum(backdrop, 1))[:, down, across] - 1
    paper = np.array(PAPER, np.float32)[:, None, None] * (1 + CONTRAST * change)
    rows, columns = (np.minimum(np.arange(size), np.arange(size)[::-1]) for size in change.shape[1:])
    alpha = np.minimum(1, rows / FADING)[:, None] * np.minimum(1, columns / FADING)
    faded = np.clip([*paper, 255 * alpha], 0, 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(faded.transpose(1, 2, 0)), "RGBA")


def _garment(
    colours: np.ndarray, backdrop: np.ndarray, away: np.ndarray, least: float, evenly: float
) -> tuple[np.ndarray, bool, np.ndarray]:
    """Which pixels (height, width) show the garment, whether that is sure, and the shadow at its edge.

    The shadow is how dark it is from 0 to 1, NaN where there is none.
    """
    garment, shade = _inside(away < least), np.full(away.shape, np.nan, np.float32)
    if not _stays(garment, _inside(away < 1.5 * least)) or garment.mean() < SMALLEST:
        return garment, False, shade
    light, colour, steep = _shadow(colours, backdrop)
    shadow = (light > DARKEST) & (light < 1.02) & (colour < SHADOW_COLOUR) & (steep < SHADOW_EDGE)
    broad = ndimage.binary_opening((away < least) | shadow, np.ones((3, 3)), 2)  # not through a gap in an outline
    lit = _inside((away < least) | broad)
    loose = (light > DARKEST_EDGE) & (light < 1.02) & (colour < 1.5 * SHADOW_COLOUR)
    core = ndimage.binary_erosion(lit, iterations=REACH) & (away >= least)
    if lit.sum() > (1 - SHADOWS) * garment.sum() and loose[core if core.any() else lit].mean() < GREY:
        garment = lit
        edge = ndimage.binary_dilation(~garment, iterations=REACH, mask=loose | ~garment) & garment
        edge = ndimage.binary_opening(edge | ~garment, iterations=2) & garment
        shade[edge] = np.clip(1 - light[edge], 0, 1)
    return garment & ~_holes(garment & (away < least), away, evenly), True, shade


def _stays(garment: np.ndarray, certain: np.ndarray) -> bool:
    return bool((certain & garment).sum() > STABLE * garment.sum())


def _backdrop(colours: np.ndarray) -> tuple[np.ndarray, float, float]:
    """The background (3, height, width) behind everything, its noise, and the share of the border that is like it.

    It is a smooth surface through what is like it, beginning at the border, as a wall is lit unevenly.
    """
    step = max(1, max(colours.shape[1:]) // COARSE)
    few = colours[:, ::step, ::step]
    border = np.ones(few.shape[1:], bool)
    border[2:-2, 2:-2] = False
    like = border
    for degree in (1, 2, 2, 4, 4):  # few terms as long as garments may still be among what is fitted
        down, across = _powers(few.shape[1], degree), _powers(few.shape[2], degree)
        rows, columns = np.nonzero(like)
        terms = (down[rows, :, None] * across[columns, None, :]).reshape(len(rows), -1)
        terms[:, [i + j > degree for i in range(degree + 1) for j in range(degree + 1)]] = 0
        surface = np.linalg.lstsq(terms, few[:, like].T, rcond=None)[0].T.reshape(3, degree + 1, degree + 1)
        off = np.abs(few - down @ surface @ across.T).max(axis=0)
        noise = float(np.median(off[like]))
        near = off <= max(LEAST, 4 * noise)
        if near[border].mean() < EVEN / 2:
            break
        like = _flooded(near)
    down, across = (_powers(length, degree) for length in colours.shape[1:])
    return _with_floor(colours, down @ surface @ across.T), noise, float(near[border].mean())


def _with_floor(colours: np.ndarray, backdrop: np.ndarray) -> np.ndarray:
    """A wall that meets a floor: each row corrected by what its two ends show, unless that is no background."""
    differs = np.stack(
        [np.median((colours - backdrop)[:, :, side], axis=2) for side in (slice(4), slice(-4, None))], axis=2
    )
    differs[np.abs(differs) > FLOOR] = 0
    across = np.linspace(0, 1, backdrop.shape[2], dtype=np.float32)
    return backdrop + differs[..., :1] * (1 - across) + differs[..., 1:] * across


def _powers(length: int, degree: int) -> np.ndarray:
    """Of places along a side (length, degree + 1)."""
    return np.linspace(-1, 1, length, dtype=np.float32)[:, None] ** np.arange(degree + 1, dtype=np.float32)


def _shadow(colours: np.ndarray, backdrop: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What tells a shadow: its brightness against the backdrop, the difference of its colour, and how steep it is."""
    light = colours.mean(axis=0)
    bright = light / np.maximum(backdrop.mean(axis=0), 1)
    colour = np.abs(colours - bright * backdrop).max(axis=0)
    return bright, colour, ndimage.gaussian_gradient_magnitude(light, 0.8)


def _flooded(behind: np.ndarray) -> np.ndarray:
    """What is background and reaches the border."""
    labels, count = ndimage.label(behind)
    reached = np.zeros(count + 1, bool)
    for rim in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        reached[rim] = True
    reached[0] = False
    return reached[labels]


def _inside(behind: np.ndarray) -> np.ndarray:
    """What the background does not flood from the border, without crumbs."""
    parts, count = ndimage.label(~_flooded(behind))
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    sizes[0] = 0
    least = np.full(count + 1, max(12, 0.03 * sizes.max()))
    for rim in (parts[0], parts[-1], parts[:, 0], parts[:, -1]):
        least[rim] = 0.2 * sizes.max()  # a dark corner of the backdrop, where the picture ends
    return (sizes > least)[parts]


def _holes(behind: np.ndarray, away: np.ndarray, noise: float) -> np.ndarray:
    """Where the background shows through a garment."""
    labels, count = ndimage.label(behind)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    through = sizes > HOLE * behind.size
    for label in np.flatnonzero(through):
        through[label] = np.median(away[labels == label]) < noise
    return through[labels]
