"""The stage `cut`: a declarative selection of products, and of each product's modalities, for training.

A cut is a YAML file. It can withhold one noisy modality and keep the product; a product is left out only when a rule
says so, and every product left out is kept in `cut_losses` with the first rule that did it.

Rounds: `judge` (a unit per partition: every rule that looks at one product) → `choose` (one unit: the rules that choose
among products) → `select` (a unit per partition) → `seal`. A cut that merges records has three more, each with a unit
per partition: `offer`, before all, for what a product has is then what its cluster has; `give` and `unite` behind
`select`, which carry rows from the partitions of those who give to those of who is kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final

import polars as pl
from pydantic import Field

from m5tools import atomic, documents, notes
from m5tools.cut import merge, quarantine
from m5tools.cut.candidates import CANDIDATES, NO_CLUSTERS, chosen_among
from m5tools.cut.masks import facts, masks
from m5tools.cut.rules import ChoiceRule, RowRule, choice_rules, row_rules
from m5tools.cut.selection import Selection, load
from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.partitions import part_name, partition_of
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work

_MASKS: Final = ("present", "state", "reason", "withheld_by", "merged_from")
_KEPT: Final = ("product_id", "split", "category", "band", "cluster", *_MASKS)
_JUDGED: Final = "judged"
_CHOSEN: Final = "chosen"
_ALONE: Final = "alone.json"


@dataclass(frozen=True)
class _TagRule:
    tag: str


@dataclass(frozen=True)
class _Policy:
    """What is taken from the policy that tags were given by."""

    rules: tuple[_TagRule, ...]


class CutConfig(StageConfig):
    """Which selection is made."""

    cut: str = Field("default", description="a shipped cut's name, or the path of a cut file")


@dataclass(frozen=True)
class Cut(Stage):
    """See the module."""

    name: ClassVar[str] = "cut"
    version: ClassVar[int] = 5
    writes: ClassVar[tuple[str, ...]] = ("cut_products", "cut_losses", "cut_attributes", "cut_media")
    documents: ClassVar[dict[str, tuple[str, ...]]] = {"cut": ()}

    config: CutConfig

    @cached_property
    def selection(self) -> Selection:
        return load(self.config.cut)

    @property
    def choices(self) -> dict[str, str]:
        return {"cut": self.selection.cut}

    def inputs(self) -> tuple[Input, ...]:
        tables = ["products", "corpus_categories", "clusters", "splits", "roles"]
        tables += ["signals_text"] if self.selection.language is not None else []
        if self.selection.merge is not None:
            tables += ["attributes", "media", "fetched", "signals_image", "signals_video", "signals_audio"]
        return (*map(Input, tables), Input("modalities", {"policy": self.selection.policy}))

    def outside(self) -> Any:
        return [self.selection.model_dump(mode="json"), quarantine.fingerprints(self.selection.quarantine)]

    def examine(self, dataset: Dataset) -> None:
        """Refuse a ledger that is none, and a tag that the policy does not give: it would silently withhold nothing."""
        quarantine.read(self.selection.quarantine)
        rules = dataset.folder("tags", policy=self.selection.policy) / "policy.json"
        if not rules.is_file():
            return
        policy = notes.read_of(dataset, f"tag/{self.selection.policy}", rules, _Policy)
        known = sorted({rule.tag for rule in policy.rules})
        path = documents.locate("cut", "pipelines/cuts", self.config.cut)
        for key in ("withhold", "leave_out"):
            for place, tag in enumerate(getattr(self.selection, key)):
                if tag not in known:
                    where = f"{path}:{documents.line_of(path, (key, place))}: {key}.{place}"
                    said = f"the policy '{self.selection.policy}' gives no tag '{tag}'"
                    raise UsageError(f"{where}: {said}; {documents.near(tag, known)}")

    def rounds(self) -> tuple[str, ...]:
        if self.selection.merge is None:
            return ("judge", "choose", "select", "seal")
        return ("offer", "judge", "choose", "select", "give", "unite", "seal")

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        if round_name in ("choose", "seal"):
            return [Unit("all")]
        return [Unit(part_name(i), {"partition": i}) for i in range(dataset.partitions)]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        match round_name:
            case "offer":
                return self._offer(unit.args["partition"], work)
            case "judge":
                return self._judge(unit.args["partition"], work)
            case "choose":
                return self._choose(work)
            case "select":
                return self._select(unit.args["partition"], work)
            case "give":
                return self._give(unit.args["partition"], work)
            case "unite":
                return self._unite(unit.args["partition"], work)
            case _:
                return self._seal(work)

    def remarks(self, dataset: Dataset) -> list[str]:
        named = quarantine.read(self.selection.quarantine).select("product_id").unique()
        if named.is_empty():
            return []
        known = dataset.scan("products").select("product_id")
        strangers = named.lazy().join(known, on="product_id", how="anti").select(pl.len()).collect().item()
        return [f"quarantine: {strangers:,} products of the ledgers are not in this dataset"] if strangers else []

    def _masked(self, partition: int, work: Work) -> pl.DataFrame:
        ledgers = quarantine.read(self.selection.quarantine)
        return masks(facts(work.dataset, partition, self.selection, ledgers), self.selection)

    def _offer(self, partition: int, work: Work) -> Counts:
        assert self.selection.merge is not None
        of_itself = [rule for rule in self._row_rules if not rule.counts]
        offered = merge.offers(self._masked(partition, work), work.dataset, partition, self.selection.merge, of_itself)
        _save(work, "offered", partition, offered)
        return {}

    def _judge(self, partition: int, work: Work) -> Counts:
        masked = self._masked(partition, work)
        if self.selection.merge is not None:
            masked = merge.united(masked, _load(work, "offered"))
        else:
            masked = masked.with_columns(merged_from=pl.lit(None, pl.List(pl.String)))
        loses = [rule.loses.fill_null(False).alias(_loses(i)) for i, rule in enumerate(self._row_rules)]
        details = [rule.detail.alias(_detail(i)) for i, rule in enumerate(self._row_rules)]
        _save(work, _JUDGED, partition, masked.select(*_KEPT, *loses, *details))
        return {}

    def _choose(self, work: Work) -> Counts:
        """Apply the rules one after another, and each of them alone."""
        parts = [_saved(work, _JUDGED, i) for i in range(work.dataset.partitions)]
        rows = [_loses(i) for i in range(len(self._row_rules))]
        alone, chosen = chosen_among(parts, rows, work.dataset, self.selection)
        for partition, mine in enumerate(chosen):
            _save(work, _CHOSEN, partition, mine)
        atomic.write_json(work.scratch / _ALONE, alone)
        return {}

    def _select(self, partition: int, work: Work) -> Counts:
        row, detail = pl.lit(None, pl.String), pl.lit(None, pl.String)
        for i, rule in reversed(list(enumerate(self._row_rules))):
            row = pl.when(_loses(i)).then(pl.lit(rule.name)).otherwise(row)
            detail = pl.when(_loses(i)).then(_detail(i)).otherwise(detail)
        judged = (
            pl.read_parquet(_saved(work, _JUDGED, partition), glob=False)
            .join(pl.read_parquet(_saved(work, _CHOSEN, partition), glob=False), on="product_id", how="left")
            .with_columns(rule=pl.coalesce(row, "rule"), detail=pl.coalesce(detail, "detail"))
            .sort("product_id")
        )
        kept = judged.filter(pl.col("rule").is_null()).select(_KEPT)
        lost = judged.filter(pl.col("rule").is_not_null()).select(*CANDIDATES, "rule", "detail")
        work.write("cut_products", partition, kept, **self.choices)
        work.write("cut_losses", partition, lost, **self.choices)
        withheld = int(kept["withheld_by"].list.eval(pl.element() != "").list.sum().sum() or 0)
        merged = {} if self.selection.merge is None else {"merged_records": kept["merged_from"].count()}
        return {"products": kept.height, "left_out": lost.height, "withheld_modalities": withheld, **merged}

    def _give(self, partition: int, work: Work) -> Counts:
        kept = work.dataset.read("cut_products", columns=("product_id", "merged_from"), cut=self.selection.cut)
        recipients = kept.drop_nulls("merged_from")
        for kind, rows in merge.given(work.dataset, partition, recipients, _load(work, "offered")).items():
            home = partition_of(pl.col("recipient"), work.dataset.partitions)
            _save(work, f"given_{kind}", partition, rows.with_columns(home=home).sort("home"))
        return {}

    def _unite(self, partition: int, work: Work) -> Counts:
        attributes, media = (
            _load(work, f"given_{kind}", pl.col("home") == partition).drop("home") for kind in ("attributes", "media")
        )
        said = merge.attributes_of(attributes)
        work.write("cut_attributes", partition, said, **self.choices)
        work.write("cut_media", partition, merge.media_of(media, work.dataset), **self.choices)
        return {}

    def _seal(self, work: Work) -> Counts:
        """Write down the selection, its rules and the fingerprint of what it selected, beside the tables."""
        digest = hashlib.sha256()
        products = 0
        for partition in range(work.dataset.partitions):
            mine = work.dataset.read("cut_products", partition=partition, **self.choices)
            products += mine.height
            masked = mine.select("product_id", "split", "present")
            if self.selection.merge is not None:
                masked = masked.with_columns(mine["merged_from"].list.join(" "))
            digest.update(masked.write_csv(include_header=False).encode())
        alone = json.loads((work.scratch / _ALONE).read_text(encoding="utf-8"))
        rules = [{"rule": r.name, "words": r.words, "alone": n} for r, n in zip(self._rules(), alone, strict=True)]
        path = work.dataset.folder("cut_products", **self.choices).parent / "cut.json"
        body = {"selection": self.selection.model_dump(mode="json"), "fingerprint": digest.hexdigest()[:32]}
        work.write_note(path, body | {"products": products, "rules": rules})
        return {}

    @cached_property
    def _row_rules(self) -> list[RowRule]:
        return row_rules(self.selection)

    def _rules(self) -> Iterator[RowRule | ChoiceRule]:
        yield from self._row_rules
        yield from choice_rules(self.selection, NO_CLUSTERS)


def _save(work: Work, kind: str, partition: int, rows: pl.DataFrame) -> None:
    with atomic.whole_file(_saved(work, kind, partition)) as temporary:
        rows.write_parquet(temporary)


def _saved(work: Work, kind: str, partition: int) -> Path:
    return work.scratch / kind / f"{part_name(partition)}.parquet"


def _load(work: Work, kind: str, wanted: pl.Expr | None = None) -> pl.DataFrame:
    """All parts of one kind, or the rows of them that are wanted."""
    parts = [_saved(work, kind, i) for i in range(work.dataset.partitions)]
    rows = pl.scan_parquet(parts, glob=False)
    return (rows if wanted is None else rows.filter(wanted)).collect()


def _loses(rule: int) -> str:
    return f"loses_{rule}"


def _detail(rule: int) -> str:
    return f"detail_{rule}"
