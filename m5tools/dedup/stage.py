"""The stage `dedup`: comparisons decided pair by pair, and resolved into clusters.

It reads no text and no signal, only what `compare` laid side by side, so other thresholds and weights cost seconds.

Rounds: `ground` (one unit: which generation to go on from, :mod:`m5tools.generations`; the products, numbered) →
`judge` (a unit per partition: what the rules make of each pair) → `rivals` (one unit: which of several alike products
is the one) → `teach` (one unit: what the pairs that identifiers decide tell of the others) → `decide` (a unit per
partition: edges) → `clusters` (one unit).
"""

from __future__ import annotations

import json
import math
import shlex
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, Final

import polars as pl
from pydantic import Field

from m5tools import atomic
from m5tools.dataset import Dataset, Manifest, part_name, partition_of
from m5tools.dedup.append import attach, unfollowed
from m5tools.dedup.clusters import resolve
from m5tools.dedup.compare import Compare, comparisons_of
from m5tools.dedup.decide import QUESTIONS, apart, decided, judged
from m5tools.dedup.edges import evidence
from m5tools.dedup.numbers import Numbers
from m5tools.dedup.policy import DuplicatePolicy, load_policy
from m5tools.dedup.products import listing_once, origins
from m5tools.dedup.rivals import chosen
from m5tools.dedup.taught import COLUMNS, Taught, teach
from m5tools.errors import StaleError
from m5tools.generations import Generations
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work
from m5tools.vocabulary import Relation

_GROUND: Final = "ground.json"
_PRODUCTS: Final = "products"
_JUDGED: Final = "judged"
_CHOSEN: Final = "chosen"
_EDGES: Final = "edges"
_APART: Final = "apart"
_PAIR: Final = ("product_a", "product_b")

LESSONS: Final = "taught.json"
"""Beside the clusters of a generation: what decided pairs taught of the `QUESTIONS`."""

WANTED: Final = "wanted.json"
"""Beside the edges of a generation: the likeness from which wordings were taken for one product."""

RIVALRY: Final = ("source_a", "source_b", "likeness", "once", "once_b", "shares_code", "proven")
CONTENDS: Final = pl.col("open") | (pl.col("once") & pl.col("once_b") & pl.col("proven"))
"""Pairs among which wording, or an identifier where a product has one partner, chooses."""


class DedupConfig(StageConfig):
    """How duplicates are told."""

    policy: str = Field("duplicates", description="name of a shipped policy, or path of a YAML file")


