"""Table evidence: how far the attributes of two products agree, and what tells them apart.

Facts are compared by name. Two sets of values *differ* when each holds one that the other lacks ("red, L" / "red, M");
one that merely says more agrees. A text that is the other with a word more ("leather", "genuine leather") does neither.
Measures are compared in a common unit. A difference in an option (colour, size, capacity …) is what separates variants;
a difference in another measure only speaks against identity.
"""

from __future__ import annotations

import polars as pl

from m5tools import wording
from m5tools.dedup.evidence.titles import (
    COLOUR,
    SIZE,
    colour_values,
    measure,
    plain,
    read_measure,
    size_value,
    title_facts,
)
from m5tools.dedup.policy import ComparePolicy
from m5tools.joins.bands import Joined, neighbours

FACTS = {
    "row": pl.UInt32,
    "name": pl.String,
    "values": pl.List(pl.String),
    "option": pl.Boolean,
    "measured": pl.Boolean,
}

NO_FACTS = {
    "shared": (pl.UInt32, 0),
    "agreeing": (pl.UInt32, 0),
    "values_agreeing": (pl.UInt32, None),
    "values_fewest": (pl.UInt32, None),
    "options_agreeing": (pl.UInt32, 0),
    "options_differ": (pl.UInt32, 0),
    "measures_differ": (pl.UInt32, 0),
    "varying": (pl.UInt32, 0),
    "varying_agreeing": (pl.UInt32, 0),
    "options_most": (pl.UInt32, None),
    "one_lists_options": (pl.Boolean, False),
    "difference": (pl.String, ""),
}
"""What :func:`compare` says of two products of which none lists a fact: columns, their types and values."""

_FEW_WORDS = 3
"""Of a value; a longer one is a list or a sentence, in which a word more may be another thing."""
_WIDE = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]"
"""Scripts without spaces between words."""


def product_facts(products: pl.DataFrame, attributes: pl.DataFrame, policy: ComparePolicy) -> pl.DataFrame:
    """The comparable facts of products.

    Args:
        products: columns `row` and `title` (plain).
        attributes: rows of the table of that name, with `row`.
        policy: names of options, colour words, units.

    Returns:
        Columns row, name, values (sorted texts), option (tells variants apart), measured (every value has a unit);
        sorted by row and name. A measured option goes by what it measures ("volume"), for shops call it capacity,
        contents or size. Placeholders ("other", "see description") are no facts. What a title says stands in only where
        the table is silent.
    """
    attributes = attributes.filter(~wording.says_nothing(pl.col("value"))).with_columns(text=plain(pl.col("value")))
    number, unit, text = pl.col("number"), pl.col("unit"), pl.col("text")
    kind = unit.replace_strict(policy.unit_kinds, default=None, return_dtype=pl.String)
    read_number, read_unit = read_measure(text, policy)
    named = attributes.with_columns(
        name=pl.col("name").replace(policy.option_names),
        number=pl.coalesce(number, read_number),
        unit=pl.when(number.is_null()).then(read_unit).otherwise(plain(unit)),
    ).with_columns(
        option=pl.col("is_option") | pl.col("name").is_in(sorted(set(policy.option_names.values()))),
        measured=number.is_not_null() & unit.is_not_null(),
    )
    listed = (
        named.select(
            "row",
            name=pl.when(pl.col("option") & pl.col("measured")).then(pl.coalesce(kind, "name")).otherwise("name"),
            value=pl.when("measured")
            .then(pl.concat_list(measure(number, unit, policy)))
            .when(pl.col("name") == COLOUR)
            .then(colour_values(text, policy))
            .when(pl.col("name") == SIZE)
            .then(pl.concat_list(size_value(text, policy)))
            .otherwise(pl.concat_list(text)),
            option="option",
            measured="measured",
        )
        .explode("value", empty_as_null=False)
        .drop_nulls("value")
    )
    said = title_facts(products, policy).join(listed, on=["row", "name"], how="anti")
    facts = pl.concat([listed, said.with_columns(option=True, measured=pl.col("name").is_in(list(policy.units)))])
    return (
        facts.group_by("row", "name")
        .agg(values=pl.col("value").unique().sort(), option=pl.col("option").any(), measured=pl.col("measured").all())
        .sort("row", "name")
        .cast(FACTS)  # type: ignore[arg-type]
    )


