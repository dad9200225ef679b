"""The merged record: of all train products of a cluster, the one that is kept carries the union of files and
attributes, each with the products that list it.

Nothing is chosen in silence: values that differ stand side by side under one name, equal ones once with all who say
them. A product gives what it could have brought itself, so a modality that is withheld from it is not given either, and
a product that a tag, a ledger or its language leaves out gives nothing. Title, price and the like stay those of the
product that is kept: they are one seller's words.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from m5tools.cut.copies import copies
from m5tools.cut.rules import RowRule
from m5tools.dataset import Dataset
from m5tools.listing import usable_files
from m5tools.vocabulary import MEDIA, MODALITIES, Modality, Reason, Relation, Split, State, bit_mask

GIVEN: Final = (*MEDIA, Modality.TABLE)
OFFERS: Final = {"product_id": pl.String, "joint": pl.String, "gives": pl.UInt8}
ATTRIBUTES: Final = ("name", "value", "unit")
_PLACE: Final = ("recipient", "place")


def offers(
    masked: pl.DataFrame, dataset: Dataset, partition: int, relation: Relation, rules: list[RowRule]
) -> pl.DataFrame:
    """What products of train can give to others of their cluster.

    Args:
        masked: products of one partition, as :func:`m5tools.cut.masks.masks` gives them.
        dataset: the dataset.
        partition: which.
        relation: whose clusters are merged.
        rules: those that ask what a product is, not what it has; whom they leave out gives nothing.

    Returns:
        `product_id`, `joint` (its cluster), `gives` (uint8, bit i = the i-th modality).
    """
    clusters = dataset.scan("clusters", partition=partition).filter(pl.col("relation") == relation.value)
    stays = ~pl.any_horizontal(rule.loses.fill_null(False) for rule in rules)
    mine = masked.filter(pl.col("split") == Split.TRAIN.value, stays)
    gives = pl.col("present") & bit_mask(GIVEN)
    joint = clusters.select("product_id", joint="cluster_id").collect()
    return mine.join(joint, on="product_id").select("product_id", "joint", gives=gives).cast(OFFERS)  # type: ignore[arg-type]


def united(masked: pl.DataFrame, offered: pl.DataFrame) -> pl.DataFrame:
    """Give every product that makes an offer all that its cluster offers.

    Args:
        masked: products of one partition.
        offered: all of :func:`offers`.

    Returns:
        `masked` with `present`, `state`, `reason`, `withheld_by` as they are then, and `merged_from`: the others that
        give, ascending; null where nobody does.
    """
    together = (
        offered.filter(pl.col("gives") > 0)
        .group_by("joint")
        .agg(given=pl.col("gives").bitwise_or(), givers=pl.col("product_id").sort())
    )
    others = (
        offered.join(together, on="joint")
        .with_columns(merged_from=pl.col("givers").list.set_difference(pl.concat_list("product_id")).list.sort())
        .filter(pl.col("merged_from").list.len() > 0)
    )
    both = masked.join(others.select("product_id", "given", "merged_from"), on="product_id", how="left")
    added = pl.col("given").fill_null(0) & ~pl.col("present")
    gained = [(added & (1 << m.bit)) > 0 for m in MODALITIES]
    changed: dict[str, Any] = {"state": State.PRESENT.value, "reason": Reason.NONE.value, "withheld_by": pl.lit("")}
    return both.with_columns(
        (pl.col("present") | added).cast(pl.UInt8).alias("present"),
        *(
            pl.concat_list(
                pl.when(gained[m.bit]).then(value).otherwise(pl.col(name).list.get(m.bit)) for m in MODALITIES
            )
            .cast(masked.schema[name])
            .alias(name)
            for name, value in changed.items()
        ),
    ).drop("given")


def given(dataset: Dataset, partition: int, recipients: pl.DataFrame, offered: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """What the products of one partition give.

    Args:
        dataset: the dataset.
        partition: of the givers.
        recipients: `product_id`, `merged_from` of products that were kept.
        offered: all of :func:`offers`.

    Returns:
        `attributes` and `media`: `recipient`, `place` (0 = its own, then the others in order), `giver`, `source` and
        what is given.
    """
    order = (
        recipients.lazy()
        .select(recipient="product_id", giver=pl.concat_list("product_id", "merged_from"))
        .with_columns(place=pl.int_ranges(pl.col("giver").list.len()))
        .explode("giver", "place")
    )
    givers = order.join(offered.lazy(), left_on="giver", right_on="product_id").join(
        dataset.scan("products", partition=partition).select("product_id", "source"),
        left_on="giver",
        right_on="product_id",
    )
    table = pl.col("gives") & (1 << Modality.TABLE.bit) > 0
    attributes = (
        givers.filter(table)
        .join(dataset.scan("attributes", partition=partition), left_on="giver", right_on="product_id")
        .filter(pl.col("value").is_not_null())
        .select(*_PLACE, "giver", "source", "position", *ATTRIBUTES, "number")
    )
    bits = {m.value: 1 << m.bit for m in MEDIA}
    usable = (pl.col("gives") & pl.col("modality").replace_strict(bits, return_dtype=pl.UInt8)) > 0
    media = (
        givers.join(usable_files(dataset, partition), left_on="giver", right_on="product_id")
        .filter(usable)
        .select(*_PLACE, "giver", "source", "modality", "group", "position", "asset_id")
    )
    return {"attributes": attributes.collect(), "media": media.collect()}


def attributes_of(rows: pl.DataFrame) -> pl.DataFrame:
    """The united attribute tables of products.

    Args:
        rows: all `attributes` that are given to them.

    Returns:
        Rows of the table `cut_attributes`; one quantity in other writing ("250g", "250 g") counts as equal.
    """
    quantity = pl.concat_str(pl.col("number").cast(pl.String), "unit", separator=" ")
    said = pl.coalesce(quantity, pl.col("value").str.to_lowercase())
    ordered = rows.with_columns(said=said).sort(*_PLACE, "position")
    return _listed(ordered, ["recipient", "name", "said"], [pl.col(c).first() for c in ("value", "unit")]).drop("said")


def media_of(rows: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """The united files of products: by modality the product's own first, each file once, each picture once.

    Args:
        rows: all `media` that are given to them.
        dataset: whose pictures were measured.

    Returns:
        Rows of the table `cut_media`.
    """
    ordered = rows.sort("recipient", "modality", "place", "group", "position", "asset_id")
    files = ["recipient", "modality", "asset_id"]
    first = ordered.unique(files, keep="first", maintain_order=True)
    again = copies(first.filter(pl.col("modality") == Modality.IMAGE.value), dataset)
    shown = ordered.join(again, on=["recipient", "asset_id"], how="left", maintain_order="left")
    shown = shown.with_columns(asset_id=pl.coalesce("copy_of", "asset_id"))
    return _listed(shown, files, [])


def _listed(ordered: pl.DataFrame, keys: list[str], kept: list[pl.Expr]) -> pl.DataFrame:
    """One row a key in the order given, with its place among those of a product (and modality) and who lists it."""
    by = pl.struct(product_id="giver", source="source").unique(maintain_order=True)
    one = ordered.group_by(keys, maintain_order=True).agg(*kept, listed_by=by).rename({"recipient": "product_id"})
    over = [key for key in ("product_id", "modality") if key in one.columns]
    return one.with_columns(position=pl.int_range(pl.len(), dtype=pl.Int32).over(over)).sort(*over, "position")
