"""The stage `cut`: a declarative selection of products, and of each product's modalities, for training.

A cut is a YAML file. It can withhold one noisy modality and keep the product; a product is left out only when a rule
says so, and every product left out is kept in `losses` with the first rule that did it.

Rounds: `judge` (a unit per partition: every rule that looks at one product) → `choose` (one unit: which product of a
cluster stays, among those that every other rule lets through) → `select` (a unit per partition) → `seal`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from m5tools import atomic, documents
from m5tools.dataset import Dataset, part_name
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work
from m5tools.vocabulary import MODALITIES, Modality, Reason, Relation, Split, State
from m5tools.wording import category_key


class Selection(BaseModel):
    """What a cut file says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cut: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="the cut's name")
    about: str = ""
    policy: str = Field("default", description="whose tags and states it reads")
    modalities: tuple[Modality, ...] = Field(MODALITIES, description="modalities that may go into training at all")
    require: tuple[Modality, ...] = Field(
        (), description="a product without one of these (after withholding) is left out"
    )
    at_least: int = Field(1, ge=1, le=5, description="modalities a product must have after withholding")
    withhold: tuple[str, ...] = Field((), description="tags that withhold the modality they judge")
    leave_out: tuple[str, ...] = Field((), description="tags that leave the whole product out")
    one_per: tuple[Relation, ...] = Field(
        (), description="in train, keep one product of each cluster of these relations"
    )
    splits: tuple[Split, ...] = Field(tuple(Split), description="splits that go in")


def load(name: str) -> Selection:
    """A shipped cut by name, or a cut file by path.

    Raises:
        UsageError: there is none, or it is not valid.
    """
    return documents.load(documents.locate("cut", "pipelines/cuts", name), Selection)


class CutConfig(StageConfig):
    """Which selection is made."""

    cut: str = Field("default", description="a shipped cut's name, or the path of a cut file")


@dataclass(frozen=True)
class Cut(Stage):
    """See the module."""

    name: ClassVar[str] = "cut"
    version: ClassVar[int] = 2
    writes: ClassVar[tuple[str, ...]] = ("cut_products", "cut_losses")

    config: CutConfig

    @cached_property
    def selection(self) -> Selection:
        return load(self.config.cut)

    @property
    def choices(self) -> dict[str, str]:
        return {"cut": self.selection.cut}

    def inputs(self) -> tuple[Input, ...]:
        policy = {"policy": self.selection.policy}
        return (
            Input("products"),
            Input("corpus_categories"),
            Input("modalities", policy),
            Input("clusters"),
            Input("splits"),
        )

    def outside(self) -> Any:
        return self.selection.model_dump(mode="json")

    def rounds(self) -> tuple[str, ...]:
        return ("judge", "choose", "select", "seal")

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        if round_name in ("choose", "seal"):
            return [Unit("all")]
        return [Unit(part_name(i), {"partition": i}) for i in range(dataset.partitions)]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        match round_name:
            case "judge":
                return self._judge(unit.args["partition"], work)
            case "choose":
                return self._choose(work)
            case "select":
                return self._select(unit.args["partition"], work)
            case _:
                return self._seal(work)

    def _judge(self, partition: int, work: Work) -> Counts:
        everyone = masks(_facts(work.dataset, partition, self.selection), self.selection)
        judged = everyone.select(*_KEPT, rule=lost_to(self.selection)).sort("product_id")
        with atomic.whole_file(_judged(work, partition)) as temporary:
            judged.write_parquet(temporary)
        return {}

    def _choose(self, work: Work) -> Counts:
        parts = [_judged(work, i) for i in range(work.dataset.partitions)]
        judged = pl.scan_parquet(parts, glob=False).select("product_id", "split", "rule").collect()
        with atomic.whole_file(work.scratch / _SPARE) as temporary:
            spare(work.dataset.read("clusters"), judged, self.selection.one_per).write_parquet(temporary)
        return {}

    def _select(self, partition: int, work: Work) -> Counts:
        another = pl.format("another of its {} cluster is kept", "spare_of")
        judged = (
            pl.read_parquet(_judged(work, partition))
            .join(pl.read_parquet(work.scratch / _SPARE), on="product_id", how="left")
            .with_columns(rule=pl.coalesce("rule", pl.when(pl.col("spare_of").is_not_null()).then(another)))
            .sort("product_id")
        )
        kept = judged.filter(pl.col("rule").is_null()).select(_KEPT)
        lost = judged.filter(pl.col("rule").is_not_null()).select("product_id", "rule", "band")
        work.write("cut_products", partition, kept, **self.choices)
        work.write("cut_losses", partition, lost, **self.choices)
        withheld = int(kept["withheld_by"].list.eval(pl.element() != "").list.sum().sum() or 0)
        return {"products": kept.height, "left_out": lost.height, "withheld_modalities": withheld}

    def _seal(self, work: Work) -> Counts:
        """Write down the selection and the fingerprint of what it selected, beside the tables."""
        selected = work.dataset.scan("cut_products", partition=None, **self.choices)
        rows = selected.select("product_id", "split", "present").sort("product_id").collect()
        digest = hashlib.sha256(rows.write_csv().encode()).hexdigest()[:32]
        body = {"selection": self.selection.model_dump(mode="json"), "fingerprint": digest, "products": rows.height}
        path = work.dataset.folder("cut_products", **self.choices).parent / "cut.json"
        atomic.write_json(path, body)
        work.wrote(path)
        return {}