def table_pairs(products: pl.DataFrame, policy: ComparePolicy, asked: pl.Series | None = None) -> Joined:
    """Products with equal tables of some size; where some rows are asked about, pairs with one of these."""
    keyed = products.filter(pl.col("table_pairs") >= policy.table.min_pairs).sort("stem", "row", nulls_last=True)
    return neighbours(keyed.select("row", key="table_key"), policy.join.window, policy.join.cap, asked)


def varying_options(options: pl.DataFrame) -> pl.DataFrame:
    """The options in which the products of an item group differ: those of which no value is common to all who list it.

    Args:
        options: facts that are options, as :func:`product_facts` gives them, with `group`.

    Returns:
        Columns group and name, distinct, sorted.
    """
    members = options.group_by("group", "name").agg(members=pl.col("row").n_unique())
    held = options.explode("values").group_by("group", "name", "values").agg(held=pl.col("row").n_unique())
    most = held.group_by("group", "name").agg(pl.col("held").max())
    varying = members.join(most, on=["group", "name"]).filter(pl.col("held") < pl.col("members"))
    return varying.select("group", "name").sort("group", "name")


def with_varying(facts: pl.DataFrame, varying: pl.DataFrame) -> pl.DataFrame:
    """Facts with `varies` (the products of the own item group differ in it) and `varying` (in how many they differ).

    Args:
        facts: with `group`, which the result has not.
        varying: what :func:`varying_options` found.
    """
    counts = varying.group_by("group").agg(varying=pl.len())
    marked = facts.join(varying.with_columns(varies=True), on=["group", "name"], how="left", maintain_order="left")
    counted = marked.join(counts, on="group", how="left", maintain_order="left")
    return counted.with_columns(pl.col("varies").fill_null(False), pl.col("varying").fill_null(0)).drop("group")


