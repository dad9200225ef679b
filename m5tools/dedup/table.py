"""Table evidence: how far the attributes of two products agree, and what tells them apart.

Facts are compared by name. Two sets of values *differ* when each holds one that the other lacks ("red, L" / "red, M");
one that merely says more agrees, and so does a text that is the other with more words ("leather", "genuine leather"). Measures are compared in a common unit. A difference in an option (colour, size,
capacity …) is what separates variants; a difference in another measure only speaks against identity.
"""

from __future__ import annotations

import polars as pl

from m5tools import wording
from m5tools.dedup.policy import DuplicatePolicy
from m5tools.dedup.titles import COLOUR, SIZE, colour_values, measure, plain, read_measure, size_value, title_facts
from m5tools.joins.bands import Joined, neighbours

FACTS = {
    "row": pl.UInt32,
    "name": pl.String,
    "values": pl.List(pl.String),
    "option": pl.Boolean,
    "measured": pl.Boolean,
}

_WIDE = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]"


def product_facts(products: pl.DataFrame, attributes: pl.DataFrame, policy: DuplicatePolicy) -> pl.DataFrame:
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
    attributes = attributes.filter(~wording.says_nothing(pl.col("value")))
    number, unit, text = pl.col("number"), pl.col("unit"), plain(pl.col("value"))
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


def table_pairs(products: pl.DataFrame, policy: DuplicatePolicy) -> Joined:
    """Products with equal tables of some size."""
    keyed = products.filter(pl.col("table_pairs") >= policy.table.min_pairs).sort("stem", "row", nulls_last=True)
    return neighbours(keyed.select("row", key="table_key"), policy.join.window, policy.join.cap)


def varying_options(facts: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """The options in which the products of an item group differ: those of which no value is common to all who list it.

    Args:
        facts: as :func:`product_facts` gives them.
        groups: columns row and group.

    Returns:
        Columns group and name, distinct, sorted.
    """
    listed = facts.filter("option").join(groups.drop_nulls("group"), on="row").select("row", "group", "name", "values")
    members = listed.group_by("group", "name").agg(members=pl.col("row").n_unique())
    held = listed.explode("values").group_by("group", "name", "values").agg(held=pl.col("row").n_unique())
    most = held.group_by("group", "name").agg(pl.col("held").max())
    varying = members.join(most, on=["group", "name"]).filter(pl.col("held") < pl.col("members"))
    return varying.select("group", "name").sort("group", "name")


def compare(pairs: pl.DataFrame, facts: pl.DataFrame, policy: DuplicatePolicy) -> pl.DataFrame:
    """The tables of pairs, side by side.

    Args:
        pairs: columns a, b.
        facts: of all products in them, with `varies` (what the products of the own item group differ in).
        policy: how many shared names count in full.

    Returns:
        `pairs` with `shared` and `agreeing` (names that are no option, uint32); `agreement` (float32, null when a side
        has no such name): the share of shared names that agree or, where shops name them differently, of values that
        both tables hold; `option_agreement` (float32: options that agree among those of the side that lists more);
        `options_agreeing`, `options_differ`, `varying_agreeing` (options that agree and vary within the item
        group) and `measures_differ` (uint32); `one_lists_options` (one side lists some,
        the other none); `difference` (text: "colour: red / blue").
    """
    both = (
        pairs.select("a", "b")
        .join(facts, left_on="a", right_on="row")
        .join(facts, left_on=["b", "name"], right_on=["row", "name"], suffix="_b")
        .with_columns(
            differs=(pl.col("values").list.set_difference("values_b").list.len() > 0)
            & (pl.col("values_b").list.set_difference("values").list.len() > 0),
            option=pl.col("option") | pl.col("option_b"),
        )
        .with_columns(differs=pl.col("differs") & ~_says_more())
    )
    differs, option = pl.col("differs"), pl.col("option")
    told = pl.concat_str(
        "name",
        pl.lit(": "),
        pl.col("values").list.join(", "),
        pl.lit(" / "),
        pl.col("values_b").list.join(", "),
    )
    summed = both.group_by("a", "b").agg(
        shared=(~option).sum(),
        agreeing=(~option & ~differs).sum(),
        options_agreeing=(option & ~differs).sum(),
        options_differ=(option & differs).sum(),
        varying_agreeing=(pl.col("varies") & ~differs).sum(),
        measures_differ=(~option & differs & pl.col("measured") & pl.col("measured_b")).sum(),
        difference=told.filter(differs).sort().str.join("; "),
    )
    full = policy.table.full_agreement
    by_name = pl.col("agreeing") / pl.max_horizontal("shared", full)
    said = pl.col("said").list.set_intersection("said_b").list.len()
    by_value = said / pl.max_horizontal(pl.min_horizontal(pl.col("said").list.len(), pl.col("said_b").list.len()), full)
    options = facts.filter("option").group_by("row").agg(options=pl.len())
    most_options = pl.max_horizontal("options", "options_b")
    values = facts.filter(~pl.col("option")).explode("values").group_by("row").agg(said=pl.col("values").unique())
    return (
        pairs.join(summed, on=["a", "b"], how="left", maintain_order="left")
        .join(values, left_on="a", right_on="row", how="left", maintain_order="left")
        .join(values, left_on="b", right_on="row", how="left", maintain_order="left", suffix="_b")
        .join(options, left_on="a", right_on="row", how="left", maintain_order="left")
        .join(options, left_on="b", right_on="row", how="left", maintain_order="left", suffix="_b")
        .with_columns(
            agreement=pl.when(pl.col("said").is_not_null() & pl.col("said_b").is_not_null())
            .then(pl.max_horizontal(by_name.fill_null(0), by_value))
            .cast(pl.Float32),
            one_lists_options=pl.col("options").is_null() != pl.col("options_b").is_null(),
            option_agreement=(pl.col("options_agreeing") / most_options).cast(pl.Float32).fill_null(0),
        )
        .with_columns(
            pl.col("shared", "agreeing", "options_agreeing", "options_differ", "varying_agreeing", "measures_differ").fill_null(0),
            pl.col("difference").fill_null(""),
        )
        .drop("said", "said_b", "options", "options_b")
    )


def _says_more() -> pl.Expr:
    """Each side says one thing in words, is no option, and one of them is a part of the other."""
    mine, theirs = (pl.col(side).list.first() for side in ("values", "values_b"))
    single = (pl.col("values").list.len() == 1) & (pl.col("values_b").list.len() == 1)
    worded = ~pl.col("option") & ~pl.col("measured") & ~pl.col("measured_b")
    # Whole words; scripts without spaces have none.
    spaced, other = (pl.concat_str(pl.lit(" "), side, pl.lit(" ")) for side in (mine, theirs))
    within = other.str.contains(spaced, literal=True) | spaced.str.contains(other, literal=True)
    wide = mine.str.contains(_WIDE) & theirs.str.contains(_WIDE)
    within |= wide & (theirs.str.contains(mine, literal=True) | mine.str.contains(theirs, literal=True))
    return single & worded & within & ~mine.str.contains(r"^\d+$") & ~theirs.str.contains(r"^\d+$")
