"""Why two products were joined or not: what `dedup` knew of the pair, in words, by the functions that decided it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from m5tools.dataset import Dataset
from m5tools.dedup.apart import parted, together
from m5tools.dedup.commonplace import commonplace
from m5tools.dedup.decide import decided
from m5tools.dedup.disbelieved import disbelieved
from m5tools.dedup.edges import evidence
from m5tools.dedup.policy import DuplicatePolicy, load_policy
from m5tools.dedup.products import listing_once, of_many_sellers
from m5tools.dedup.rivals import standing
from m5tools.dedup.rules import judged
from m5tools.dedup.stage import CONTENDS, RIVALRY, decisions_of, taught, wanted, with_origins
from m5tools.dedup.taught import Taught
from m5tools.dedup.units import in_units
from m5tools.dedup.unmet import why_not_compared
from m5tools.errors import StaleError, UsageError
from m5tools.freshness import remake
from m5tools.generations import NOTE
from m5tools.manifest import MANIFEST

_PAIR: Final = ("product_a", "product_b")


@dataclass(frozen=True)
class Why:
    """What is known of two products.

    Attributes:
        product_a, product_b: ids, the smaller one first.
        relation: what they are to each other; None for nothing.
        rule: what decided so, in words.
        evidence: kind, score and words of all that speaks for it.
        against: what speaks against it, in words.
        missing: where nothing was decided, what it would have taken.
        clusters: whether a cluster holds both, and if not though they are related, why.
    """

    product_a: str
    product_b: str
    relation: str | None
    rule: str
    evidence: list[dict[str, Any]] = field(default_factory=list)
    against: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    clusters: list[str] = field(default_factory=list)


def why(dataset: Dataset, one: str, other: str) -> Why:
    """Why two products were joined, or were not.

    Args:
        dataset: where `dedup` has run.
        one, other: product ids.

    Raises:
        UsageError: they are one product.
        StaleError: `dedup` has not run, or the policy it ran with has changed.
    """
    if one == other:
        raise UsageError(f"'{one}' is one product; name two")
    a, b = sorted((one, other))
    policy = _policy(dataset)
    edges = dataset.scan("edges").filter(product_a=a, product_b=b).sort("evidence").collect()
    relation = edges["relation"][0] if edges.height else None
    clusters = [*(parted(dataset, a, b, relation, policy.join.cap) if relation else ()), *together(dataset, a, b)]
    rows = _compared(dataset, a, b)
    if rows.is_empty():
        return Why(
            a,
            b,
            relation,
            "never compared: too little in common",
            [],
            _tells_nothing(dataset, a, b, {}, policy),
            why_not_compared(dataset, a, b, policy),
            clusters,
        )
    worded = edges.filter(evidence="wording").select(_PAIR)
    told = _judged(dataset, rows, policy)
    told = decided(told, worded, _lessons(dataset, a, b, policy), policy.taught)
    row = told.row(0, named=True)
    against = [in_units(words, policy) for words in _against(row)] + _tells_nothing(dataset, a, b, row, policy)
    if relation is not None:
        return Why(a, b, relation, row["rule"], _shown(edges, policy), against, [], clusters)
    seen = evidence(told.with_columns(relation=pl.lit("")))
    missing = [*_short_of_rules(row, policy), *_short_of_wording(dataset, row, policy), *_short_of_lessons(row, policy)]
    shown = _shown(seen.filter(pl.col("score") > 0), policy)
    return Why(a, b, None, "compared, and not joined", shown, against, missing, clusters)


def _tells_nothing(dataset: Dataset, a: str, b: str, row: dict[str, Any], policy: DuplicatePolicy) -> list[str]:
    """What two products share and what is not counted for them: identifiers, facts."""
    usual = (in_units(words, policy) for words in commonplace(dataset, a, b, policy))
    return [*disbelieved(dataset, a, b, row, policy), *usual]


def _shown(edges: pl.DataFrame, policy: DuplicatePolicy) -> list[dict[str, Any]]:
    """Evidence for a pair, in words."""
    rows = edges.select("evidence", "score", "detail").to_dicts()
    return [{**row, "detail": in_units(row["detail"], policy)} for row in rows]


def _policy(dataset: Dataset) -> DuplicatePolicy:
    """The policy that the dataset was deduplicated with."""
    made = dataset.manifest()["stages"].get("dedup")
    if made is None:
        raise StaleError(f"duplicates were not looked for yet; run: m5 dedup --dataset {dataset.place}")
    if "policy" not in made["config"]:
        what = f"{dataset.root / MANIFEST} does not tell by which policy duplicates were looked for"
        raise UsageError(f"{what}; run: {remake(dataset.place, made)} --refresh")
    policy = load_policy(made["config"]["policy"])
    if not decisions_of(dataset, policy).made():
        raise StaleError(
            "what was decided is older than the products, the policy or this m5tools; "
            f"run: {remake(dataset.place, made)}"
        )
    return policy


def _lessons(dataset: Dataset, a: str, b: str, policy: DuplicatePolicy) -> dict[str, Taught]:
    """What was taught when a pair was decided."""
    return taught(decisions_of(dataset, policy), _generation(dataset, [a, b], policy))


def _judged(dataset: Dataset, pairs: pl.DataFrame, policy: DuplicatePolicy) -> pl.DataFrame:
    manifest = dataset.manifest()
    return judged(pairs, listing_once(manifest), of_many_sellers(manifest), policy)


def _compared(dataset: Dataset, a: str, b: str) -> pl.DataFrame:
    return dataset.scan("comparisons").filter(product_a=a, product_b=b).collect()


def _against(row: dict[str, Any]) -> Iterator[str]:
    """What speaks against a pair."""
    if row["difference"]:
        yield f"they differ in {row['difference']}"
    if row["recoloured_only"]:
        yield "one shows the pictures of the other in another colour"
    for flag, words in _CONTRADICTIONS.items():
        if row[flag]:
            yield words


_CONTRADICTIONS: Final = {
    "other_gtin": "their GTINs differ",
    "other_part": "one brand, and their part numbers differ",
    "other_model": "one brand, and their models differ",
    "other_brand": "their brands differ",
    "other_code": "each title holds a code or number that the other lacks",
    "differs_code": "each title holds a model code that stands nowhere at the other",
}


def _short_of_rules(row: dict[str, Any], policy: DuplicatePolicy) -> Iterator[str]:
    """What the rules asked for and did not find."""
    rules = policy.same_product
    if row["inside"]:
        yield f"'{row['source_a']}' lists each product once, so no two of its own are one"
        return
    score = f"title, table and media score {row['score']:.2f}"
    if row["score"] < rules.threshold:
        yield f"{score}, below the threshold {rules.threshold:g}"
    elif row["agreeing_score"] < rules.agreement:
        yield f"{score}, but title and table bring {row['agreeing_score']:.2f} of it, below {rules.agreement:g}"
    elif not row["supported"] and not row["same_words"]:
        yield f"{score}, but neither a picture, a code nor the table bears it, and the titles hold other words"
    else:
        yield f"{score}, high enough, but what speaks against it bars it"


def _short_of_lessons(row: dict[str, Any], policy: DuplicatePolicy) -> Iterator[str]:
    """How likely the pair is by what identifiers and groups teach, where they do."""
    if row["product_chance"] is not None:
        chance = f"{row['product_chance']:.2f} likely one product, as pairs with identifiers teach"
        yield f"{chance}, below {policy.taught.chance:g}"
    if row["family_chance"] is not None:
        yield f"{row['family_chance']:.2f} likely variants, as item groups teach"


def _short_of_wording(dataset: Dataset, row: dict[str, Any], policy: DuplicatePolicy) -> Iterator[str]:
    """What wording asked for and did not find."""
    if row["inside"]:
        return
    if row["likeness"] is None:
        yield "wording says nothing: a title is missing, or both are too short to name a product"
        return
    likeness = f"wording {row['likeness']:.2f} alike"
    if row["same_offerer"]:
        whose = "one seller" if row["one_seller"] else "a source that names no seller"
        yield f"{likeness}, which tells nothing between two listings of {whose}"
    elif not (row["open"] or row["proven"]):
        yield f"{likeness}, but what speaks against them bars it"
    else:
        yield from _beside_rivals(dataset, row, likeness, policy)


def _beside_rivals(dataset: Dataset, row: dict[str, Any], likeness: str, policy: DuplicatePolicy) -> Iterator[str]:
    pool, known = _pool(dataset, row, policy)
    kind = "once" if row["once"] and row["once_b"] else "often"
    if kind not in known:
        # A later crawl says otherwise whether its source lists each product once.
        yield f"{likeness}; decided when another rule held for its sources, run m5 dedup --refresh to decide anew"
        return
    threshold = known[kind]
    if threshold is None:
        yield f"{likeness}; in this dataset no likeness tells true pairs from others"
        return
    place = pool.select(
        pl.arg_where((pl.col("product_a") == row["product_a"]) & (pl.col("product_b") == row["product_b"]))
    )
    found = standing(pool, place.item(), threshold, policy.wording)
    if not found.near:
        yield f"{likeness}, below the threshold {threshold:.2f} that the data gave"
        return
    rival = _better(dataset, pool, row)
    alike = "proven by more than wording" if rival["likeness"] is None else f"{rival['likeness']:.2f} alike"
    one = ", and each product has one partner at most" if row["once"] and row["once_b"] else ""
    yield (
        f"{likeness}, near enough (from {threshold:.2f}), but a rival is better: {rival['product_a']} and "
        f"{rival['product_b']} are {alike}{one}"
    )


def _better(dataset: Dataset, pool: pl.DataFrame, row: dict[str, Any]) -> dict[str, Any]:
    """The pair that was taken in the place of this one, or stands before it."""
    a, b = row["product_a"], row["product_b"]
    source = {a: row["source_a"], b: row["source_b"]}
    seeks = [
        (pl.col(own) == product) & (pl.col(f"source_{other[-1]}") == source[sought]) & (pl.col(other) != sought)
        for product, sought in ((a, b), (b, a))
        for own, other in (_PAIR, _PAIR[::-1])
    ]
    rivals = pool.filter(pl.any_horizontal(seeks))
    joined = dataset.scan("edges").select(_PAIR).unique().with_columns(joined=True).collect()
    told = rivals.join(joined, on=_PAIR, how="left").sort(
        pl.col("joined").fill_null(False), "proven", "likeness", *_PAIR, descending=[True, True, True, False, False],
        nulls_last=True,
    )  # fmt: skip
    return told.row(0, named=True)


def _pool(
    dataset: Dataset, row: dict[str, Any], policy: DuplicatePolicy
) -> tuple[pl.DataFrame, dict[str, float | None]]:
    """The pairs among which a pair had to hold its own, as far as they bear on it, and the likenesses that were wanted.

    A rival's own rivals count as well, so all pairs of all products that either was compared with.
    """
    ours = [row["product_a"], row["product_b"]]
    touched = _touching(dataset, ours)
    circle = sorted({*touched["product_a"], *touched["product_b"]})
    pairs = _touching(dataset, circle)
    generation = _generation(dataset, ours, policy)
    told = _judged(dataset, pairs, policy).filter(CONTENDS).select(*_PAIR, *RIVALRY)
    kind = pl.col("once") & pl.col("once_b")
    told = told.filter(kind == (row["once"] and row["once_b"])).sort(_PAIR)
    numbers = {product: i for i, product in enumerate(sorted({*told["product_a"], *told["product_b"]}))}
    pool = with_origins(told, dataset.manifest()).with_columns(
        pl.col(side).replace_strict(numbers, default=0, return_dtype=pl.UInt32).alias(name)
        for side, name in zip(_PAIR, "ab", strict=True)
    )
    return pool, wanted(decisions_of(dataset, policy), generation)


def _touching(dataset: Dataset, products: list[str]) -> pl.DataFrame:
    return (
        dataset.scan("comparisons").filter(pl.any_horizontal(pl.col(side).is_in(products) for side in _PAIR)).collect()
    )


def _generation(dataset: Dataset, products: list[str], policy: DuplicatePolicy) -> str:
    """The generation in which a pair was decided."""
    grown = decisions_of(dataset, policy)
    for generation in (g for g in grown.since(None) if (dataset.folder("clusters") / g / NOTE).is_file()):
        known = pl.concat(grown.known(generation, i) for i in range(dataset.partitions))
        if set(products) <= set(known):
            return generation
    raise AssertionError("a pair was compared before its products were known")
