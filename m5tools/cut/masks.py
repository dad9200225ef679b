"""Product by product: what is known of it, and which of its modalities a selection withholds."""

from __future__ import annotations

from typing import Final

import polars as pl

from m5tools.cut.selection import Selection
from m5tools.dataset import Dataset
from m5tools.vocabulary import MODALITIES, Modality, Reason, Relation, State
from m5tools.wording import category_key

NOT_TAKEN = "modalities"
QUARANTINE = "quarantine"
LANGUAGE = "language"
_TOLD: Final = ("state", "reason", "tags")


def facts(dataset: Dataset, partition: int, selection: Selection, ledgers: pl.DataFrame) -> pl.DataFrame:
    """One row a product, sorted: split, barred, category, band, cluster, and per modality state, reason and tags.

    Args:
        dataset: the dataset.
        partition: which products.
        selection: whose policy, and whether it asks for languages.
        ledgers: `product_id`, `modality` of what is quarantined.

    Returns:
        `product_id`, `split`, `barred`, `category`, `band`, `cluster`, `language` (null unless asked for and known),
        `quarantined` (list of modalities, "" for the product itself), and for each modality `state_…`, `reason_…`,
        `tags_…`.
    """
    products = dataset.scan("products", partition=partition).select(
        "product_id", category=category_key(pl.col("category")), declared="language"
    )
    clusters = dataset.scan("clusters", partition=partition)
    same = clusters.filter(pl.col("relation") == Relation.SAME_PRODUCT.value).select("product_id", cluster="cluster_id")
    roles = dataset.scan("roles", partition=partition).select("product_id", "barred")
    splits = dataset.scan("splits", partition=partition).join(roles, on="product_id", how="left")
    quarantined = ledgers.lazy().group_by("product_id").agg(quarantined=pl.col("modality").unique().sort())
    frame = (
        products.join(splits, on="product_id", how="left")
        .join(dataset.scan("corpus_categories").select("category", "band"), on="category", how="left")
        .join(same, on="product_id", how="left")
        .join(quarantined, on="product_id", how="left")
        .with_columns(pl.col("quarantined").fill_null([]))
    )
    if selection.language is not None:
        sure = pl.col("language_margin").fill_null(1) >= selection.language.least_margin
        texts = dataset.scan("signals_text", partition=partition).select(
            "product_id", detected=pl.when(sure).then("language")
        )
        declared = pl.col("declared").str.to_lowercase().str.extract(r"^([a-z]{2,3})(?:[-_].*)?$")
        frame = frame.join(texts, on="product_id", how="left").with_columns(language=pl.coalesce("detected", declared))
    else:
        frame = frame.with_columns(language=pl.lit(None, pl.String))
    columns = ("product_id", "modality", *_TOLD)
    states = dataset.read("modalities", partition=partition, columns=columns, policy=selection.policy)
    return _with_states(frame.sort("product_id").collect(), states)


def _with_states(products: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
    """What is told of each modality beside its product.

    `m5 tag` writes five rows a product, in the order of products and of modalities, so every fifth row is of one
    modality and nothing has to be joined. Of a table that is otherwise each modality is joined.
    """
    every = {modality: states.gather_every(len(MODALITIES), modality.bit) for modality in MODALITIES}
    in_order = states.height == products.height * len(MODALITIES) and all(
        mine["product_id"].equals(products["product_id"]) and (mine["modality"] == modality.value).all()
        for modality, mine in every.items()
    )
    for modality in MODALITIES:
        told = [pl.col(name).alias(f"{name}_{modality}") for name in _TOLD]
        if in_order:
            products = products.with_columns(every[modality].select(told).iter_columns())
        else:
            mine = states.filter(pl.col("modality") == modality.value).select("product_id", *told)
            products = products.join(mine, on="product_id", how="left", maintain_order="left")
    return products


def masks(known: pl.DataFrame, selection: Selection) -> pl.DataFrame:
    """Withhold what the selection withholds.

    Adds `state`, `reason`, `withheld_by` (lists of five, in the order of the modalities) and `present` (uint8, bit i =
    the i-th modality may be used). What is not present is never withheld: it keeps its own state and reason.
    """
    states: list[pl.Expr] = []
    reasons: list[pl.Expr] = []
    culprits: list[pl.Expr] = []
    bits: list[pl.Expr] = []
    for modality in MODALITIES:
        state = pl.col(f"state_{modality}")
        culprit = pl.when(state == State.PRESENT.value).then(_culprit(modality, selection)).fill_null("")
        withheld = culprit != ""
        after = pl.when(withheld).then(State.WITHHELD.value).otherwise(state).cast(pl.UInt8)
        states.append(after)
        reasons.append(pl.when(withheld).then(Reason.POLICY.value).otherwise(f"reason_{modality}").cast(pl.UInt8))
        culprits.append(culprit)
        bits.append(pl.when(after == State.PRESENT.value).then(1 << modality.bit).otherwise(0).cast(pl.UInt8))
    return known.with_columns(
        state=pl.concat_list(states),
        reason=pl.concat_list(reasons),
        withheld_by=pl.concat_list(culprits),
        present=pl.sum_horizontal(bits).cast(pl.UInt8),
    )


def other_language(selection: Selection) -> pl.Expr:
    """Whether the product's language is none that the selection keeps."""
    asked = selection.language
    if asked is None:
        return pl.lit(False)
    return ~pl.col("language").is_in(list(asked.keep)).fill_null(asked.unknown)


def _culprit(modality: Modality, selection: Selection) -> pl.Expr:
    """The tag or rule that withholds a modality, null where none does."""
    if modality not in selection.modalities:
        return pl.lit(NOT_TAKEN)
    quarantined = pl.when(pl.col("quarantined").list.contains(modality.value)).then(pl.lit(QUARANTINE))
    tag = pl.col(f"tags_{modality}").list.set_intersection(list(selection.withhold)).list.sort().list.first()
    found = [quarantined, tag]
    if modality is Modality.TEXT and selection.language is not None and selection.language.withhold:
        found.append(pl.when(other_language(selection)).then(pl.lit(LANGUAGE)))
    return pl.coalesce(found)
