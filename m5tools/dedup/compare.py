"""The stage `compare`: candidate pairs from every kind of evidence, each laid side by side.

Rounds: `ground` (one unit: which generation to go on from, :mod:`m5tools.generations`) → `gather` (a unit per
partition: keys, facts, pictures, bands, tokens) → `vocabulary` (one unit: in how many titles each word stands) →
`keys` (a unit per partition: the rarest words of titles) → `evidence` (a unit per kind of evidence, per ten bands and
per slice of the rare words: candidate pairs) → `nearest` (a unit per partition: of those by rare words the ones that
share the most) → `compare` (a unit per partition: all evidence about its pairs) → `close` (one unit: the generation is
whole). Memory is that of one band over all products, or of the candidates of one partition.

What the evidence proves is decided by :mod:`m5tools.dedup.stage`, from what is written here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import polars as pl
from pydantic import Field

from m5tools import atomic
from m5tools.dataset import Dataset, Manifest, part_name
from m5tools.dedup.comparison import comparisons
from m5tools.dedup.identifiers import identifier_pairs
from m5tools.dedup.likeness import Vocabularies
from m5tools.dedup.policy import ComparePolicy, load_policy
from m5tools.dedup.products import Gathered, gather, listing_once
from m5tools.dedup.rare_words import SLICES, most_shared, rare_keys, rare_word_pairs, slice_of
from m5tools.dedup.resemblance import resemblance
from m5tools.dedup.shown import FILES, file_pairs, in_common
from m5tools.dedup.table import table_pairs, varying_options, with_varying
from m5tools.dedup.text import band_keys, description_bands, equal_text_pairs, title_bands
from m5tools.dedup.tokens import (
    DESCRIPTION,
    STEM,
    TITLE_LETTERS,
    TITLE_WORDS,
    VALUES,
    WHOLE_WORDS,
    sets_of,
    tokens_of,
    values_of,
)
from m5tools.dedup.vocabulary import Vocabulary, counted, merged
from m5tools.generations import Generations
from m5tools.joins.bands import joined, neighbours, union
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work

_WHOLE = {"identifiers": identifier_pairs, "equal_texts": equal_text_pairs, "tables": table_pairs}
_VOCABULARIES = {"words": TITLE_WORDS, "letters": TITLE_LETTERS, "everything": WHOLE_WORDS}
"""Vocabulary → the tokens that it counts."""

_KEYED = {"words": TITLE_WORDS, "values": VALUES}
"""Vocabulary → the tokens of which the rarest are keys."""

_COUNTED = _VOCABULARIES | _KEYED
_VARYING = "varying"

_GROUND = "ground.json"
_BANDS_AT_ONCE = 10
"""Bands that one unit joins, one after the other."""

_KEYS = (
    "row", "offerer", "title", "description", "stem", "group", "gtin", "brand", "mpn", "own_codes", "table_key",
    "media_key", "table_pairs",
)  # fmt: skip
_COMPARED = (
    "product_id", "crawl_id", "source", "gtin", "group", "modalities", "table_pairs", "files", "description_chars",
)  # fmt: skip


class CompareConfig(StageConfig):
    """Which products are compared, and how."""

    policy: str = Field("duplicates", description="name of a shipped policy, or path of a YAML file")


@dataclass(frozen=True)
class Compare(Stage):
    """Finds pairs of products that may be duplicates, and writes all that speaks for it or against it."""

    name: ClassVar[str] = "compare"
    version: ClassVar[int] = 2
    writes: ClassVar[tuple[str, ...]] = ("comparisons", "compared")

    config: CompareConfig

    @cached_property
    def policy(self) -> ComparePolicy:
        return load_policy(self.config.policy).comparing

    def inputs(self) -> tuple[Input, ...]:
        signals = ("signals_image", "signals_video", "signals_audio")
        tables = ("products", "attributes", "media", "fetched", *signals, "corpus_assets")
        return tuple(Input(table) for table in tables)

    def rounds(self) -> tuple[str, ...]:
        return ("ground", "gather", "vocabulary", "keys", "evidence", "nearest", "compare", "close")

    def outside(self) -> Any:
        return self.policy.model_dump(mode="json")

    def noted(self, manifest: Manifest) -> Any:
        return listing_once(manifest)

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        match round_name:
            case "evidence":
                bands = self._bands()
                runs = [bands[i : i + _BANDS_AT_ONCE] for i in range(0, len(bands), _BANDS_AT_ONCE)]
                whole = [Unit(kind, {"kind": kind}) for kind in (*_WHOLE, *FILES)]
                whole += [Unit(f"rare-words-{i}", {"kind": f"rare-words-{i}", "slice": i}) for i in range(SLICES)]
                return whole + [Unit(f"bands-{run[0]}", {"kind": f"bands-{run[0]}", "bands": run}) for run in runs]
            case "ground" | "vocabulary" | "close":
                return [Unit("all")]
            case _:
                return [Unit(f"part-{i:05d}", {"partition": i}) for i in range(dataset.partitions)]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        gathered = Gathered(work.scratch, work.dataset.partitions)
        match round_name:
            case "ground":
                base = None if work.terms.refresh else comparisons_of(work.dataset, self.policy).base()
                atomic.write_json(work.scratch / _GROUND, {"base": base})
                return {}
            case "gather":
                return self._gather(work, gathered, unit.args["partition"])
            case "vocabulary":
                return self._count(gathered)
            case "keys":
                return self._keys(gathered, unit.args["partition"])
            case "evidence":
                return self._evidence(gathered, **unit.args)
            case "nearest":
                return self._nearest(gathered, unit.args["partition"])
            case "compare":
                return self._compare(work, gathered, unit.args["partition"])
            case _:
                return self._close(work)

    def _gather(self, work: Work, gathered: Gathered, partition: int) -> Counts:
        policy, grown = self.policy, comparisons_of(work.dataset, self.policy)
        base = _base(work)
        products, facts, files = gather(work.dataset, partition, policy)
        known = grown.known(base, partition)
        products = products.with_columns(is_new=~pl.col("product_id").is_in(known.implode()))
        gathered.write("facts", partition, facts)
        for kind, rows in files.items():
            gathered.write(kind, partition, rows)
        tokens = tokens_of(products, policy).with_columns(values_of(products, facts))
        for kind, sets in _COUNTED.items():
            gathered.write(f"{kind}_counted", partition, counted(sets_of(tokens[sets])))
        keys = band_keys(sets_of(tokens[STEM]), sets_of(tokens[DESCRIPTION]), policy.text)
        gathered.write("bands", partition, pl.concat([products.select("row"), keys], how="horizontal"))
        gathered.write("tokens", partition, tokens)
        gathered.write("products", partition, products.drop("whole"))
        delivered = products.filter(pl.col("crawl_id").is_in(grown.since(base)))
        work.write("compared", grown.part(partition), delivered.select(_COMPARED))
        return {"products": products.height, **{kind: rows.height for kind, rows in files.items()}}

    def _count(self, gathered: Gathered) -> Counts:
        for kind in _COUNTED:
            gathered.write(kind, "all", merged(map(pl.read_parquet, gathered.files(f"{kind}_counted"))))
        grouped = gathered.scan("products").select("row", "group").drop_nulls()
        options = gathered.scan("facts").filter("option").join(grouped, on="row")
        gathered.write(_VARYING, "all", varying_options(options.collect()))
        return {}

    def _keys(self, gathered: Gathered, partition: int) -> Counts:
        part = f"{part_name(partition)}.parquet"
        tokens = pl.read_parquet(gathered.scratch / "tokens" / part, columns=list(_KEYED.values()))
        sources = pl.read_parquet(gathered.scratch / "products" / part, columns=["row", "origin", "once"])
        kinds = ((sets_of(tokens[sets]), self._vocabulary(gathered, kind)) for kind, sets in _KEYED.items())
        keyed = pl.concat([rare_keys(sets, counts, self.policy) for sets, counts in kinds])
        keyed = keyed.join(sources, on="row", maintain_order="left")
        for i in range(SLICES):
            gathered.write(f"rare_words_{i}", partition, keyed.filter(slice_of(pl.col("key")) == i))
        return {}

    def _evidence(self, gathered: Gathered, kind: str, bands: Sequence[str] = (), slice: int = 0) -> Counts:
        policy = self.policy
        if kind in FILES:
            found = file_pairs(kind, gathered.scan(kind).collect(), policy)
        elif kind in _WHOLE:
            found = _WHOLE[kind](gathered.scan("products").select(_KEYS).collect(), policy)
        elif kind.startswith("rare-words"):
            shared = rare_word_pairs(gathered.scan(f"rare_words_{slice}").collect(), policy)
            gathered.write("shared_words", kind, shared)
            return {}
        else:
            keys = (gathered.scan("bands").select("row", key=band).sort("row").collect() for band in bands)
            found = joined(neighbours(keyed, policy.join.window, policy.join.cap) for keyed in keys)
        gathered.write("pairs", kind, found.pairs)
        return {"pairs_found": found.pairs.height, "hubs": found.hubs, "hub_products": found.hub_rows}

    def _nearest(self, gathered: Gathered, partition: int) -> Counts:
        first, beyond = gathered.offsets()[partition : partition + 2]
        ours = pl.any_horizontal(pl.col("a", "b").is_between(first, beyond, closed="left"))
        shared = pl.concat(pl.scan_parquet(file).filter(ours) for file in gathered.files("shared_words")).collect()
        nearest = most_shared(shared, first, beyond, self.policy)
        gathered.write("pairs", f"nearest-{part_name(partition)}", nearest)
        return {}

    def _compare(self, work: Work, gathered: Gathered, partition: int) -> Counts:
        grown, base = comparisons_of(work.dataset, self.policy), _base(work)
        first, beyond = gathered.offsets()[partition : partition + 2]
        ours = pl.col("a").is_between(first, beyond, closed="left")
        found = (pl.scan_parquet(file).filter(ours).select("a", "b").collect() for file in gathered.files("pairs"))
        pairs = union(found)
        if base is not None:
            pairs = _with_newcomers(pairs, gathered)
        rows = pl.concat([pairs["a"], pairs["b"]]).unique().sort().alias("row").to_frame().lazy()
        products, tokens = (
            gathered.scan(kind).join(rows, on="row", how="semi").collect().sort("row")
            for kind in ("products", "tokens")
        )
        products = pl.concat([products, tokens.drop("row")], how="horizontal")
        facts = gathered.scan("facts").join(rows, on="row", how="semi").collect()
        varying = pl.read_parquet(gathered.files(_VARYING), glob=False)
        facts = facts.join(products.select("row", "group"), on="row", how="left", maintain_order="left")
        facts = with_varying(facts, varying)
        shown = in_common(gathered.scratch / "pairs", ours)
        pictures = gathered.scan("pictures").join(rows, on="row", how="semi").collect()
        shown = shown.join(resemblance(pairs, pictures), on=["a", "b"], how="full", coalesce=True).sort("a", "b")
        vocabularies = Vocabularies(*(self._vocabulary(gathered, kind) for kind in _VOCABULARIES))
        compared = comparisons(pairs, products, facts, shown, vocabularies, self.policy)
        work.write("comparisons", grown.part(partition), compared)
        return {"pairs": pairs.height}

    def _close(self, work: Work) -> Counts:
        """Say under which terms the generation was made, now that it is whole."""
        grown = comparisons_of(work.dataset, self.policy)
        work.write_note(*grown.note())
        for file in (file for table in self.writes for file in grown.of(table).files(_base(work))):
            work.keeps(work.dataset.output(file))
        return {}

    def _vocabulary(self, gathered: Gathered, kind: str) -> Vocabulary:
        titles = gathered.scan("products").select(pl.col("said").is_not_null().sum()).collect().item()
        return Vocabulary(pl.read_parquet(gathered.files(kind), glob=False), titles)

    def _bands(self) -> list[str]:
        text = self.policy.text
        titles = [f"title_{i}" for i in range(title_bands(text).count)]
        return titles + [f"description_{i}" for i in range(description_bands(text).count)]


def comparisons_of(dataset: Dataset, policy: ComparePolicy) -> Generations:
    """The comparisons made under a policy."""
    return Generations(dataset, "comparisons", [Compare.version, policy.model_dump(mode="json")])


def _base(work: Work) -> str | None:
    """The generation that this run goes on from, as its first unit found it."""
    base: str | None = json.loads((work.scratch / _GROUND).read_text(encoding="utf-8"))["base"]
    return base


def _with_newcomers(pairs: pl.DataFrame, gathered: Gathered) -> pl.DataFrame:
    """Pairs that hold a newcomer; all others were compared before."""
    new = gathered.scan("products").filter("is_new").select("row").collect()["row"].implode()
    return pairs.filter(pl.col("a").is_in(new) | pl.col("b").is_in(new))
