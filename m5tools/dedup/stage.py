"""The stage `dedup`: comparisons decided pair by pair, and resolved into clusters.

It reads no text and no signal, only what `compare` laid side by side, so other thresholds and weights cost seconds.

Rounds: `ground` (one unit: which generation to go on from, :mod:`m5tools.generations`; the products, numbered) →
`judge` (a unit per partition: what the rules make of each pair) → `rivals` (one unit: which of several alike products
is the one) → `teach` (one unit: what the pairs that identifiers decide tell of the others) → `decide` (a unit per
partition: edges) → `connect` (one unit: components of edges) → `resolve` (units of several blocks of components each) →
`clusters` (one unit: back into partitions).
"""

from __future__ import annotations

import math
import shlex
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final

import polars as pl
from pydantic import Field

from m5tools import notes
from m5tools.dataset import Dataset
from m5tools.dedup import resolved
from m5tools.dedup.clusters import strength_of
from m5tools.dedup.compare import Compare, comparisons_of
from m5tools.dedup.decide import QUESTIONS, apart, decided
from m5tools.dedup.edges import evidence
from m5tools.dedup.left import Left
from m5tools.dedup.places import Places, placed
from m5tools.dedup.policy import DuplicatePolicy, load_policy
from m5tools.dedup.products import listing_once, of_many_sellers, origins
from m5tools.dedup.rivals import chosen
from m5tools.dedup.rules import judged
from m5tools.dedup.taught import Taught, examples, teach
from m5tools.errors import StaleError
from m5tools.generations import Generations
from m5tools.manifest import Manifest
from m5tools.partitions import part_name
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work
from m5tools.vocabulary import Relation

