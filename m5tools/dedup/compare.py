"""The stage `compare`: candidate pairs from every kind of evidence, each laid side by side.

Rounds: `ground` (which generation to go on from, :mod:`m5tools.generations`; units for files that were had and files
that tell products apart, kept to be looked up) → `gather` (a unit per partition: texts of products that came or
changed, cut; keys of all products, those of old ones from the index, see :mod:`m5tools.dedup.sought`) → `vectors` (a
unit per partition, where the policy names a model: of all titles) → `vocabulary` (one unit: in how many titles each
word stands, how many products say what, which identifiers too many bear, in which options the products of an item group
differ) → `rarest` (a unit per partition: the rarest words of titles) → `evidence` (a unit per kind of evidence, per few
bands and per slice of the rare words: candidate pairs) → `nearest` (a unit per partition: of those by rare words or
bands the ones that share the most) → `recall` (a unit per partition: what is stored of old products that stand in some
pair, and what words and facts tell by all) → `compare` (a unit per run of neighbouring partitions: all evidence about
their pairs) → `close` (one unit: the generation is whole). Memory is that of a few bands over all products with the
pairs they lead to, or of a million comparisons, if not of those of a partition.

Where there is a generation to go on from, only keys that a newcomer has are followed, and only pairs with a newcomer
are compared. What the evidence proves is decided by :mod:`m5tools.dedup.stage`, from what is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
from pydantic import Field

from m5tools.dataset import Dataset
from m5tools.dedup.candidates import RARE_WORDS, by_bands, by_files, by_keys, by_rare_words, by_vectors, nearest
from m5tools.dedup.counting import count, usual_of
from m5tools.dedup.evidence import vectors
from m5tools.dedup.evidence.rare_words import rare_keys, slice_of, slices_of
from m5tools.dedup.evidence.shown import FILES, keep_telling
from m5tools.dedup.evidence.text import description_bands, title_bands
from m5tools.dedup.evidence.tokens import sets_of
from m5tools.dedup.gathered import Gathered
from m5tools.dedup.gathering import (
    HAD,
    TELLING,
    Ground,
    gather_partition,
    may_show,
    recall_partition,
)
from m5tools.dedup.lexicon import vocabularies_of, vocabulary_of
from m5tools.dedup.policy import ComparePolicy, DecisionPolicy, load_policy
from m5tools.dedup.products import keep_files_had, listing_once
from m5tools.dedup.side_by_side import NEAREST, OFFERED, compare_run, proven_of
from m5tools.dedup.sought import RARE, VOCABULARIES, index_terms
from m5tools.embedding import fingerprint
from m5tools.generations import Generations
from m5tools.manifest import Manifest
from m5tools.partitions import part_name
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work

_BANDS_AT_ONCE = 5
"""Bands that one unit joins, one after the other, at most …"""
_BANDS_BY_PARTITIONS = 640
"""… and bands times partitions: a unit holds all pairs of its bands, and each band leads to the more the more products
there are. Whether a pair is counted in one unit or in several, what it shares adds up. No unit joins bands of both
texts, for hubs are told by the text they are of."""
_RUNS = 64
"""Units of the round `compare`, at most: each opens all partitions, whatever their number, for runs of neighbours."""
_WHOLE = ("identifiers", "equal_texts", "tables")


class CompareConfig(StageConfig):
    """Which products are compared, and how."""

    policy: str = Field("duplicates", description="name of a shipped policy, or path of a YAML file")


@dataclass(frozen=True)
class Compare(Stage):
    """Finds pairs of products that may be duplicates, and writes all that speaks for it or against it."""

    name: ClassVar[str] = "compare"
    version: ClassVar[int] = 12
    writes: ClassVar[tuple[str, ...]] = ("comparisons", "compared", "sought", "sides", "word_counts")
    grows: ClassVar[bool] = True
    documents: ClassVar[dict[str, tuple[str, ...]]] = {"policy": tuple(DecisionPolicy.model_fields)}

    config: CompareConfig

    @cached_property
    def policy(self) -> ComparePolicy:
        return load_policy(self.config.policy).comparing

    def inputs(self) -> tuple[Input, ...]:
        signals = ("signals_image", "signals_video", "signals_audio")
        tables = ("products", "attributes", "media", "fetched", *signals, "corpus_assets")
        return tuple(Input(table) for table in tables)

    def rounds(self) -> tuple[str, ...]:
        found = ("vocabulary", "rarest", "evidence", "nearest", "recall", "compare", "close")
        return ("ground", "gather", *(("vectors",) if self.policy.embedding else ()), *found)

    def outside(self) -> Any:
        return _terms(self.policy)

    def examine(self, dataset: Dataset) -> None:
        if self.policy.embedding:
            vectors.examine(self.policy.embedding)

    def goes_on_from(self, dataset: Dataset) -> list[Path]:
        grown = comparisons_of(dataset, self.policy)
        base = self._base(dataset)
        return [folder for table in self.writes for folder in grown.of(table).folders(base)]

    def noted(self, manifest: Manifest) -> Any:
        return listing_once(manifest)

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        match round_name:
            case "evidence":
                slices = slices_of(dataset.partitions)
                whole = [Unit(kind, {"kind": kind}) for kind in (*_WHOLE, *FILES)]
                whole += [Unit("vectors", {"kind": "vectors"})] if self.policy.embedding else []
                whole += [Unit(f"rare-words-{i}", {"kind": f"rare-words-{i}", "slice": i}) for i in range(slices)]
                runs = self._runs(dataset.partitions)
                return whole + [Unit(kind, {"kind": kind, "bands": run}) for kind, run in runs.items()]
            case "ground":
                return [Unit("all"), Unit(HAD), *(Unit(kind, {"kind": kind}) for kind in FILES)]
            case "vocabulary" | "close":
                return [Unit("all")]
            case "compare":
                length = -(-dataset.partitions // _RUNS)
                starts = range(0, dataset.partitions, length)
                ends = [min(i + length, dataset.partitions) for i in starts]
                return [Unit(part_name(i), {"first": i, "beyond": end}) for i, end in zip(starts, ends, strict=True)]
            case _:
                return [Unit(f"part-{i:05d}", {"partition": i}) for i in range(dataset.partitions)]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        gathered = Gathered(work.scratch, work.dataset.partitions)
        match round_name:
            case "ground":
                return self._begin(unit, work)
            case "gather":
                grown = comparisons_of(work.dataset, self.policy)
                return gather_partition(work, gathered, unit.args["partition"], grown, self._bands(), self.policy)
            case "vectors":
                return self._embed(gathered, unit.args["partition"])
            case "vocabulary":
                grown = comparisons_of(work.dataset, self.policy).of("word_counts")
                return count(work, gathered, grown, self.policy)
            case "rarest":
                return self._keys(gathered, unit.args["partition"])
            case "evidence":
                return self._evidence(work, gathered, **unit.args)
            case "nearest":
                home = unit.args["partition"]
                proven = proven_of(gathered, range(home, home + 1))
                pairs, offered = nearest(gathered, home, proven, self._runs(gathered.partitions), self.policy)
                gathered.keep("pairs", f"{NEAREST}{unit.key}", pairs)
                gathered.keep(OFFERED, home, pl.DataFrame({"pairs": [offered]}))
                return {}
            case "recall":
                vocabularies, usual = vocabularies_of(gathered), usual_of(gathered, self.policy)
                recall_partition(work, gathered, unit.args["partition"], vocabularies, usual, self.policy)
                return {}
            case "compare":
                homes, grown = range(unit.args["first"], unit.args["beyond"]), comparisons_of(work.dataset, self.policy)
                return compare_run(work, gathered, homes, grown, self.policy)
            case _:
                return self._close(work)

    def _begin(self, unit: Unit, work: Work) -> Counts:
        if unit.key == HAD:
            keep_files_had(work.dataset, work.scratch / HAD)
            return {}
        if unit.args:
            kind = unit.args["kind"]
            keep_telling(work.dataset, work.scratch / TELLING / kind, kind, self.policy)
            return {}
        grown = comparisons_of(work.dataset, self.policy)
        base = None if work.terms.refresh else self._base(work.dataset)
        Ground(base, may_show(work.dataset, grown.since(base))).keep(work.scratch)
        return {}

    def _base(self, dataset: Dataset) -> str | None:
        """The generation to go on from, of comparisons and of what they are found by alike."""
        base = comparisons_of(dataset, self.policy).base()
        return base if base is not None and self._index(dataset).base() == base else None

    def _embed(self, gathered: Gathered, partition: int) -> Counts:
        assert self.policy.embedding is not None
        named = pl.read_parquet(gathered.part("sought", partition), columns=["row", "product_id", "title"], glob=False)
        gathered.write("vectors", partition, vectors.vectors_of(named, self.policy.embedding))
        return {}

    def _keys(self, gathered: Gathered, partition: int) -> Counts:
        words = pl.read_parquet(gathered.part("rare_sets", partition), glob=False)
        sources = pl.read_parquet(gathered.part("sought", partition), columns=["row", "origin", "once"], glob=False)
        keyed = pl.concat(
            rare_keys(sets_of(words[VOCABULARIES[kind]]), vocabulary_of(gathered, kind), self.policy, i)
            for i, kind in enumerate(RARE)
        )
        keyed = keyed.join(sources, on="row", maintain_order="left")
        keyed = keyed.with_columns(pl.col("row") + pl.lit(gathered.offsets()[partition], pl.UInt32))
        slices = slices_of(gathered.partitions)
        gathered.cut(RARE_WORDS, partition, keyed, slice_of(keyed["key"], slices), slices)
        return {}

    def _evidence(self, work: Work, gathered: Gathered, kind: str, bands: Sequence[str] = (), slice: int = 0) -> Counts:
        ground = Ground.of(work.scratch)
        asked = gathered.newcomers() if ground.base is not None else None
        if kind.startswith("rare-words"):
            gathered.keep("shared_words", kind, by_rare_words(gathered, slice, asked, self.policy))
            return {}
        if kind in FILES:
            found = by_files(gathered, kind, asked, ground.shows, self.policy)
        elif kind in _WHOLE:
            found = by_keys(gathered, kind, asked, self.policy)
        elif kind == "vectors":
            found = by_vectors(gathered, asked, self.policy)
        else:
            banded = by_bands(gathered, bands, asked, self.policy)
            banded.keep(gathered, kind)
            return {"hubs": banded.hubs, "hub_products": banded.hub_rows}
        gathered.keep("pairs", kind, found.pairs.sort("a", "b"))
        return {"pairs_found": found.pairs.height, "hubs": found.hubs, "hub_products": found.hub_rows}

    def _close(self, work: Work) -> Counts:
        """Say under which terms the generation was made, now that it is whole."""
        grown = comparisons_of(work.dataset, self.policy)
        work.write_note(*grown.note())
        work.write_note(*self._index(work.dataset).note())
        for file in (file for table in self.writes for file in grown.of(table).files(Ground.of(work.scratch).base)):
            work.keeps(work.dataset.output(file))
        return {}

    def _index(self, dataset: Dataset) -> Generations:
        return Generations(dataset, "sought", index_terms([self.version, self.outside()]))

    def _bands(self) -> list[str]:
        return [band for bands in self._texts() for band in bands]

    def _runs(self, partitions: int) -> dict[str, list[str]]:
        """The bands that units of `evidence` join, by the kind that they go by."""
        length = max(1, min(_BANDS_AT_ONCE, _BANDS_BY_PARTITIONS // partitions))
        runs = (bands[i : i + length] for bands in self._texts() for i in range(0, len(bands), length))
        return {f"bands-{run[0]}": run for run in runs}

    def _texts(self) -> tuple[list[str], list[str]]:
        """The bands of titles, and those of descriptions."""
        titles, descriptions = title_bands(self.policy.text).count, description_bands(self.policy.text).count
        return [f"title_{i}" for i in range(titles)], [f"description_{i}" for i in range(descriptions)]


def comparisons_of(dataset: Dataset, policy: ComparePolicy) -> Generations:
    """The comparisons made under a policy."""
    return Generations(dataset, "comparisons", [Compare.version, _terms(policy)])


def _terms(policy: ComparePolicy) -> Any:
    """What comparisons depend on outside the dataset."""
    said = policy.model_dump(mode="json")
    return said if policy.embedding is None else [said, *map(_content, policy.embedding.places)]


@cache
def _content(model: str) -> str:
    """What a model holds: read once in a process, for every unit asks."""
    return fingerprint(model)