def compare(pairs: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """The tables of pairs, side by side.

    Args:
        pairs: columns a, b.
        facts: of all products in them, as :func:`with_varying` gives them.

    Returns:
        `pairs` with `shared` and `agreeing` (names that are no option, uint32); `values_agreeing` and `values_fewest`
        (values under such names that both tables hold, and those of the side with fewer, for shops name them
        differently; null when a side has none); `options_agreeing`, `options_differ` and `measures_differ` (uint32);
        `varying` and `varying_agreeing` (options that vary within the item group of the first, and those of them that
        agree);
        `options_most` (uint32: options of the side that lists more; null when neither lists any); `one_lists_options`
        (one side lists some, the other none); `difference` (text: "colour: red / blue").
    """
    both = (
        pairs.select("a", "b")
        .join(facts, left_on="a", right_on="row")
        .join(facts, left_on=["b", "name"], right_on=["row", "name"], suffix="_b")
        .with_columns(option=pl.col("option") | pl.col("option_b"))
    )
    unequal = both["values"].list.first() != both["values_b"].list.first()
    several = (both["values"].list.len() > 1) | (both["values_b"].list.len() > 1)
    both = both.with_columns(differs=_told_of(both, several, _each_has_its_own(), unequal))
    nothing = pl.Series("more", [False]).new_from_index(0, both.height)
    both = both.with_columns(more=_told_of(both, both["differs"], _says_more(), nothing))
    both = both.with_columns(differs=pl.col("differs") & ~pl.col("more"))
    told = pl.concat_str(
        "name",
        pl.lit(": "),
        pl.col("values").list.join(", "),
        pl.lit(" / "),
        pl.col("values_b").list.join(", "),
    )
    silent = pl.Series("told", [None], dtype=pl.String).new_from_index(0, both.height)
    both = both.with_columns(told=_told_of(both, both["differs"], told, silent))
    differs, option = pl.col("differs"), pl.col("option")
    summed = both.group_by("a", "b").agg(
        shared=(~option & ~pl.col("more")).sum(),
        agreeing=(~option & ~differs & ~pl.col("more")).sum(),
        options_agreeing=(option & ~differs).sum(),
        options_differ=(option & differs).sum(),
        varying=pl.col("varying").max(),
        varying_agreeing=(pl.col("varies") & ~differs).sum(),
        measures_differ=(~option & differs & pl.col("measured") & pl.col("measured_b")).sum(),
        difference=pl.col("told").drop_nulls().sort().str.join("; "),
    )
    options = facts.filter("option").group_by("row").agg(options=pl.len())
    values = facts.filter(~pl.col("option")).explode("values").group_by("row").agg(said=pl.col("values").unique())
    both_say = pl.col("said").is_not_null() & pl.col("said_b").is_not_null()
    return (
        pairs.join(summed, on=["a", "b"], how="left", maintain_order="left")
        .join(values, left_on="a", right_on="row", how="left", maintain_order="left")
        .join(values, left_on="b", right_on="row", how="left", maintain_order="left", suffix="_b")
        .join(options, left_on="a", right_on="row", how="left", maintain_order="left")
        .join(options, left_on="b", right_on="row", how="left", maintain_order="left", suffix="_b")
        .with_columns(
            values_agreeing=pl.when(both_say).then(pl.col("said").list.set_intersection("said_b").list.len()),
            values_fewest=pl.when(both_say).then(
                pl.min_horizontal(pl.col("said").list.len(), pl.col("said_b").list.len())
            ),
            one_lists_options=pl.col("options").is_null() != pl.col("options_b").is_null(),
            options_most=pl.max_horizontal("options", "options_b"),
        )
        .with_columns(
            pl.col(
                "shared",
                "agreeing",
                "options_agreeing",
                "options_differ",
                "varying",
                "varying_agreeing",
                "measures_differ",
            ).fill_null(0),
            pl.col("difference").fill_null(""),
        )
        .drop("said", "said_b", "options", "options_b")
    )


def _told_of(rows: pl.DataFrame, some: pl.Series, told: pl.Expr, otherwise: pl.Series) -> pl.Series:
    """What is told of some rows, and what is known of the others, which are not looked at."""
    places = some.arg_true()
    return otherwise.scatter(places, rows[places].select(told).to_series()) if len(places) else otherwise


def _each_has_its_own() -> pl.Expr:
    """Whether each side holds a value that the other lacks."""
    mine, theirs = pl.col("values"), pl.col("values_b")
    return (mine.list.set_difference(theirs).list.len() > 0) & (theirs.list.set_difference(mine).list.len() > 0)


def _says_more() -> pl.Expr:
    """Each side says one thing in words, it is no option, and one of them is a part of the other."""
    mine, theirs = (pl.col(side).list.first() for side in ("values", "values_b"))
    single = (pl.col("values").list.len() == 1) & (pl.col("values_b").list.len() == 1)
    number = r"^[\d.,]+$"
    worded = ~(pl.col("option") | pl.col("measured") | pl.col("measured_b"))
    worded &= ~mine.str.contains(number) & ~theirs.str.contains(number)
    one, other = (pl.concat_str(pl.lit(" "), side, pl.lit(" ")) for side in (mine, theirs))
    within = other.str.contains(one, literal=True) | one.str.contains(other, literal=True)
    wide = mine.str.contains(_WIDE) & theirs.str.contains(_WIDE)
    within |= wide & (theirs.str.contains(mine, literal=True) | mine.str.contains(theirs, literal=True))
    short = pl.max_horizontal(mine.str.count_matches(" "), theirs.str.count_matches(" ")) < _FEW_WORDS
    return single & worded & within & short