_JUDGED: Final = "judged"
_RIVALS: Final = "rivals"
_PLACED: Final = "placed"
_CHOSEN: Final = "chosen"
_FIGURES: Final = "figures"
_EDGES: Final = "edges"
_APART: Final = "apart"
_RUNS: Final = 16
"""Units that resolve blocks, at most."""
_PAIR: Final = ("product_a", "product_b")
"""By number in here: ids are found when comparisons are read, and given back when edges are written."""
_ENDS: Final = tuple(pl.col(side).alias(side[-1]) for side in _PAIR)
_ROWS: Final = tuple(pl.col(side).alias(f"row_{side[-1]}") for side in _PAIR)
_SOURCES: Final = ("source_a", "source_b")

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
    version: ClassVar[int] = 13
    writes: ClassVar[tuple[str, ...]] = ("edges", "clusters", "bridges", "rivals")
    grows: ClassVar[bool] = True
    documents: ClassVar[dict[str, tuple[str, ...]]] = {"policy": ()}

    config: DedupConfig

    @cached_property
    def policy(self) -> DuplicatePolicy:
        return load_policy(self.config.policy)

    def inputs(self) -> tuple[Input, ...]:
        return Input("comparisons"), Input("compared")

    def rounds(self) -> tuple[str, ...]:
        return ("ground", "judge", "rivals", "teach", "decide", "connect", "resolve", "clusters")

    def outside(self) -> Any:
        return self.policy.model_dump(mode="json")

    def noted(self, manifest: Manifest) -> Any:
        once, many = listing_once(manifest), of_many_sellers(manifest)
        # As in `decisions_of`.
        return [once, many] if many else once

    def examine(self, dataset: Dataset) -> None:
        if not comparisons_of(dataset, self.policy.comparing).made():
            settings = ["--set", f"policy={self.config.policy}"]
            command = shlex.join(["m5", Compare.name, "--dataset", dataset.place, *settings])
            raise StaleError(
                f"'{self.name}' reads comparisons that were made otherwise than policy '{self.config.policy}' asks; "
                f"run: {command}"
            )

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        if round_name in ("judge", "decide"):
            return [Unit(part_name(i), {"partition": i}) for i in range(dataset.partitions)]
        if round_name == "resolve":
            of = min(dataset.partitions, _RUNS)
            return [Unit(f"blocks-{i:05d}", {"nth": i, "of": of}) for i in range(of)]
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
            case "connect":
                left = _left(work)
                resolved.connect(left, left.parts(_EDGES), left.parts(_APART), self._grown(work.dataset, "clusters"))
                return {}
            case "resolve":
                resolved.resolve(_left(work), **unit.args)
                return {}
            case _:
                return self._cluster(work)

    def _begin(self, work: Work) -> Counts:
        grown = self._grown(work.dataset, "clusters")
        base = None if work.terms.refresh else grown.base()
        _left(work).begin(work.dataset, grown, base, self.policy.join.cap)
        return {}

    def _judge(self, work: Work, partition: int) -> Counts:
        left, manifest = _left(work), work.dataset.manifest()
        grown = comparisons_of(work.dataset, self.policy.comparing)
        compared = pl.concat(pl.read_parquet(file, glob=False) for file in grown.parts_since(left.base, partition))
        first, second = (compared[side] for side in _PAIR)
        compared = compared.with_columns(left.numbers.of_runs(first), left.numbers.of(second))
        if left.base is not None:
            # Comparisons may be of fewer generations than clusters: where all was compared anew, say.
            one, other = (left.new[compared[side].to_numpy()] for side in _PAIR)
            compared = compared.filter(one | other)
        told = judged(compared, listing_once(manifest), of_many_sellers(manifest), self.policy)
        left.keep(_JUDGED, partition, told.drop(_SOURCES), packed=True)
        rivals = with_origins(told.filter(CONTENDS).select(*_ENDS, *RIVALRY), manifest)
        left.keep(_RIVALS, partition, rivals.drop(_SOURCES))
        return {}

    def _choose(self, work: Work) -> Counts:
        left, rules = _left(work), self.policy.wording
        places = Places(left.parts(_RIVALS))
        for i, part in enumerate(placed(left.parts(_RIVALS), places, rules)):
            left.keep(_PLACED, i, part)
        grown = self._grown(work.dataset, "edges")
        if left.base is None:
            found = chosen(left.parts(_PLACED), rules)
        else:
            earlier = left.rivals(grown.of("rivals"), places)
            found = chosen(left.parts(_PLACED), rules, _wanted(grown, left.base, work.dataset.manifest()), earlier)
        for i, taken in enumerate(found.taken):
            left.keep(_CHOSEN, i, pl.DataFrame({"place": taken}))
        figures = pl.concat([places.listed(), found.figures], how="horizontal")
        for i, part in enumerate(left.by_partition(figures)):
            left.keep(_FIGURES, i, part)
        # What `m5 show` tells of pairs that were not taken, and a later run judges newcomers by.
        told_from = {kind: None if math.isinf(likeness) else likeness for kind, likeness in found.wanted.items()}
        work.write_note(grown.beside(grown.latest, WANTED), told_from)
        return {}

    def _teach(self, work: Work) -> Counts:
        """What decided pairs teach; where clusters go on from older ones, what these were decided by."""
        left, grown = _left(work), self._grown(work.dataset, "clusters")
        counts: Counts = {}
        if left.base is not None:
            lessons = {name: asdict(lesson) for name, lesson in taught(grown, left.base).items()}
        else:
            lessons = {}
            for name, question in QUESTIONS.items():
                pairs = examples(left.parts(_JUDGED).scans(), question, self.policy.taught)
                counts[f"taught_{name}"] = pairs.height
                if lesson := teach(pairs, question.kinds, self.policy.taught):
                    lessons[name] = asdict(lesson)
        work.write_note(grown.beside(grown.latest, LESSONS), lessons)
        return counts

    def _decide(self, work: Work, partition: int) -> Counts:
        left, grown = _left(work), self._grown(work.dataset, "clusters")
        told, taken = left.parts(_JUDGED)[partition], left.parts(_CHOSEN)[partition]["place"]
        worded = told.filter(CONTENDS).select(_PAIR)[taken]
        told = decided(told, worded, taught(grown, grown.latest), self.policy.taught)
        edges = evidence(told.drop_nulls("relation"))
        work.write("edges", grown.of("edges").part(partition), left.named(edges, **{side: side for side in _PAIR}))
        strength = strength_of(edges.select(*_ROWS, "relation", "score"))
        left.keep(_EDGES, partition, strength.sort("row_a", "row_b"))
        names = pl.Series(sorted({crawl["source"] for crawl in work.dataset.manifest()["crawls"]}), dtype=pl.String)
        figures = left.named(left.parts(_FIGURES)[partition], row="product_id")
        figures = figures.with_columns(names[figures["origin"]].alias("source")).drop("origin")
        work.write("rivals", grown.of("rivals").part(partition), figures)
        differ = apart(told, self.policy.taught)
        left.keep(_APART, partition, differ.select(*_ROWS, "relation"))
        related = edges.unique(_PAIR)["relation"]
        return {f"{r.value}_edges": int((related == r.value).sum()) for r in Relation}

    def _cluster(self, work: Work) -> Counts:
        left, grown = _left(work), {table: self._grown(work.dataset, table) for table in self.writes}
        for table in ("clusters", "bridges"):
            for i, part in enumerate(resolved.parts(left, table)):
                work.write(table, grown[table].part(i), part)
        work.write_note(*grown["clusters"].note())
        for file in (file for table in self.writes for file in grown[table].files(left.base)):
            work.keeps(work.dataset.output(file))
        return resolved.counted(left)

    def goes_on_from(self, dataset: Dataset) -> list[Path]:
        base = self._grown(dataset, "clusters").base()
        return [folder for table in self.writes for folder in self._grown(dataset, table).folders(base)]

    def _grown(self, dataset: Dataset, table: str) -> Generations:
        return decisions_of(dataset, self.policy).of(table)


