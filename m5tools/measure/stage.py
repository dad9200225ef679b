"""The measuring stage: every media file decoded once, every text and table scanned once; no verdicts, only numbers.

The round "measure" takes slices of media files and partitions of products; what titles say about attributes must be
weighed over the corpus before it counts, so the round "pair" comes after.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import polars as pl
from pydantic import Field

from m5tools import atomic, wording
from m5tools.dataset import Dataset, part_name
from m5tools.measure import pair, table, text
from m5tools.measure.assets import Depth, measure
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work
from m5tools.vocabulary import MEDIA, Modality

_MEASURE: Final = "measure"
_PAIR: Final = "pair"


class MeasureConfig(StageConfig):
    """How far to look, and what counts as usual, boilerplate or reliable."""

    languages: bool = Field(default=True, description="Detect the language of every text.")
    images_per_unit: int = Field(default=256, ge=1, description="Pictures in one unit of work.")
    sounds_per_unit: int = Field(default=64, ge=1, description="Sound files in one unit of work.")
    videos_per_unit: int = Field(default=24, ge=1, description="Videos in one unit of work.")
    video_frames: int = Field(default=64, ge=1, description="Frames kept of a video, one a second.")
    sound_seconds: float = Field(default=60.0, gt=0, description="Seconds of a sound that are decoded.")
    boilerplate_titles: int = Field(
        default=5, ge=2, description="A phrase is boilerplate from so many different titles on."
    )
    boilerplate_categories: int = Field(
        default=5, ge=0, description="… and categories on (all, where the corpus has fewer)."
    )
    usual_share: float = Field(
        default=0.5, gt=0, le=1, description="A name is usual where this share of a category's products list it."
    )
    usual_products: int = Field(default=5, ge=1, description="… in categories of at least so many products.")
    list_share: float = Field(
        default=0.05, gt=0, le=1, description="A name holds lists where this share of the others gives several values."
    )
    placeholders: tuple[str, ...] = Field(
        default=wording.PLACEHOLDERS, description="Attribute values that say nothing."
    )
    name_reliability: float = Field(
        default=0.7,
        ge=0,
        le=1,
        description="Share of the titles speaking of a name that must tell the own value.",
    )
    brand_reliability: float = Field(
        default=0.5, ge=0, le=1, description="Share of titles holding a brand's words that must mean their own brand."
    )


@dataclass(frozen=True)
class Measure(Stage):
    """Writes one wide table of signals per modality, and previews."""

    name: ClassVar[str] = "measure"
    version: ClassVar[int] = 4
    writes: ClassVar[tuple[str, ...]] = (
        *(f"signals_{m}" for m in ("image", "text", "table", "video", "audio", "pair")),
        *(f"previews_{m}" for m in MEDIA),
    )

    config: MeasureConfig

    def inputs(self) -> tuple[Input, ...]:
        return tuple(
            Input(name)
            for name in (
                "products", "attributes", "assets", "corpus_phrases", "corpus_attributes", "corpus_names",
                "corpus_categories", "corpus_values", "corpus_brands",
            )
        )  # fmt: skip

    def rounds(self) -> tuple[str, ...]:
        return (_MEASURE, _PAIR)

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        partitions = [Unit(part_name(i), {"partition": i}) for i in range(dataset.partitions)]
        if round_name == _PAIR:
            return partitions
        slices = [unit for modality in MEDIA for unit in self._slices(dataset, modality)]
        return slices + partitions

    def _slices(self, dataset: Dataset, modality: Modality) -> list[Unit]:
        """Runs of one modality's files in order of their ids."""
        config = self.config
        size = {
            Modality.IMAGE: config.images_per_unit,
            Modality.VIDEO: config.videos_per_unit,
            Modality.AUDIO: config.sounds_per_unit,
        }[modality]
        listed = dataset.scan("assets").filter(pl.col("modality") == modality.value).select("asset_id")
        ids = listed.collect()["asset_id"].sort()
        return [
            Unit(
                f"{modality}-{start // size:05d}",
                {"modality": modality.value, "first": ids[start], "last": ids[min(start + size, len(ids)) - 1]},
            )
            for start in range(0, len(ids), size)
        ]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        if round_name == _PAIR:
            return self._pair(int(unit.args["partition"]), work)
        if "partition" in unit.args:
            return self._products(int(unit.args["partition"]), work)
        modality = Modality(unit.args["modality"])
        assets = (
            work.dataset.scan("assets")
            .filter(pl.col("modality") == modality.value)
            .filter(pl.col("asset_id").is_between(pl.lit(unit.args["first"]), pl.lit(unit.args["last"])))
            .sort("asset_id")
            .collect()
        )
        return measure(modality, assets, unit.key, Depth(self.config.video_frames, self.config.sound_seconds), work)

    def _products(self, partition: int, work: Work) -> Counts:
        """Text and table signals of a partition, and what its titles say."""
        dataset, config = work.dataset, self.config
        products = dataset.read(
            "products", partition=partition, columns=["product_id", "title", "description", "brand", "category"]
        ).sort("product_id")
        attributes = dataset.read("attributes", partition=partition)
        categories = dataset.read("corpus_categories")
        phrases = dataset.read("corpus_phrases").filter(
            (pl.col("titles") >= config.boilerplate_titles)
            & (pl.col("categories") >= min(config.boilerplate_categories, categories.height))
        )
        usual = table.usual_names(
            dataset.read("corpus_attributes"), categories, config.usual_products, config.usual_share
        )
        lists = table.list_names(dataset.read("corpus_names"), config.list_share)
        homes = table.category_keys(products)
        work.write("signals_text", partition, text.signals(products, phrases, config.languages))
        work.write("signals_table", partition, table.signals(homes, attributes, usual, lists, config.placeholders))
        telling = attributes.filter(~wording.says_nothing(pl.col("value"), config.placeholders))
        said = pair.claims(products, telling, dataset.read("corpus_values"), dataset.read("corpus_brands"))
        for kind, rows in {"said": said, "names": pair.name_counts(said), "brands": pair.brand_counts(said)}.items():
            with atomic.whole_file(_partial(work, kind, partition)) as temporary:
                rows.write_parquet(temporary)
        return {"products": products.height}

    def _pair(self, partition: int, work: Work) -> Counts:
        everywhere = range(work.dataset.partitions)
        names, brands = (
            pl.scan_parquet([_partial(work, kind, i) for i in everywhere], glob=False) for kind in ("names", "brands")
        )
        products = work.dataset.read("products", partition=partition, columns=["product_id", "title", "brand"])
        rows = pair.signals(
            products,
            pl.read_parquet(_partial(work, "said", partition)),
            pair.reliable_names(names, self.config.name_reliability).collect(),
            pair.true_brands(brands, self.config.brand_reliability).collect(),
        )
        work.write("signals_pair", partition, rows)
        return {}


def _partial(work: Work, kind: str, partition: int) -> Path:
    return work.scratch / kind / f"{part_name(partition)}.parquet"
