"""The facts of a product: what its table lists and its title says, name by name, as values that can be compared.

Measures are brought to a common unit, colours to colour words, sizes to the bare size, names of options to one name
each.
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

FACTS = {
    "row": pl.UInt32,
    "name": pl.String,
    "values": pl.List(pl.String),
    "option": pl.Boolean,
    "measured": pl.Boolean,
}


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
