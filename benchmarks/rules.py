"""Rules against the obvious loop: which of 1,000 rules are active on 60,000 triplets, over 30,000 titles.

    python benchmarks/rules.py [--rules 1000] [--triplets 60000] [--items 30000]

Both look every rule up in every title first. The loop is measured on a part of the triplets and of the rules, with
its regular expressions compiled and its matches remembered, and must say the same of them.
"""

from __future__ import annotations

import argparse
import re
import time

import numpy as np
import polars as pl

from goeswith.data.catalogue import Catalogue
from goeswith.rules.rules import Rule, match

BLOCK = 8192  # triplets at a time: 1,000 rules are 8 MB


def loop(rules: list[Rule], titles: list[str], sides: np.ndarray, triplets: np.ndarray) -> np.ndarray:
    """One rule and one triplet at a time, each title matched once."""
    votes = np.zeros((len(triplets), len(rules)), np.int8)
    for at, rule in enumerate(rules):
        words = [re.compile(rf"(?<![\w'-])({value.replace('/', '|')})(?![\w'-])") for value in (rule.top, rule.bottom)]
        says = [bool(words[side].search(title)) for title, side in zip(titles, sides, strict=True)]
        for number, (i, j, k) in enumerate(triplets):
            if says[i] and says[j] != says[k]:
                votes[number, at] = 1 if says[j] == (rule.sign == "+") else -1
    return votes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=int, default=1000)
    parser.add_argument("--triplets", type=int, default=60_000)
    parser.add_argument("--items", type=int, default=30_000)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    vocabulary = np.array([f"w{number:03}" for number in range(800)])
    chance = 1 / np.arange(1, 801)  # a few words stand in most titles, most words in few
    chance /= chance.sum()
    titles = [" ".join(random.choice(vocabulary, 15, p=chance)) for _ in range(options.items)]
    sides = np.arange(options.items) % 2  # 0 = top
    catalogue = Catalogue(
        pl.DataFrame(
            {
                "item_id": [f"i{row}" for row in range(options.items)],
                "category": "thing",
                "group": np.array(["top", "bottom"])[sides],
                "title": titles,
            }
        )
    )
    pairs = random.choice(vocabulary, (options.rules, 4), p=chance)
    rules = [
        Rule("word", f"{a}/{b}", f"{c} {d}" if n % 5 == 0 else c, "+-"[n % 2]) for n, (a, b, c, d) in enumerate(pairs)
    ]
    bottoms = random.integers(0, options.items // 2, (options.triplets, 2)) * 2 + 1
    triplets = np.column_stack([random.integers(0, options.items // 2, options.triplets) * 2, bottoms])

    start = time.perf_counter()
    matches = match(rules, catalogue)
    matched = time.perf_counter() - start
    active = np.zeros(options.rules, np.int64)
    for block in range(0, options.triplets, BLOCK):
        active += np.count_nonzero(matches.votes(*triplets[block : block + BLOCK].T), axis=0)
    taken = time.perf_counter() - start

    few_rules, few = rules[:20], triplets[:5000]
    start = time.perf_counter()
    expected = loop(few_rules, titles, sides, few)
    looped = time.perf_counter() - start
    assert np.array_equal(matches.votes(*few.T)[:, :20], expected)
    whole = looped * options.rules / len(few_rules)  # each rule costs the same; fewer triplets only favour the loop
    print(
        f"{options.rules} rules, {options.items} titles of 15 words, {options.triplets} triplets, {active.sum()} votes"
    )
    print(f"goeswith: {taken:.2f} s ({matched:.2f} s of it to look the rules up)")
    print(f"loop: {looped:.2f} s for {len(few_rules)} rules and {len(few)} triplets, {whole:.0f} s for all rules")
    print(f"ratio: {whole / taken:.0f}, with {options.triplets / len(few):.0f} times the triplets; equal answers")


if __name__ == "__main__":
    main()