def decisions_of(dataset: Dataset, policy: DuplicatePolicy) -> Generations:
    """The clusters made under a policy, and with them edges and bridges."""
    terms = [Dedup.version, Compare.version, policy.model_dump(mode="json")]
    # Clusters of former releases know of no such source, and are what they would be now where there is none.
    terms += [many] if (many := of_many_sellers(dataset.manifest())) else []
    return Generations(dataset, "clusters", terms)


def taught(grown: Generations, generation: str) -> dict[str, Taught]:
    """What the pairs of a generation were judged by."""
    return notes.read_of(grown.dataset, Dedup.name, grown.beside(generation, LESSONS), dict[str, Taught])


def wanted(grown: Generations, generation: str) -> dict[str, float | None]:
    """The likenesses from which pairs of a generation were taken by their wording; null where none tells."""
    return notes.read_of(
        grown.dataset, Dedup.name, grown.of("edges").beside(generation, WANTED), dict[str, float | None]
    )


def with_origins(pairs: pl.DataFrame, manifest: Manifest) -> pl.DataFrame:
    """Adds the numbers of the sources of both sides: origin, origin_b."""
    return pairs.with_columns(
        origin=origins(pl.col("source_a"), manifest), origin_b=origins(pl.col("source_b"), manifest)
    )


def _left(work: Work) -> Left:
    return Left(work.scratch, work.dataset.partitions)


def _wanted(grown: Generations, base: str, manifest: Manifest) -> dict[str, float]:
    """The likenesses from which earlier pairs were taken; none where a source has come that they say nothing of."""
    sources = {crawl["crawl_id"]: crawl["source"] for crawl in manifest["crawls"]}
    came = grown.since(base)
    if {sources[crawl] for crawl in came} - {source for crawl, source in sources.items() if crawl not in came}:
        return {}
    return {kind: math.inf if told is None else told for kind, told in wanted(grown, base).items()}
