"""Groups: the coarse kind of an item, from the words of its category."""

from __future__ import annotations

import polars as pl

WORDS: dict[str, str] = {
    "other": r"furniture|storage|dining|bath(room)?|towels?|tables?|tech|office|beauty|curtains?|napkin|(bed|nail) .*|"
    r"makeup|sun ?care|grooming|body|baby|sleepwear|pyjamas?|pajamas?|nightwear|innerwear|swimwear|swimsuits?|bikinis?|"
    r"underwear|intimates?|lingerie|bras?",
    "shoes": r"shoes?|\w*boots?|booties?|sandals?|sneakers?|pumps?|flats?|heels?|loafers?|moccasins?|oxfords?|clogs?|"
    r"slippers?|trainers?|wedges?|flip[- ]?flops?|footwear|espadrilles?|mules?",
    "bag": r"\w*bags?|clutch(es)?|backpacks?|wallets?|purses?|luggage|briefcases?|totes?|satchels?|citybag|card holder",
    "outer": r"coats?|\w*coats?|jackets?|blazers?|outerwear|outwear|vests?|capes?|parkas?|ponchos?|suits?|kimonos?|"
    r"sportcoats?|overshirts?|kaftans?",
    "bottom": r"pants?|trousers?|jeans|shorts?|skirts?|leggings?|joggers?|bermudas?|skorts?|bottom\w*|culottes?",
    "top": r"tops?|topwear|\w*shirts?|t-shirts?|tshirts?|blouses?|sweaters?|cardigans?|hoodies?|tunics?|bodysuits?|"
    r"jumpers?|polos?|camisoles?|turtlenecks?|sweatshirts?|bustiers?|pullovers?|knitwear|tanks?",
    "dress": r"dress(es)?|gowns?|rompers?|jumpsuits?|overalls?|playsuits?|sarees?",
    "accessory": r"accessor(y|ies)|jewell?e?ry|necklaces?|earrings?|rings?|bracelets?|bangles?|watch(es)?|brooch(es)?|"
    r"\w*glasses|eyewear|hats?|caps?|beanies?|scarf|scarves|foulards?|belts?|gloves?|ties?|bow ties?|socks?|tights|"
    r"hosiery|hair(band| accessories)|headwear|headbands?|charms?.*|pendants?|umbrellas?|suspenders|cuff ?links|stoles?|"
    r"mufflers?|handkerchiefs?|wristbands?|eyeglasses|neckwear|legwear|hairwear|brooch",
}
"""Whole words that make a group; the first group with a word in the category wins, so "dress shoes" are shoes."""


def group_of(category: pl.Expr) -> pl.Expr:
    """The group (one of `goeswith.catalogue.GROUPS`) of a category column; "other" where no word is known."""
    text = category.str.to_lowercase()
    chosen: pl.Expr = pl.lit("other")
    for group, words in reversed(WORDS.items()):
        chosen = pl.when(text.str.contains(rf"(^|[^\w-])({words})($|[^\w-])")).then(pl.lit(group)).otherwise(chosen)
    return chosen
