"""Quiz card: the result of a round, as a sentence and as a picture to share."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageFont

from goeswith.studio.pages.rendering import STATIC

SIZE, MARGIN = (1200, 630), 80
"""Pixels of the card."""
PAPER, INK, QUIET, TRACK, ACCENT = "#f5f4f1", "#17171a", "#5d5d67", "#e5e3de", "#2449bd"
SERIF, SANS = "instrument-serif.woff2", "instrument-sans.woff2"
SENTENCE = "{} real outfits, one piece of each hidden, four to choose from"
BAR = (230, 1000)
"""From where to where a bar is."""


def ending(you: int, model: int, questions: int) -> str:
    """How a round ended, in a sentence."""
    if you == model:
        return f"A draw: you and the model found {you} of {questions} each"
    return f"You beat the model, {you} to {model}" if you > model else f"The model beats you, {model} to {you}"


def card(you: int, model: int, questions: int) -> bytes:
    """The score of a round as a PNG."""
    sheet = Image.new("RGB", SIZE, PAPER)
    draw, name, words = ImageDraw.Draw(sheet), _font(SERIF, 92), ending(you, model, questions)
    draw.text((MARGIN, 74), "goes", INK, name)
    draw.text((MARGIN + draw.textlength("goes", name), 74), "with", ACCENT, name)
    sizes = (size for size in range(88, 20, -4) if _font(SERIF, size).getlength(words) <= SIZE[0] - 2 * MARGIN)
    draw.text((MARGIN, 220), words, INK, _font(SERIF, next(sizes, 20)))
    draw.text(
        (MARGIN, 340),
        SENTENCE.format(questions),
        QUIET,
        _font(SANS, 34),
    )
    _bar(draw, 430, "You", you, questions, INK)
    _bar(draw, 506, "Model", model, questions, ACCENT)
    written = io.BytesIO()
    sheet.save(written, "PNG")
    return written.getvalue()


def _bar(draw: ImageDraw.ImageDraw, y: int, name: str, count: int, questions: int, colour: str) -> None:
    left, right = BAR
    draw.text((MARGIN, y), name, colour, _font(SANS, 34))
    draw.rounded_rectangle((left, y + 4, right, y + 40), 18, TRACK)
    if count:
        draw.rounded_rectangle((left, y + 4, left + max(36, (right - left) * count // questions), y + 40), 18, colour)
    draw.text((right + 30, y), f"{count} of {questions}", colour, _font(SANS, 34))


def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(STATIC / "fonts" / name, size)
