"""Values: what rules are mined from: the values of a catalogue's columns, and the words of its titles."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from goeswith.data.catalogue import Catalogue
from goeswith.rules.words import WORD, phrase, texts, words

ATTRIBUTES = ("category", "colour", "material", "pattern", "brand", WORD)
"""What rules are mined over by default; ``season`` is not taste but the collection that a shop sold."""

TITLE_WORDS = {
    "colour": "beige black blue bordeaux brown burgundy camel coral cream ecru emerald fuchsia gold golden gray "
    "green grey indigo ivory khaki lavender lilac maroon mauve mint mustard navy nude off-white olive "
    "orange peach pink plum purple red rose rust salmon silver tan taupe teal turquoise violet white wine "
    "yellow",
    "material": "acrylic angora brocade cashmere chambray chiffon corduroy cotton crepe crochet denim faux feather "
    "flannel fleece fur georgette hemp jacquard jersey knit knitted lace lambskin leather linen lurex "
    "lycra mesh mohair neoprene nylon organza patent plush polyester ponte poplin rayon ribbed satin "
    "sequin sequined shearling silk suede taffeta tulle tweed twill velour velvet viscose wool woven",
    "pattern": "abstract animal argyle aztec baroque camo camouflage check checked chevron colorblock colourblock "
    "dot dots embroidered embroidery fairisle floral flower gingham graphic herringbone houndstooth "
    "leopard logo monochrome ombre paisley plaid plain polka print printed snake solid stripe striped "
    "stripes tartan tie-dye tribal tropical zebra",
}
"""Words that name a value in a title, for catalogues without the column."""

MOST_WORDS = 2000
"""So many of the most frequent title words are tried at most: their pairs are four million."""

_STOP_WORDS = (
    "a about all an and are as at be by can for from has have her his i in into is it its more my new no not "
    "of off on one only or our out over own so that the their this to under up us was we with you your"
)
_STOP = frozenset(_STOP_WORDS.split())
_NO_PLURALS = frozenset(("short", "shorts", "tight", "tights"))  # other words, not the same in the plural


def vocabulary(catalogue: Catalogue, attributes: Sequence[str], least: int = 1) -> list[tuple[str, str]]:
    """Attribute and value, for all values that at least `least` items say; sorted within an attribute.

    Of a column that holds anything: its values, and their words, so that "day dresses" and "gala dresses" are dresses
    both. Of colour, material and pattern without a column: `TITLE_WORDS`. Of ``word``: the most frequent words of the
    titles but numbers, little words and those of the other attributes. Of another column that is empty: none.
    A plain plural is one value with its singular, "coat/coats"; of categories also where only the titles have that, so
    that the rules of one catalogue fit the next, which may say "coat" where this one says "coats".

    Raises:
        CatalogueError: the catalogue has no such attribute.
    """
    phrases = {name: _phrases(catalogue, name, least) for name in attributes if name != WORD}
    frequent = _frequent(texts(catalogue, WORD), least)[:MOST_WORDS]
    if "category" in phrases:
        singulars = {singular for plural in phrases["category"] for singular in _singulars(plural)} - _NO_PLURALS
        phrases["category"] |= {singular for singular in singulars if singular.rpartition(" ")[2] in frequent}
    if WORD in attributes:
        used = {word for values in phrases.values() for value in values for word in value.split()}
        near = {other for word in used for other in (word, *_plurals(word))}
        phrases[WORD] = {word for word in frequent if word not in near and not used & {word, *_plurals(word)}}
    return [(name, value) for name in dict.fromkeys(attributes) for value in merged(phrases[name])]


def _phrases(catalogue: Catalogue, attribute: str, least: int) -> set[str]:
    """Phrases of one attribute but ``word``."""
    texts(catalogue, attribute)  # or it is unknown
    column = catalogue.items[attribute].drop_nulls()
    column = column.filter(column.str.strip_chars() != "")
    if not len(column):
        return set(TITLE_WORDS.get(attribute, "").split())
    counted = column.value_counts(name="items").filter(pl.col("items") >= least)
    full = {phrase(value) for value in counted[attribute].to_list()} - {""}
    return full | (set(_frequent(column, least)) if attribute != "brand" else set())


def _frequent(text: pl.Series, least: int) -> list[str]:
    """The words that at least `least` texts say, most frequent first, but numbers, letters and little words."""
    tokens = text.to_frame("text").select(word=words(pl.col("text")).list.unique()).explode("word").drop_nulls()
    counted = tokens["word"].value_counts(name="texts").filter(pl.col("texts") >= least)
    ranked = counted.sort("texts", "word", descending=[True, False])["word"].to_list()
    return [word for word in ranked if len(word) > 1 and word not in _STOP and not word.isdigit()]


def merged(phrases: set[str]) -> list[str]:
    """The phrases, a plain plural joined to its singular where both are there."""
    plural = {
        singular: many
        for singular in phrases - _NO_PLURALS
        for many in _plurals(singular)
        if many in phrases - _NO_PLURALS
    }
    alone = phrases - set(plural) - set(plural.values())
    return sorted([*alone, *(f"{singular}/{many}" for singular, many in plural.items())])


def _plurals(singular: str) -> list[str]:
    return [f"{singular}s", f"{singular}es", *([f"{singular[:-1]}ies"] if singular.endswith("y") else [])]


def _singulars(plural: str) -> list[str]:
    ends = [plural[:-1], plural[:-2], f"{plural[:-3]}y"]
    return [singular for singular in ends if plural in _plurals(singular)]
