"""The stage `dedup`: candidates from every kind of evidence, decided pair by pair, resolved into clusters.

Rounds: `gather` (a unit per partition: keys, facts, pictures, bands) → `evidence` (a unit per kind of evidence and per
ten bands: candidate pairs) → `decide` (a unit per partition: edges) → `clusters` (one unit). Memory is that of one
band over all products, or of the candidates of one partition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import polars as pl
from pydantic import Field

from m5tools.dataset import Dataset, partition_of
from m5tools.dedup.band_join import joined, neighbours, union
from m5tools.dedup.clusters import resolve
from m5tools.dedup.decide import decide
from m5tools.dedup.identifiers import identifier_pairs
from m5tools.dedup.policy import DuplicatePolicy, load_policy
from m5tools.dedup.products import Gathered, gather
from m5tools.dedup.shown import FILES, file_pairs, in_common
from m5tools.dedup.table import table_pairs
from m5tools.dedup.text import band_keys, description_bands, equal_text_pairs, title_bands
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work
from m5tools.vocabulary import Relation

_WHOLE = {"identifiers": identifier_pairs, "equal_texts": equal_text_pairs, "tables": table_pairs}
_BANDS_AT_ONCE = 10
"""Bands that one unit joins, one after the other."""

_KEYS = (
    "row", "offerer", "title", "description", "stem", "group", "gtin", "brand", "mpn", "model", "table_key",
    "media_key", "table_pairs",
)  # fmt: skip
_CLUSTERED = (
    "row", "product_id", "source", "gtin", "group", "modalities", "table_pairs", "files", "description_chars",
)  # fmt: skip


class DedupConfig(StageConfig):
    """How duplicates are found."""

    policy: str = Field("duplicates", description="name of a shipped policy, or path of a YAML file")


@dataclass(frozen=True)
class Dedup(Stage):
    """Finds which products are the same offer, the same product, or variants, and writes the evidence."""

    name: ClassVar[str] = "dedup"
    version: ClassVar[int] = 3
    writes: ClassVar[tuple[str, ...]] = ("edges", "clusters")

    config: DedupConfig

    @cached_property
    def policy(self) -> DuplicatePolicy:
        return load_policy(self.config.policy)

    def inputs(self) -> tuple[Input, ...]:
        signals = ("signals_image", "signals_video", "signals_audio")
        tables = ("products", "attributes", "media", "fetched", *signals, "corpus_assets")
        return tuple(Input(table) for table in tables)

    def rounds(self) -> tuple[str, ...]:
        return ("gather", "evidence", "decide", "clusters")

    def outside(self) -> Any:
        return self.policy.model_dump(mode="json")

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        match round_name:
            case "evidence":
                bands = self._bands()
                runs = [bands[i : i + _BANDS_AT_ONCE] for i in range(0, len(bands), _BANDS_AT_ONCE)]
                whole = [Unit(kind, {"kind": kind}) for kind in (*_WHOLE, *FILES)]
                return whole + [Unit(f"bands-{run[0]}", {"kind": f"bands-{run[0]}", "bands": run}) for run in runs]
            case "clusters":
                return [Unit("all")]
            case _:
                return [Unit(f"part-{i:05d}", {"partition": i}) for i in range(dataset.partitions)]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        gathered = Gathered(work.scratch, work.dataset.partitions)
        match round_name:
            case "gather":
                return self._gather(work.dataset, gathered, unit.args["partition"])
            case "evidence":
                return self._evidence(gathered, **unit.args)
            case "decide":
                return self._decide(work, gathered, unit.args["partition"])
            case _:
                return self._cluster(work, gathered)

    def _gather(self, dataset: Dataset, gathered: Gathered, partition: int) -> Counts:
        policy = self.policy
        products, facts, files = gather(dataset, partition, policy)
        gathered.write("facts", partition, facts)
        for kind, rows in files.items():
            gathered.write(kind, partition, rows)
        gathered.write(
            "bands", partition, pl.concat([products.select("row"), band_keys(products, policy.text)], how="horizontal")
        )
        gathered.write("products", partition, products)
        return {"products": products.height, **{kind: rows.height for kind, rows in files.items()}}

    def _evidence(self, gathered: Gathered, kind: str, bands: Sequence[str] = ()) -> Counts:
        policy = self.policy
        if kind in FILES:
            found = file_pairs(kind, gathered.scan(kind).collect(), policy)
        elif kind in _WHOLE:
            found = _WHOLE[kind](gathered.scan("products").select(_KEYS).collect(), policy)
        else:
            keys = (gathered.scan("bands").select("row", key=band).sort("row").collect() for band in bands)
            found = joined(neighbours(keyed, policy.join.window, policy.join.cap) for keyed in keys)
        gathered.write("pairs", kind, found.pairs)
        return {"pairs_found": found.pairs.height, "hubs": found.hubs, "hub_products": found.hub_rows}

    def _decide(self, work: Work, gathered: Gathered, partition: int) -> Counts:
        first, beyond = gathered.offsets()[partition : partition + 2]
        ours = pl.col("a").is_between(first, beyond, closed="left")
        found = (pl.scan_parquet(file).filter(ours).select("a", "b").collect() for file in gathered.files("pairs"))
        pairs = union(found)
        rows = pl.concat([pairs["a"], pairs["b"]]).unique().sort().alias("row").to_frame().lazy()
        products = gathered.scan("products").join(rows, on="row", how="semi").collect().sort("row")
        facts = gathered.scan("facts").join(rows, on="row", how="semi").collect()
        pictured = in_common(gathered.scratch / "pairs", ours)
        edges = decide(pairs, products, facts, pictured, self.policy)
        gathered.write("edges", partition, edges.select("row_a", "row_b", "relation", "score"))
        work.write("edges", partition, edges.drop("row_a", "row_b"))
        related = edges.unique(["row_a", "row_b"])["relation"]
        return {"pairs": pairs.height, **{f"{r.value}_edges": int((related == r.value).sum()) for r in Relation}}

    def _cluster(self, work: Work, gathered: Gathered) -> Counts:
        edges = pl.read_parquet(gathered.files("edges"), glob=False)
        products = gathered.scan("products").select(_CLUSTERED).collect().sort("row")
        clusters = resolve(edges, products)
        home = clusters.select(partition_of(pl.col("product_id"), gathered.partitions)).to_series()
        for i in range(gathered.partitions):
            work.write("clusters", i, clusters.filter(home == i))
        counted = clusters.unique(["relation", "cluster_id"])["relation"]
        return {f"{r.value}_clusters": int((counted == r.value).sum()) for r in Relation}

    def _bands(self) -> list[str]:
        text = self.policy.text
        titles = [f"title_{i}" for i in range(title_bands(text).count)]
        return titles + [f"description_{i}" for i in range(description_bands(text).count)]