@dataclass(frozen=True)
class Dedup(Stage):
    """Decides which products are the same offer, the same product, or variants, and writes the evidence."""

    name: ClassVar[str] = "dedup"
    version: ClassVar[int] = 9
    writes: ClassVar[tuple[str, ...]] = ("edges", "clusters", "bridges")

    config: DedupConfig

    @cached_property
    def policy(self) -> DuplicatePolicy:
        return load_policy(self.config.policy)

    def inputs(self) -> tuple[Input, ...]:
        return Input("comparisons"), Input("compared")

    def rounds(self) -> tuple[str, ...]:
        return ("ground", "judge", "rivals", "teach", "decide", "clusters")

    def outside(self) -> Any:
        return self.policy.model_dump(mode="json")

    def noted(self, manifest: Manifest) -> Any:
        return listing_once(manifest)

    def examine(self, dataset: Dataset) -> None:
        if not comparisons_of(dataset, self.policy.comparing).made():
            settings = ["--set", f"policy={self.config.policy}"]
            command = shlex.join(["m5", Compare.name, "--dataset", str(dataset.root), *settings])
            raise StaleError(
                f"'{self.name}' reads comparisons that were made otherwise than policy '{self.config.policy}' asks; "
                f"run: {command}"
            )

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        if round_name in ("judge", "decide"):
            return [Unit(part_name(i), {"partition": i}) for i in range(dataset.partitions)]
        return [Unit("all")]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        match round_name:
            case "ground":
                return self._begin(work)
            case "judge":
                return self._judge(work, unit.args["partition"])
            case "rivals":
                return self._choose(work)
            case "teach":
                return self._teach(work)
            case "decide":
                return self._decide(work, unit.args["partition"])
            case _:
                return self._cluster(work)

    def _begin(self, work: Work) -> Counts:
        grown = self._grown(work.dataset, "clusters")
        base = None if work.terms.refresh else grown.base()
        products = work.dataset.read("compared").sort("product_id").with_row_index("row")
        known = pl.concat(grown.known(base, i) for i in range(work.dataset.partitions))
        products = products.with_columns(
            is_new=~pl.col("product_id").is_in(known.implode()),
            once=pl.col("source").is_in(listing_once(work.dataset.manifest())),
        )
        _write(work, _PRODUCTS, products)
        atomic.write_json(work.scratch / _GROUND, {"base": base})
        return {}

    def _judge(self, work: Work, partition: int) -> Counts:
        base = _base(work)
        grown = comparisons_of(work.dataset, self.policy.comparing)
        compared = pl.concat(pl.read_parquet(file) for file in grown.parts_since(base, partition))
        if base is not None:
            # Comparisons may be of fewer generations than clusters: where all was compared anew, say.
            new = _products(work).filter("is_new").select("product_id").collect()["product_id"].implode()
            compared = compared.filter(pl.any_horizontal(pl.col(_PAIR).is_in(new)))
        told = judged(compared, listing_once(work.dataset.manifest()), self.policy)
        _write(work, f"{_JUDGED}/{part_name(partition)}", told)
        return {}

    def _choose(self, work: Work) -> Counts:
        numbers, parts = Numbers(_products(work).select("product_id").collect()["product_id"]), []
        for part in sorted((work.scratch / _JUDGED).glob("[!.]*.parquet")):
            told = pl.scan_parquet(part).filter(CONTENDS).select(*_PAIR, *RIVALRY).collect()
            ends = (numbers.of(told[side]).alias(name) for side, name in zip(_PAIR, "ab", strict=True))
            told = with_origins(told.with_columns(ends), work.dataset.manifest())
            parts.append(told.drop(*_PAIR, "source_a", "source_b"))
        pool = pl.concat(parts).sort("a", "b")
        found = chosen(pool, self.policy.wording)
        taken = pool.filter(found.taken).select(product_a="a", product_b="b")
        _write(work, _CHOSEN, taken.select(numbers.ids(taken[side]) for side in _PAIR))
        # What `m5 show` tells of pairs that were not taken.
        told_from = {kind: None if math.isinf(likeness) else likeness for kind, likeness in found.wanted.items()}
        grown = self._grown(work.dataset, "edges")
        work.write_note(grown.beside(grown.latest, WANTED), told_from)
        return {}

    def _teach(self, work: Work) -> Counts:
        """What decided pairs teach; where clusters go on from older ones, what these were decided by."""
        base, grown = _base(work), self._grown(work.dataset, "clusters")
        counts: Counts = {}
        if base is not None:
            lessons = json.loads(grown.beside(base, LESSONS).read_text(encoding="utf-8"))
        else:
            told, lessons = _judged(work), {}
            for name, question in QUESTIONS.items():
                known = told.filter(question.asked, question.decided.is_not_null())
                every = 1 + known.select(pl.len()).collect().item() // self.policy.taught.most
                pairs = known.select(*COLUMNS, decided=question.decided).gather_every(every).collect()
                counts[f"taught_{name}"] = pairs.height
                if lesson := teach(pairs, question.kinds, self.policy.taught):
                    lessons[name] = asdict(lesson)
        work.write_note(grown.beside(grown.latest, LESSONS), lessons)
        return counts

    def _decide(self, work: Work, partition: int) -> Counts:
        told, taken = (
            pl.read_parquet(work.scratch / f"{name}.parquet") for name in (f"{_JUDGED}/{part_name(partition)}", _CHOSEN)
        )
        grown = self._grown(work.dataset, "clusters")
        told = decided(told, taken, taught(grown, grown.latest), self.policy.taught)
        edges = evidence(told.drop_nulls("relation"))
        _write(
            work,
            f"{_APART}/{part_name(partition)}",
            apart(told, self.policy.taught),
        )
        work.write("edges", grown.of("edges").part(partition), edges)
        _write(work, f"{_EDGES}/{part_name(partition)}", edges.select(*_PAIR, "relation", "score"))
        related = edges.unique(_PAIR)["relation"]
        return {f"{r.value}_edges": int((related == r.value).sum()) for r in Relation}

    def _cluster(self, work: Work) -> Counts:
        found = pl.scan_parquet(sorted((work.scratch / _EDGES).glob("[!.]*.parquet")), glob=False)
        edges = (
            _numbered(found, work)
            .select(pl.col("a").alias("row_a"), pl.col("b").alias("row_b"), "relation", "score")
            .collect()
        )
        products = _products(work).collect()
        grown = {table: self._grown(work.dataset, table) for table in self.writes}
        base = _base(work)
        if base is None:
            clusters = resolve(edges, products, self._apart(work, edges))
            bridges = unfollowed(edges, clusters, products)
        else:
            old = grown["clusters"].read(base)
            clusters, bridges = attach(edges, products, old, self._apart(work, edges))
        for table, rows in (("clusters", clusters), ("bridges", bridges)):
            home = rows.select(partition_of(pl.col("product_id"), work.dataset.partitions)).to_series()
            for i in range(work.dataset.partitions):
                work.write(table, grown[table].part(i), rows.filter(home == i))
        work.write_note(*grown["clusters"].note())
        for file in (file for table in self.writes for file in grown[table].files(base)):
            work.keeps(work.dataset.output(file))
        counted = clusters.unique(["relation", "cluster_id"])["relation"]
        counts = {f"{r.value}_clusters": int((counted == r.value).sum()) for r in Relation}
        return {**counts, "bridges": bridges.height}

    def _apart(self, work: Work, edges: pl.DataFrame) -> pl.DataFrame:
        """Of the pairs that are apart those that a chain could join."""
        linked = pl.concat([edges["row_a"], edges["row_b"]]).unique().implode()
        found = pl.scan_parquet(sorted((work.scratch / _APART).glob("[!.]*.parquet")), glob=False)
        numbered = _numbered(found, work).filter(pl.col("a").is_in(linked) & pl.col("b").is_in(linked))
        return numbered.select("relation", row_a="a", row_b="b").collect().sort("relation", "row_a", "row_b")

    def _grown(self, dataset: Dataset, table: str) -> Generations:
        return decisions_of(dataset, self.policy).of(table)


