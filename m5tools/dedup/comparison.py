"""Two products side by side: everything that speaks for or against their being one, and nothing of what it proves.

The result is the *comparison vector* of record linkage (Fellegi & Sunter, JASA 1969). It is stored, so that other
thresholds and weights decide again without comparing again; hence nothing here may depend on one of these.

Products are compared as numbers (:mod:`m5tools.dedup.laid`); texts are read where brands differ, where an identifier is
to be named, and where facts are listed.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from m5tools import schema
from m5tools.dedup.abreast import Met, Sides
from m5tools.dedup.counting import OverAll
from m5tools.dedup.crowds import Crowds, of_brand
from m5tools.dedup.evidence.common import FIRST, SECOND, Shared
from m5tools.dedup.evidence.likeness import Vocabularies, wordings
from m5tools.dedup.evidence.shingle_sets import F64, U32, U64
from m5tools.dedup.evidence.table import NO_FACTS, compare
from m5tools.dedup.evidence.tokens import (
    DESCRIPTION,
    NUMBERS,
    STEM,
    STEM_CODES,
    STEM_NUMBERED,
    STEM_WORDS,
    TITLE_CODES,
    TITLE_WORDS,
    WHOLE_WORDS,
)
from m5tools.dedup.evidence.values import in_values
from m5tools.dedup.evidence.varying import with_varying
from m5tools.dedup.laid import FIGURES, KEYS, USUAL, numbers_of, of_kind
from m5tools.dedup.policy import ComparePolicy
from m5tools.dedup.sides import facts_of

_SHOWN: Final = ("pictures", "recoloured", "grey", "clip", "sound")
_RESEMBLING: Final = ("picture_distance", "colour_overlap")
_PARTS: Final = ("title", "description", "table_key", "media_key")
_WORDS_BEYOND: Final = 3
"""Words beyond the title from which a product says something besides."""
_KEY: Final = {name: place for place, name in enumerate(KEYS)}
_FIGURE: Final = {name: place for place, name in enumerate(FIGURES)}
_SIZES: Final = (STEM, DESCRIPTION, "facts", "options")


def comparisons(
    pairs: pl.DataFrame,
    sides: Sides,
    shown: pl.DataFrame,
    over_all: OverAll,
    vocabularies: Vocabularies,
    policy: ComparePolicy,
) -> pl.DataFrame:
    """The comparison vectors of pairs.

    Args:
        pairs: rows a < b, distinct, in order of b; and embedding_score, null where there is none.
        sides: the products in them.
        shown: pairs of products that show or play the same.
        over_all: what was counted over the whole dataset.
        vocabularies: of the whole dataset.
        policy: how values are read.

    Returns:
        a, b and the columns of the table `comparisons`, one row for each pair in which something speaks.
    """
    a, b = _rows(pairs)
    some = [
        _compared(met, over_all.crowds, vocabularies, policy)
        for met in sides.met(a, b, ("words", "letters", "marks", "values"))
    ]
    told = pl.DataFrame({name: np.concatenate([part[name] for part in some]) for name in some[0]})
    listing = pl.when(pl.col("values_fewest") > 0)
    told = told.with_columns(listing.then(name).alias(name) for name in ("values_agreeing", "values_fewest"))
    every = pl.concat(
        [pairs, told, _tables(pairs, told, sides, over_all), _common_files(pairs, shown)], how="horizontal"
    )
    seen = every.filter(_speaks(policy))
    return _named(_near(seen, sides), sides).select("a", "b", *schema.law("comparisons").names)


def _compared(met: Met, crowds: Crowds, vocabularies: Vocabularies, policy: ComparePolicy) -> dict[str, Any]:
    """What numbers alone tell of pairs: columns."""
    said = wordings(met.shared["words"], met.shared["letters"], *met.lengths, vocabularies)
    alike = said["word_score"] + said["letter_score"] >= policy.identifier.titles_alike
    one, other = (crowds.without_hubs(keys) for keys in met.keys)
    flags = _flags(one, other)
    for kind in ("gtin", "part", "url", "group"):
        flags[f"same_{kind}"] &= alike | ~crowds.doubts(kind, one)
    told = flags | _marked(met.shared["marks"], *met.figures) | said | _figures(met, policy)
    told |= in_values(met.shared["values"], *met.values)
    told["same_family"] = told["same_brand"] & _in_family(met.shared["marks"], one[:, _KEY["brand"]], alike, crowds)
    return told


def _speaks(policy: ComparePolicy) -> pl.Expr:
    """Whether anything at all speaks for a pair. Many are candidates by a rare word that means nothing: how near their
    texts are is asked of the others only."""
    worded = pl.col("word_score") + pl.col("letter_score") >= policy.rare_words.titles_alike
    named = pl.any_horizontal("same_group", "same_gtin", "same_part", "same_url", "same_named", "same_family")
    near = pl.col("embedding_score") >= (policy.embedding.similarity if policy.embedding else 1)
    agreeing = pl.col("agreeing") + pl.col("options_agreeing") + pl.col("values_agreeing").fill_null(0) > 0
    return (
        worded
        | near.fill_null(False)
        | named
        | agreeing
        | (pl.col("equal_parts") > 0)
        | pl.any_horizontal(pl.col(_SHOWN) > 0)
    )


def _rows(pairs: pl.DataFrame) -> tuple[U32, U32]:
    return pairs["a"].to_numpy(), pairs["b"].to_numpy()


def _flags(one: U64, other: U64) -> dict[str, Any]:
    """What is equal and what differs, of keys that both sides have."""

    def both(key: str) -> tuple[Any, Any]:
        return one[:, _KEY[key]], other[:, _KEY[key]]

    def same(key: str) -> Any:
        mine, theirs = both(key)
        return (mine == theirs) & (mine != 0)

    def differs(key: str) -> Any:
        mine, theirs = both(key)
        return (mine != theirs) & (mine != 0) & (theirs != 0)

    group, other_group = both("group")
    told = {f"same_{key}": same(key) for key in ("group", "gtin", "part", "named", "model", "brand")}
    return told | {
        # One source lists variants on one page.
        "same_url": same("url") & ~same("source"),
        "other_gtin": differs("gtin"),
        "other_part": differs("part") & told["same_brand"],
        "other_model": differs("named") & told["same_brand"],
        "other_brand": differs("brand"),
        "other_group": differs("group") & same("source"),
        "one_group": (group == 0) != (other_group == 0),
        "other_category": differs("category") & same("source"),
        "equal_parts": np.sum([same(part) for part in _PARTS], axis=0, dtype=np.uint8),
        "same_offerer": same("offerer"),
        "same_content": np.all([np.equal(*both(part)) for part in ("offerer", *_PARTS)], axis=0),
        "same_delivery": same("content_hash"),
        "says_something": (both("title")[0] != 0) | (both("description")[0] != 0),
    }


def _marked(marks: Shared, one: F64, other: F64) -> dict[str, Any]:
    """How codes, numbers and the words of stems agree."""

    def common(kind: str, mine: int = FIRST, theirs: int = FIRST) -> Any:
        return marks.count(of_kind(marks, kind, mine, theirs))

    def beyond(size: str, mine: Any, theirs: Any) -> Any:
        """Whether each side has one that the other has not."""
        return (one[:, _FIGURE[size]] > mine) & (other[:, _FIGURE[size]] > theirs)

    words, numbers, numbered = (common(kind) for kind in (STEM_WORDS, NUMBERS, STEM_NUMBERED))
    there, back = common("codes", SECOND, FIRST), common("codes", FIRST, SECOND)
    shares_code = (there > 0) | (back > 0)
    each = one[:, _FIGURE[STEM_WORDS]], other[:, _FIGURE[STEM_WORDS]]
    return {
        "same_words": (words > 0) & (each[0] == words) & (each[1] == words),
        "reworded": beyond(STEM_WORDS, words, words),
        "other_code": beyond(STEM_NUMBERED, numbered, numbered),
        "common_code": common(STEM_CODES) > 0,
        "shares_code": shares_code,
        "differs_code": beyond(TITLE_CODES, there, back) & ~shares_code,
        "differs_number": beyond(NUMBERS, numbers, numbers),
    }


def _in_family(marks: Shared, brands: U64, alike: Any, crowds: Crowds) -> Any:
    """Whether a code that one side gives as its model or part number is the other's too, and tells something."""
    which = of_kind(marks, "family", FIRST, SECOND) | of_kind(marks, "family", SECOND, FIRST)
    pair = np.repeat(np.arange(len(marks.each)), marks.each)[which]
    which[which] = crowds.believes_codes(of_brand(brands[pair], numbers_of(marks.columns[which])), alike[pair])
    return marks.count(which) > 0


