"""Groups: the coarse kind of an item, from the words of its category."""

from __future__ import annotations

import polars as pl

WORDS: dict[str, str] = {
    "other": r"furniture|storage|patio|fireplace|dining|bath(room)?|towels?|tables?|tech|office|beauty|curtains?|"
    r"napkin|(bed|nail) .*|makeup|sun ?care|grooming|body|baby|sleepwear|dressing gown|nightgowns?|pyjamas?|pajamas?|"
    r"nightwear|innerwear|swimwear|swimsuits?|bikinis?|underwear|intimates?|lingerie|bras?",
    "shoes": r"shoes?|\w*boots?|booties?|sandals?|sneakers?|pumps?|flats?|heels?|loafers?|moccasins?|oxfords?|clogs?|"
    r"slippers?|trainers?|wedges?|flip[- ]?flops?|footwear|espadrilles?|mules?",
    "bag": r"\w*bags?|clutch(es)?|backpacks?|wallets?|purses?|luggage|briefcases?|totes?|satchels?|citybag|card holder",
    "outer": r"\w*coats?|jackets?|blazers?|outerwear|outwear|vests?|capes?|parkas?|ponchos?|suits?|kimonos?|"
    r"overshirts?|kaftans?",
    "bottom": r"\w*pants?|trousers?|jeans|shorts?|skirts?|leggings?|joggers?|bermudas?|skorts?|bottom\w*|culottes?",
    "top": r"tops?|topwear|\w*shirts?|t-shirts?|blouses?|sweaters?|cardigans?|hoodies?|tunics?|bodysuits?|"
    r"jumpers?|polos?|camisoles?|turtlenecks?|bustiers?|pullovers?|knitwear|tanks?",
    "dress": r"dress(es)?|gowns?|rompers?|jumpsuits?|overalls?|playsuits?|sarees?",
    "accessory": r"accessor(y|ies)|jewell?e?ry|necklaces?|earrings?|rings?|bracelets?|bangles?|watch(es)?|brooch(es)?|"
    r"\w*glasses|eyewear|hats?|caps?|beanies?|scarf|scarves|foulards?|belts?|gloves?|\w*ties?|socks?|stockings?|tights|"
    r"hosiery|hair(band| accessories)|headwear|headbands?|charms?.*|pendants?|umbrellas?|suspenders|cuff ?lin(k|g)s|"
    r"stoles?|mufflers?|handkerchiefs?|wristbands?|eyeglasses|neckwear|legwear|hairwear",
}
"""Whole words that make a group; the first group with a word in the category wins, so "dress shoes" are shoes."""


def group_of(category: pl.Expr) -> pl.Expr:
    """The group (one of `goeswith.data.catalogue.GROUPS`) of a category column; "other" where no word is known."""
    text = category.str.to_lowercase()
    chosen: pl.Expr = pl.lit("other")
    for group, words in reversed(WORDS.items()):
        chosen = pl.when(text.str.contains(rf"(^|[^\w-])({words})($|[^\w-])")).then(pl.lit(group)).otherwise(chosen)
    return chosen
