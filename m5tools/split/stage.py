"""The stage `split`: train, val and test with no cluster of any relation across them, and the parts of the tasks.

Rounds: with `decontaminate` first `files` (a unit for each kind of files of each dataset: what partitions look up) →
`evaluation` (a unit per partition of the evaluation sets: what their products may be known by) → `telling` (one unit:
what few of these share) → `compare` (a unit per partition: which of it our products share); always `assign` (one unit).

A later crawl moves nobody: what was placed before stays in its split, and newcomers follow their relatives
(:mod:`m5tools.generations`). `--refresh` places all anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.generations import Generations
from m5tools.split import assign, evaluation
from m5tools.split.catalogue import SPLITS, Catalogue
from m5tools.split.groups import by_category, groups
from m5tools.split.inherit import across, inherited
from m5tools.split.roles import ROLES, roles
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work
from m5tools.vocabulary import Barred, RetrievalRole, Split

_Share = Annotated[float, Field(ge=0, lt=1)]

_PLACING: Final = 3
"""Raised when a product may go to another split than before; what else changes leaves appended sets as they are."""

_BARRED: Final = pl.Enum([barred.value for barred in Barred])
_TRACED: Final = ("products", "attributes", "media", "fetched")
_MEASURED: Final = ("signals_image", "signals_video")


class SplitConfig(StageConfig):
    """How products are split; train takes what val and test leave."""

    val: _Share = Field(0.1, description="share of products for validation")
    test: _Share = Field(0.1, description="share of products for the test")
    hold_out: Literal["products", "categories"] = Field(
        "products", description="split every category alike, or keep each category whole in one split"
    )
    query_share: float = Field(
        0.1, gt=0, lt=1, description="share of a category's test products that ask in coarse retrieval"
    )
    least_of_class: int = Field(5, ge=1, description="train products a class must have to be classified")
    decontaminate: tuple[str, ...] = Field(
        (), description="datasets (folders) of evaluation sets; what they hold goes into neither train nor val"
    )
    seed: int = Field(0, description="another seed, another split")

    @model_validator(mode="after")
    def _leaves_some(self) -> SplitConfig:
        if self.val + self.test >= 1:
            raise ValueError(f"val {self.val:g} and test {self.test:g} leave nothing to train on")
        return self


@dataclass(frozen=True)
class SplitStage(Stage):
    """Assigns every product to train, val or test."""

    name: ClassVar[str] = "split"
    version: ClassVar[int] = 4
    writes: ClassVar[tuple[str, ...]] = ("splits", "roles")
    grows: ClassVar[bool] = True

    config: SplitConfig

    def inputs(self) -> tuple[Input, ...]:
        traced = (*_TRACED, *_MEASURED) if self.config.decontaminate else ("products",)
        return (*(Input(table) for table in traced), Input("clusters"), Input("bridges"))

    def outside(self) -> Any:
        """What the evaluation sets hold, by their finished stages.

        They are opened anew whenever it is asked for, which is for a run's name, at its beginning and at its end: a set
        in a store may have changed meanwhile.
        """
        return [
            {name: entry["fingerprint"] for name, entry in sorted(Dataset(folder).manifest()["stages"].items())}
            for folder in self.config.decontaminate
        ]

    def rounds(self) -> tuple[str, ...]:
        return (*evaluation.ROUNDS, "assign") if self.config.decontaminate else ("assign",)

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        if round_name in evaluation.ROUNDS:
            return evaluation.units(round_name, dataset, self._evaluation_sets())
        return [Unit("all")]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        if round_name in evaluation.ROUNDS:
            return evaluation.process(round_name, unit, work, self._evaluation_sets(str(work.scratch)))
        return self._assign(work)

    def examine(self, dataset: Dataset) -> None:
        for other in self._evaluation_sets():
            if not other.partitions:
                raise UsageError(
                    f"decontaminate: {other.place} is no dataset with products; ingest it first: m5 ingest"
                )
            if other.root.resolve() == dataset.root.resolve():
                raise UsageError(
                    f"decontaminate: {other.place} is the dataset itself; name the evaluation set's folder"
                )

    def goes_on_from(self, dataset: Dataset) -> list[Path]:
        grown = Generations(dataset, "splits", self._terms())
        return grown.folders(grown.base())

    def remarks(self, dataset: Dataset) -> list[str]:
        return [
            f"{other.place} was compared without near copies of pictures, since it is not measured; "
            f"run: m5 measure --dataset {other.place}"
            for other in self._evaluation_sets()
            if not other.parts("signals_image")
        ]

    def _evaluation_sets(self, run: str = "") -> list[Dataset]:
        return [evaluation.opened(folder, run) for folder in self.config.decontaminate]

    def _assign(self, work: Work) -> Counts:
        config, dataset = self.config, work.dataset
        catalogue = Catalogue.of(dataset)
        clusters = catalogue.clusters(dataset)
        related = groups(catalogue.products["row"], clusters)
        grown = Generations(dataset, "splits", self._terms())
        base = None if work.terms.refresh else grown.base()
        old = catalogue.numbers.numbered(grown.scans(base), row="product_id").cast({"split": SPLITS})
        splits = across(self._placed(catalogue, clusters, related, old), catalogue.bridges(dataset))
        met = evaluation.contaminated(work) if config.decontaminate else None
        parts = roles(
            splits.with_columns(barred=self._barred(_related_to(met, related, catalogue))),
            clusters,
            catalogue,
            query_share=config.query_share,
            least_of_class=config.least_of_class,
            seed=config.seed,
        )
        for i in range(dataset.partitions):
            here = catalogue.named(parts, i)
            work.write("splits", grown.part(i), here.filter("is_new").select("product_id", "split", "bridge"))
            work.write("roles", i, here.select("product_id", "barred", *ROLES))
        work.write_note(*grown.note())
        for file in grown.files(base):
            work.keeps(dataset.output(file))
        return _counts(parts, met)

    def _placed(
        self, catalogue: Catalogue, clusters: pl.DataFrame, related: pl.Series, old: pl.DataFrame
    ) -> pl.DataFrame:
        """Columns row, category, split, is_new, bridge: what was placed before stays, relatives follow it, and the rest
        is split as if it were all there is."""
        config, products = self.config, catalogue.products
        by_products = config.hold_out == "products"
        placed = products.join(old, on="row", how="left", maintain_order="left").with_columns(
            is_new=pl.col("split").is_null(), bridge=pl.col("bridge").fill_null(False)
        )
        if not old.is_empty():
            placed = inherited(placed, related)
            if not by_products:
                placed = inherited(placed, groups(products["row"], by_category(products)))
        free = placed.filter(pl.col("split").is_null()).select("row", "category")
        assigned = assign.by_product if by_products else assign.by_category
        joined = (clusters,) if by_products else (clusters, by_category(free))
        together = related if by_products and old.is_empty() else groups(free["row"], *joined)
        split = assigned(free, together, catalogue, val=config.val, test=config.test, seed=config.seed)
        found = free.select("row", found=split)
        return placed.join(found, on="row", how="left", maintain_order="left").select(
            "row", "category", "is_new", "bridge", split=pl.coalesce("split", "found")
        )

    def _terms(self) -> dict[str, Any]:
        """What decides where a product goes."""
        fields = {"val", "test", "hold_out", "seed"}
        return {"version": _PLACING, **self.config.model_dump(mode="json", include=fields)}

    def _barred(self, related: pl.Series | None) -> pl.Expr:
        """Why a product may not stand in its split: over columns split, category, bridge.

        What is related to a contaminated product is contaminated too; in the test split it does no harm.

        Args:
            related: whether each product is contaminated or related to one that is; None where nothing was compared.
        """
        why = {barred: pl.lit(barred.value, _BARRED) for barred in Barred}
        unsure = (pl.col("category") == 0) & (self.config.hold_out == "categories")
        barred = pl.when(unsure).then(why[Barred.NO_CATEGORY]).otherwise(pl.lit(None, _BARRED))
        barred = pl.when("bridge").then(why[Barred.BRIDGE]).otherwise(barred)
        if related is None:
            return barred
        leaks = pl.lit(related) & (pl.col("split") != Split.TEST.value)
        return pl.when(leaks).then(why[Barred.CONTAMINATED]).otherwise(barred)


def _related_to(met: pl.DataFrame | None, group: pl.Series, catalogue: Catalogue) -> pl.Series | None:
    """Whether each product stands in one group with one that the evaluation sets hold."""
    if met is None:
        return None
    rows = catalogue.numbers.of(met["product_id"].unique()).to_numpy()
    found = np.zeros(len(group), bool)
    found[group.to_numpy()[rows]] = True
    return pl.Series("related", found[group.to_numpy()])


def _counts(parts: pl.DataFrame, met: pl.DataFrame | None) -> Counts:
    """Products a split and a role; barred ones by why; contaminated ones by what told, before their relatives."""
    standing = parts.filter(pl.col("barred").is_null())
    found = {split.value: int((standing["split"] == split.value).sum()) for split in Split}
    for task in ("coarse", "fine"):
        of = parts[task]
        found |= {f"{task}_{role}": int((of == role.value).sum()) for role in RetrievalRole}
    for split in (Split.TRAIN, Split.TEST):
        found[f"classification_{split}"] = int((parts["classification"] == split.value).sum())
    found |= {why.value: n for why in Barred if (n := int((parts["barred"] == why.value).sum()))}
    if met is not None:
        found |= {f"contaminated_by_{by}": n for by, n in met.group_by("by").len().sort("by").iter_rows()}
    return found