def _figures(met: Met, policy: ComparePolicy) -> dict[str, Any]:
    """What prices and lengths of texts tell."""
    (mine, theirs), currency = met.figures, _KEY["currency"]
    low, high = np.minimum(mine, theirs), np.maximum(mine, theirs)
    price, length = _FIGURE["price"], _FIGURE["stem_chars"]
    comparable = (low[:, price] > 0) & (met.keys[0][:, currency] == met.keys[1][:, currency])
    ratio = np.where(comparable, low[:, price] / np.where(comparable, high[:, price], 1), np.nan)
    beyond = (side[:, _FIGURE[WHOLE_WORDS]] - side[:, _FIGURE[TITLE_WORDS]] for side in met.figures)
    sizes = {
        f"{name}_{side}": values[:, _FIGURE[name]]
        for name in _SIZES
        for side, values in zip("ab", met.figures, strict=True)
    }
    return sizes | {
        "price_ratio": ratio.astype(np.float32),
        "both_titled": low[:, length] > 0,
        "long_title": high[:, length] >= policy.text.min_title_chars,
        "says_more": np.minimum(*beyond) >= _WORDS_BEYOND,
    }


def _near(seen: pl.DataFrame, sides: Sides) -> pl.DataFrame:
    """Adds the Jaccard indices of titles and descriptions; nothing is like a text that is not there."""
    scores = {"title_score": ("stems", STEM), "description_score": ("descriptions", DESCRIPTION)}
    met = list(sides.common(*_rows(seen), [name for name, _ in scores.values()]))
    found = {}
    for score, (name, size) in scores.items():
        common = np.concatenate([np.empty(0), *(shared[name].each for shared in met)])
        mine, theirs = (seen[f"{size}_{side}"].to_numpy() for side in "ab")
        index = np.where((mine > 0) & (theirs > 0), common / np.maximum(mine + theirs - common, 1), np.nan)
        found[score] = pl.Series(index.astype(np.float32), nan_to_null=True)
    return seen.with_columns(pl.col("price_ratio").fill_nan(None), **found)