_SPARE = "spare.parquet"
_KEPT = ("product_id", "split", "category", "band", "cluster", "present", "state", "reason", "withheld_by")


def _judged(work: Work, partition: int) -> Path:
    return work.scratch / "judged" / f"{part_name(partition)}.parquet"


def spare(clusters: pl.DataFrame, judged: pl.DataFrame, one_per: tuple[Relation, ...]) -> pl.DataFrame:
    """Products in train whose cluster keeps another: the survivor, or where a rule took it the smallest id.

    Relations are taken from the narrowest on, each among what the one before kept, so that nested clusters do not
    strike out one another's choice.

    Args:
        clusters: rows of `clusters`.
        judged: `product_id`, `split`, `rule` (null for those that stay so far).
        one_per: relations of which one product a cluster stays.

    Returns:
        `product_id`, `spare_of` (the relation), sorted.
    """
    train = pl.col("split") == Split.TRAIN.value
    left = judged.filter(pl.col("rule").is_null()).select("product_id", train=train)
    found = [pl.DataFrame(schema={"product_id": pl.String, "spare_of": pl.String})]
    for relation in Relation:
        if relation not in one_per:
            continue
        mine = clusters.filter(pl.col("relation") == relation.value).join(left, on="product_id")
        ranked = mine.sort("cluster_id", "is_survivor", "product_id", descending=[False, True, False])
        behind = pl.col("product_id") != pl.col("product_id").first().over("cluster_id")
        others = ranked.filter(behind & pl.col("train"))
        found.append(others.select("product_id", spare_of=pl.lit(relation.value)))
        left = left.join(others, on="product_id", how="anti")
    return pl.concat(found).sort("product_id")


def _facts(dataset: Dataset, partition: int, selection: Selection) -> pl.DataFrame:
    """One row a product: split, category, band, cluster, and per modality state, reason and tags."""
    products = dataset.scan("products", partition=partition).select(
        "product_id", category=category_key(pl.col("category"))
    )
    clusters = dataset.scan("clusters", partition=partition)
    same = clusters.filter(pl.col("relation") == Relation.SAME_PRODUCT.value).select("product_id", cluster="cluster_id")
    frame = (
        products.join(dataset.scan("splits", partition=partition), on="product_id", how="left")
        .join(dataset.scan("corpus_categories").select("category", "band"), on="category", how="left")
        .join(same, on="product_id", how="left")
    )
    states = dataset.scan("modalities", partition=partition, policy=selection.policy)
    for modality in MODALITIES:
        mine = states.filter(pl.col("modality") == modality.value).select(
            "product_id",
            pl.col("state").alias(f"state_{modality.value}"),
            pl.col("reason").alias(f"reason_{modality.value}"),
            pl.col("tags").alias(f"tags_{modality.value}"),
        )
        frame = frame.join(mine, on="product_id", how="left")
    return frame.collect()


def masks(facts: pl.DataFrame, selection: Selection) -> pl.DataFrame:
    """Withhold what the selection withholds: adds `state`, `reason`, `withheld_by` (five entries each), `present`."""
    states: list[pl.Expr] = []
    reasons: list[pl.Expr] = []
    culprits: list[pl.Expr] = []
    bits: list[pl.Expr] = []
    for modality in MODALITIES:
        tags, state = pl.col(f"tags_{modality.value}"), pl.col(f"state_{modality.value}")
        banned = tags.list.set_intersection(list(selection.withhold)).list.sort().list.first()
        if modality not in selection.modalities:
            banned = pl.lit("modalities")
        culprit = pl.when(state == State.PRESENT.value).then(banned).otherwise(None).fill_null("")
        withheld = culprit != ""
        after = pl.when(withheld).then(State.WITHHELD.value).otherwise(state).cast(pl.UInt8)
        states.append(after)
        reasons.append(pl.when(withheld).then(Reason.POLICY.value).otherwise(f"reason_{modality.value}").cast(pl.UInt8))
        culprits.append(culprit)
        bits.append(pl.when(after == State.PRESENT.value).then(1 << modality.bit).otherwise(0).cast(pl.UInt8))
    return facts.with_columns(
        state=pl.concat_list(states),
        reason=pl.concat_list(reasons),
        withheld_by=pl.concat_list(culprits),
        present=pl.sum_horizontal(bits).cast(pl.UInt8),
    )


def lost_to(selection: Selection) -> pl.Expr:
    """The first rule about the product itself that leaves it out, null for those that stay."""
    tags = pl.concat_list([pl.col(f"tags_{m.value}") for m in MODALITIES])
    rules: list[tuple[pl.Expr, pl.Expr]] = [
        (~pl.col("split").is_in([s.value for s in selection.splits]), pl.lit("split")),
    ]
    for tag in selection.leave_out:
        rules.append((tags.list.contains(tag), pl.lit(f"tag {tag}")))
    for modality in selection.require:
        missing = (pl.col("present") & (1 << modality.bit)) == 0
        withheld = pl.col("withheld_by").list.get(modality.bit)
        word = (
            pl.when(withheld != "").then(f"no {modality.value}: " + withheld).otherwise(pl.lit(f"no {modality.value}"))
        )
        rules.append((missing, word))
    few = pl.col("present").bitwise_count_ones() < selection.at_least
    rules.append((few, pl.lit(f"fewer than {selection.at_least} modalities")))
    result = pl.lit(None, pl.String)
    for condition, word in reversed(rules):
        result = pl.when(condition).then(word).otherwise(result)
    return result
