"""How well curation did on a simulated crawl: what was found against what the simulator planted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from m5tools.dataset import Dataset
from m5tools.vocabulary import MODALITIES, Reason, RejectReason, Relation, Split, State


@dataclass(frozen=True)
class Score:
    """Found against planted.

    Attributes:
        name: what was looked for.
        planted, found, right: how many there are, were found, and both.
    """

    name: str
    planted: int
    found: int
    right: int

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else float("nan")

    @property
    def recall(self) -> float:
        return self.right / self.planted if self.planted else float("nan")


def other_sellers(dataset: Dataset, truth_file: Path) -> dict[str, int]:
    """Product id → number of the real product, one listing an offer: what finding a product at other sellers means.

    A real product of which an offer stands in the training split is left out: a model has seen it.
    """
    truth = pl.read_parquet(truth_file, glob=False).filter(pl.col("outcome") == "product")
    ids = dataset.read("products", columns=("product_id", "native_id"))
    offers = truth.join(ids, on="native_id", how="inner")
    trained = dataset.scan("splits").filter(pl.col("split") == Split.TRAIN.value).select("product_id").collect()
    seen = offers.join(trained, on="product_id", how="semi").select("instance").unique()
    unseen = offers.join(seen, on="instance", how="anti").sort("product_id").unique("offer", keep="first")
    return dict(unseen.select("product_id", "instance").iter_rows())


def compare(dataset: Dataset, truth_file: Path, policy: str = "default") -> dict[str, list[Score]]:
    """Scores by group: `rows`, `rejects`, `states`, `tags`, `duplicates`.

    Args:
        dataset: a dataset curated up to `dedup` from one simulated crawl.
        truth_file: the crawl's `truth.parquet`, beside the folder of the delivery.
        policy: whose tags and states are judged.
    """
    truth = pl.read_parquet(truth_file, glob=False)
    planted = planted_products(dataset, truth_file)
    return {
        "rows": _rows(dataset, truth),
        "rejects": _rejects(dataset, truth, truth_file.parent / "crawl"),
        "states": states(dataset, planted, policy),
        "tags": tags(dataset, planted, policy),
        "duplicates": duplicates(dataset, planted),
    }


def planted_products(dataset: Dataset, truth_file: Path) -> pl.DataFrame:
    """The rows of the truth that are products of the dataset, with their `product_id`."""
    truth = pl.read_parquet(truth_file, glob=False)
    ids = dataset.read("products", columns=("product_id", "native_id"))
    return truth.filter(pl.col("outcome") == "product").join(ids, on="native_id", how="inner")


def _rows(dataset: Dataset, truth: pl.DataFrame) -> list[Score]:
    products = dataset.scan("products").select(pl.len()).collect().item()
    planted = truth.filter(pl.col("outcome") == "product")
    ids = dataset.read("products", columns=("native_id",))
    right = planted.join(ids, on="native_id", how="semi").height
    return [Score("products", planted.height, products, right)]


def _rejects(dataset: Dataset, truth: pl.DataFrame, crawl: Path) -> list[Score]:
    """Per reason: rows. Of rows that repeat an id any may stand as the product, so they are counted by their id."""
    rejects = dataset.read("rejects", columns=("file", "offset", "reason"))
    place = pl.col("row") - pl.col("row").min().over("file")
    truth = truth.with_columns(line=place)
    found = pl.concat([_lines(crawl / name, part) for (name,), part in rejects.group_by("file", maintain_order=True)])
    found = found.join(truth.select("file", "line", "native_id"), on=["file", "line"], how="left")
    planted = truth.filter(pl.col("outcome") == "reject").rename({"reject_reason": "reason"})
    repeat = pl.col("reason") == RejectReason.REPEATED_ID.value
    key = pl.when(repeat).then("native_id").otherwise(pl.concat_str("file", "line", separator=":"))
    counts = [rows.group_by("reason", key.alias("key")).len() for rows in (planted, found)]
    both = counts[0].join(counts[1], on=["reason", "key"], how="inner")
    right = dict(both.group_by("reason").agg(pl.min_horizontal("len", "len_right").sum()).iter_rows())
    numbers: list[dict[str, int]] = [dict(c.group_by("reason").agg(pl.col("len").sum()).iter_rows()) for c in counts]
    reasons = sorted(numbers[0].keys() | numbers[1].keys())
    return [Score(reason, *(count.get(reason, 0) for count in (*numbers, right))) for reason in reasons]


def _lines(file: Path, rejects: pl.DataFrame) -> pl.DataFrame:
    """Rejects of one file with the number of their line, from 0."""
    ends = np.flatnonzero(np.frombuffer(file.read_bytes(), np.uint8) == ord("\n"))
    return rejects.with_columns(line=pl.Series(np.searchsorted(ends, rejects["offset"].to_numpy()), dtype=pl.Int64))


def states(dataset: Dataset, planted: pl.DataFrame, policy: str) -> list[Score]:
    """Per modality: products whose state and reason are both right."""
    found = dataset.scan("modalities", policy=policy).select("product_id", "modality", "state", "reason").collect()
    scores = []
    for modality in MODALITIES:
        name = modality.value
        mine = found.filter(pl.col("modality") == name)
        both = planted.join(mine, on="product_id", how="inner")
        same = (pl.col("state") == pl.col(f"state_{name}")) & (pl.col("reason") == pl.col(f"reason_{name}"))
        scores.append(Score(name, planted.height, mine.height, both.filter(same).height))
    return scores


def tags(dataset: Dataset, planted: pl.DataFrame, policy: str) -> list[Score]:
    """Per tag: products. A media tag counts where every usable file carries it, as the simulator plants them."""
    expected = planted.select("product_id", tag="tags").explode("tag").drop_nulls()
    states = dataset.scan("modalities", policy=policy).select("product_id", tag="tags").explode("tag").drop_nulls()
    found = states.unique().collect()
    right = expected.join(found, on=["product_id", "tag"], how="semi")
    counts: list[dict[str, Any]] = [dict(f.group_by("tag").len().iter_rows()) for f in (expected, found, right)]
    return [Score(tag, *(c.get(tag, 0) for c in counts)) for tag in sorted(counts[0].keys() | counts[1].keys())]


def wrong_states(dataset: Dataset, planted: pl.DataFrame, policy: str = "default") -> pl.DataFrame:
    """Kinds of products whose state or reason is not the planted one.

    Returns:
        `modality`, `planted_state`, `planted_reason`, `found_state`, `found_reason` (words; found null where there is
        no row), `products`, `example` (smallest product id); the most frequent first.
    """
    found = dataset.scan("modalities", policy=policy).select("product_id", "modality", "state", "reason").collect()
    kinds = []
    for modality in MODALITIES:
        expected = planted.select(
            "product_id",
            planted_state=pl.col(f"state_{modality}").cast(pl.UInt8),
            planted_reason=pl.col(f"reason_{modality}").cast(pl.UInt8),
        )
        mine = found.filter(pl.col("modality") == modality.value).rename(
            {"state": "found_state", "reason": "found_reason"}
        )
        both = expected.join(mine, on="product_id", how="left").with_columns(modality=pl.lit(modality.value))
        same = pl.col("planted_state").eq_missing(pl.col("found_state")) & pl.col("planted_reason").eq_missing(
            pl.col("found_reason")
        )
        kinds.append(both.filter(~same))
    key = ["modality", "planted_state", "planted_reason", "found_state", "found_reason"]
    counted = pl.concat(kinds).group_by(key).agg(products=pl.len(), example=pl.col("product_id").min())
    words: dict[str, dict[int, str]] = {
        "state": {s.value: s.word for s in State}, "reason": {r.value: r.word for r in Reason}
    }  # fmt: skip
    told = [pl.col(c).replace_strict(words[c.partition("_")[2]], return_dtype=pl.String) for c in key[1:]]
    return counted.with_columns(told).sort(["products", *key], descending=[True, *(False for _ in key)])


def wrong_tags(dataset: Dataset, planted: pl.DataFrame, policy: str = "default") -> pl.DataFrame:
    """Products that lack a planted tag or have one that was not planted.

    Returns:
        `tag`, `wrong` ("missed" or "false"), `product_id`, `oddities` (what else was planted); sorted.
    """
    expected = planted.select("product_id", tag="tags").explode("tag").drop_nulls()
    whole = dataset.scan("modalities", policy=policy).select("product_id", tag="tags").explode("tag").drop_nulls()
    found = whole.unique().collect().join(planted, on="product_id", how="semi")
    key = ["product_id", "tag"]
    missed = expected.join(found, on=key, how="anti").with_columns(wrong=pl.lit("missed"))
    false = found.join(expected, on=key, how="anti").with_columns(wrong=pl.lit("false"))
    both = pl.concat([missed, false]).join(planted.select("product_id", "oddities"), on="product_id")
    return both.select("tag", "wrong", "product_id", "oddities").sort("tag", "wrong", "product_id")


def relation_pairs(dataset: Dataset, planted: pl.DataFrame) -> dict[Relation, tuple[pl.DataFrame, pl.DataFrame]]:
    """Per relation the planted pairs and the found ones (columns a < b, product ids).

    Re-listed offers are also the same product; variants are pairs that are not.
    """
    offers, instances = _pairs(planted, "offer"), _pairs(planted, "instance")
    variants = _pairs(planted.filter(pl.col("variant_group") >= 0), "variant_group")
    clusters = dataset.read("clusters")
    found = {
        relation: _pairs(clusters.filter(pl.col("relation") == relation.value), "cluster_id") for relation in Relation
    }
    products = pl.concat([found[Relation.SAME_OFFER], found[Relation.SAME_PRODUCT]]).unique()
    key = ["a", "b"]
    return {
        Relation.SAME_OFFER: (offers, found[Relation.SAME_OFFER]),
        Relation.SAME_PRODUCT: (instances, products),
        Relation.VARIANT: (
            variants.join(instances, on=key, how="anti"),
            found[Relation.VARIANT].join(products, on=key, how="anti"),
        ),
    }


def duplicates(dataset: Dataset, planted: pl.DataFrame) -> list[Score]:
    """Per relation: pairs, see :func:`relation_pairs`."""
    pairs = relation_pairs(dataset, planted)
    return [_score(relation.value, *pairs[relation]) for relation in Relation]


def _score(name: str, planted: pl.DataFrame, found: pl.DataFrame) -> Score:
    return Score(name, planted.height, found.height, planted.join(found, on=["a", "b"], how="semi").height)


def _pairs(rows: pl.DataFrame, group: str) -> pl.DataFrame:
    """Every pair of products of one group, the smaller id first."""
    mine = rows.select("product_id", group)
    both = mine.join(mine, on=group, suffix="_b").filter(pl.col("product_id") < pl.col("product_id_b"))
    return both.select(a="product_id", b="product_id_b").unique()