def _common_files(pairs: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """What pairs show in common, and how near their pictures are."""
    told = pairs.select("a", "b").join(shown, on=["a", "b"], how="left", maintain_order="left")
    return told.select(pl.col(_SHOWN).fill_null(0), *_RESEMBLING)


def _tables(pairs: pl.DataFrame, told: pl.DataFrame, sides: Sides, over_all: OverAll) -> pl.DataFrame:
    """How far the tables of pairs agree; those of which a side lists no facts are not looked at."""
    a, b = _rows(pairs)
    listing = np.flatnonzero((told["facts_a"].to_numpy() > 0) & (told["facts_b"].to_numpy() > 0))
    none = pl.DataFrame({name: pl.Series([value], dtype=kind) for name, (kind, value) in NO_FACTS.items()})
    place = np.zeros(len(a), np.int64)
    if len(listing):
        said = sides.anywhere(np.union1d(a[listing], b[listing]), ("group", "facts", USUAL))
        facts = with_varying(facts_of(said, "group", USUAL), over_all.varying)
        agreement = compare(pairs[listing], facts).select(none.columns)
        none = pl.concat([none, agreement.cast(none.schema)])
        place[listing] = 1 + np.arange(len(listing))
    options = told.select(
        most=pl.max_horizontal("options_a", "options_b").cast(pl.UInt32),
        least=pl.min_horizontal("options_a", "options_b"),
    )
    return none[place].with_columns(
        options.select(
            options_most=pl.when(pl.col("most") > 0).then("most"),
            one_lists_options=(pl.col("most") > 0) & (pl.col("least") == 0),
        )
    )


def _named(seen: pl.DataFrame, sides: Sides) -> pl.DataFrame:
    """Adds what is told in words: ids, sources, the identifier that both sides have; and whether brands differ."""
    a, b = _rows(seen)
    one, other = sides.at_home(a, ("product_id", "source")), sides.anywhere(b, ("product_id", "source"))
    identified = (seen["same_gtin"] | seen["same_part"] | seen["same_url"]).to_numpy()
    borne = sides.at_home(a[identified], ("gtin", "mpn", "brand", "url"))
    shared = seen.select("same_gtin", "same_part").filter(identified).hstack(borne)
    words = shared.select(
        pl.when("same_gtin")
        .then(pl.lit("gtin ") + pl.col("gtin"))
        .when("same_part")
        .then(pl.lit("part number ") + pl.col("mpn") + pl.lit(" of ") + pl.col("brand"))
        .otherwise(pl.lit("address ") + pl.col("url"))
    )
    brands = seen["other_brand"].to_numpy()
    mine, theirs = sides.at_home(a[brands], ("brand", "title")), sides.anywhere(b[brands], ("brand", "title"))
    return seen.with_columns(
        product_a=one["product_id"],
        product_b=other["product_id"],
        source_a=one["source"],
        source_b=other["source"],
        shared_code=pl.col("common_code") | pl.col("same_named"),
        identifier=_scattered(words.to_series(), identified),
        other_brand=_scattered(_other_brand(mine, theirs), brands).fill_null(False),
    )


def _scattered(values: pl.Series, where: Any) -> pl.Series:
    """Values where they belong, and nulls elsewhere."""
    place = np.cumsum(where) * where
    return pl.concat([values.clear(1), values]).gather(place)


def _other_brand(mine: pl.DataFrame, theirs: pl.DataFrame) -> pl.Series:
    """Of differing brands, whether none is a part of the other or named by its product ("Acme", "Acme Inc.")."""
    both = pl.concat([mine.drop("row"), theirs.select(pl.all().name.suffix("_b")).drop("row_b")], how="horizontal")
    one, other = pl.col("brand"), pl.col("brand_b")
    within = one.str.contains(other, literal=True) | other.str.contains(one, literal=True)
    words, others = (brand.str.extract_all(r"[\p{L}\p{M}\p{N}]+") for brand in (one, other))
    common = words.list.set_intersection(others).list.len() > 0
    named = pl.col("title").str.contains(other, literal=True) | pl.col("title_b").str.contains(one, literal=True)
    return both.select(~within & ~common & ~named.fill_null(False)).to_series()