def decisions_of(dataset: Dataset, policy: DuplicatePolicy) -> Generations:
    """The clusters made under a policy, and with them edges and bridges."""
    return Generations(dataset, "clusters", [Dedup.version, Compare.version, policy.model_dump(mode="json")])


def taught(grown: Generations, generation: str) -> dict[str, Taught]:
    """What the pairs of a generation were judged by."""
    lessons = json.loads(grown.beside(generation, LESSONS).read_text(encoding="utf-8"))
    return {name: Taught(**lesson) for name, lesson in lessons.items()}


def with_origins(pairs: pl.DataFrame, manifest: Manifest) -> pl.DataFrame:
    """Adds the numbers of the sources of both sides: origin, origin_b."""
    return pairs.with_columns(
        origin=origins(pl.col("source_a"), manifest), origin_b=origins(pl.col("source_b"), manifest)
    )


def _base(work: Work) -> str | None:
    """The generation that this run goes on from, as its first unit found it."""
    base: str | None = json.loads((work.scratch / _GROUND).read_text(encoding="utf-8"))["base"]
    return base


def _write(work: Work, name: str, rows: pl.DataFrame) -> None:
    with atomic.whole_file(work.scratch / f"{name}.parquet") as temporary:
        rows.write_parquet(temporary, compression="lz4")


def _judged(work: Work) -> pl.LazyFrame:
    """All judged pairs, in the order of partitions and products."""
    return pl.scan_parquet(sorted((work.scratch / _JUDGED).glob("[!.]*.parquet")), glob=False)


def _products(work: Work) -> pl.LazyFrame:
    """All products, numbered by id."""
    return pl.scan_parquet(work.scratch / f"{_PRODUCTS}.parquet")


def _numbered(pairs: pl.LazyFrame, work: Work) -> pl.LazyFrame:
    """Adds the numbers of both products: a, b."""
    numbers = _products(work).select("product_id", "row")
    return pairs.join(numbers.rename({"row": "a"}), left_on="product_a", right_on="product_id").join(
        numbers.rename({"row": "b"}), left_on="product_b", right_on="product_id"
    )
