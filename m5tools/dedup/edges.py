"""Decided pairs as edges: one row for each kind of evidence that speaks in a pair, with its figure, in words."""

from __future__ import annotations

import polars as pl

from m5tools.vocabulary import Relation


def evidence(related: pl.DataFrame) -> pl.DataFrame:
    """The rows of the table `edges`.

    Args:
        related: pairs as :func:`m5tools.dedup.decide.decided` gives them, each with a relation.

    Returns:
        One row a pair and kind of evidence: product_a, product_b, relation, evidence, score (0–1), detail; sorted by
        product ids and evidence.
    """
    differs = (
        pl.when(pl.col("difference") != "").then(pl.lit("; differs in ") + pl.col("difference")).otherwise(pl.lit(""))
    )
    whole = pl.col("relation") == Relation.SAME_OFFER
    kinds = {
        "content": (whole, pl.lit(1.0), pl.lit("title, description, table and media are equal")),
        "group": (pl.col("same_group"), pl.lit(1.0), pl.lit("same item group")),
        "identifier": (
            pl.col("same_gtin") | pl.col("same_part") | pl.col("same_url"),
            pl.when("same_gtin").then(1.0).otherwise(0.95),
            pl.col("identifier"),
        ),
        "text": (
            pl.col("title_score") > 0,
            pl.col("title_score"),
            pl.format("titles {} alike without colour and measures", pl.col("title_score").round(2)),
        ),
        "wording": (
            pl.col("worded") & ~pl.col("proven"),
            pl.col("likeness"),
            pl.format("wording {} alike", pl.col("likeness").round(2))
            + pl.format(" (words {}, letters {}", pl.col("word_score").round(2), pl.col("letter_score").round(2))
            + pl.when("shares_code").then(pl.lit(", a model code)")).otherwise(pl.lit(")")),
        ),
        "embedding": (
            pl.col("embedding_score").is_not_null(),
            pl.col("embedding_score"),
            pl.format("vectors {} alike", pl.col("embedding_score").round(2)),
        ),
        "agreement": (
            pl.col("likely"),
            pl.col("product_chance"),
            pl.format("{} likely, as pairs with identifiers teach", pl.col("product_chance").round(2)),
        ),
        "table": (
            (pl.col("shared") + pl.col("options_agreeing") + pl.col("options_differ")) > 0,
            pl.col("agreement").fill_null(0),
            pl.format("{} of {} shared attributes agree", "agreeing", "shared") + differs,
        ),
        "image": (
            (pl.col("pictures") + pl.col("recoloured")) > 0,
            pl.col("pictures") + pl.col("recoloured"),
            pl.format("{} of the pictures alike", pl.col("pictures").round(2))
            + pl.format("; {} in another colour", pl.col("recoloured").round(2))
            + pl.when(pl.col("grey") > 0).then(pl.lit("; made grey on one side")).otherwise(pl.lit("")),
        ),
        "video": (pl.col("clip") > 0, pl.col("clip"), pl.format("{} of a clip alike", pl.col("clip").round(2))),
        "audio": (pl.col("sound") > 0, pl.col("sound"), pl.format("{} of a sound alike", pl.col("sound").round(2))),
    }
    rows = (
        related.filter(holds).select(
            "product_a",
            "product_b",
            "relation",
            evidence=pl.lit(kind),
            score=score.cast(pl.Float32).fill_null(0).clip(0, 1),
            detail=detail,
        )
        for kind, (holds, score, detail) in kinds.items()
    )
    return pl.concat(rows).sort("product_a", "product_b", "evidence")
