"""The measuring stage: every media file decoded once, every text and table scanned once; no verdicts, only numbers.

The round "ground" sets aside what was measured of earlier crawls' files. The round "scan" takes slices of media
files and partitions of products; what titles say about attributes must be weighed over the corpus before it counts, so
the rounds "weigh" and "pair" come after; with a model for pictures the round "show" between them encodes each picture
that stands for a product once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import polars as pl
from pydantic import Field

from m5tools.dataset import Dataset
from m5tools.embedding import fingerprint
from m5tools.measure import earlier, products, shown
from m5tools.measure.assets import Depth, measure
from m5tools.measure.config import WordsConfig
from m5tools.partitions import part_name
from m5tools.stage import Counts, Input, Stage, Unit, Work
from m5tools.vocabulary import MEDIA, Modality

_GROUND: Final = "ground"
_MEASURE: Final = "scan"
_WEIGH: Final = "weigh"
_SHOW: Final = "show"
_PAIR: Final = "pair"
MOST_SLICES: Final = 2_000
"""Of one modality: whoever reads the signals opens a part for each."""


class MeasureConfig(WordsConfig):
    """How far to look into media, and what counts in texts, tables and pairs."""

    images_per_unit: int = Field(default=256, ge=1, description="Pictures in one unit of work.")
    sounds_per_unit: int = Field(default=64, ge=1, description="Sound files in one unit of work.")
    videos_per_unit: int = Field(default=24, ge=1, description="Videos in one unit of work.")
    video_frames: int = Field(default=64, ge=1, description="Frames kept of a video, one a second.")
    sound_seconds: float = Field(default=60.0, gt=0, description="Seconds of a sound that are decoded.")


@dataclass(frozen=True)
class Measure(Stage):
    """Writes one wide table of signals per modality, and previews."""

    name: ClassVar[str] = "measure"
    version: ClassVar[int] = 10
    writes: ClassVar[tuple[str, ...]] = (
        *(f"signals_{m}" for m in ("image", "text", "table", "video", "audio", "pair")),
        *(f"previews_{m}" for m in MEDIA),
    )

    config: MeasureConfig

    def inputs(self) -> tuple[Input, ...]:
        return tuple(
            Input(name)
            for name in (
                "products", "attributes", "media", "fetched", "assets", "corpus_phrases", "corpus_attributes",
                "corpus_names", "corpus_categories", "corpus_values", "corpus_brands", "corpus_words", "corpus_assets",
            )
        )  # fmt: skip

    def outside(self) -> Any:
        config = self.config
        places = [p for p in (config.text_model, config.image_model, *config.vectors) if p]
        return [fingerprint(place) for place in places] or None

    def owned(self, dataset: Dataset) -> list[Path]:
        """All but the note of what was made, which the next run reads and nobody else."""
        files = (file for folder in super().owned(dataset) for file in dataset.files_below(folder))
        return [file for file in files if file.name != earlier.NOTE]

    def rounds(self) -> tuple[str, ...]:
        return (_GROUND, _MEASURE, _WEIGH, *((_SHOW,) if self.config.image_model else ()), _PAIR)

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        partitions = [Unit(part_name(i), {"partition": i}) for i in range(dataset.partitions)]
        if round_name in (_GROUND, _WEIGH):
            return [Unit(round_name)]
        if round_name == _SHOW:
            return self._slices(dataset, Modality.IMAGE)
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
        size = max(size, -(-len(ids) // MOST_SLICES))
        return [
            Unit(
                f"{modality}-{start // size:05d}",
                {"modality": modality.value, "first": ids[start], "last": ids[min(start + size, len(ids)) - 1]},
            )
            for start in range(0, len(ids), size)
        ]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        model = self.config.image_model
        if round_name == _GROUND:
            earlier.begin(self._terms, work)
            return {}
        if round_name == _WEIGH:
            earlier.note([key for modality in MEDIA for key in self._parts(work, modality)], work)
            if model:
                shown.choose(self._parts(work, Modality.IMAGE), work)
            video, audio = (self._parts(work, m) for m in (Modality.VIDEO, Modality.AUDIO))
            return products.weigh(self.config, video, audio, work)
        if round_name == _SHOW:
            assert model
            shown.encode(unit.key, model, work)
            return {}
        if round_name == _PAIR:
            partition = int(unit.args["partition"])
            pictures = shown.vectors(partition, self._parts(work, Modality.IMAGE) if model else (), work)
            return products.relate(partition, self.config, pictures, work)
        if "partition" in unit.args:
            return products.measure(int(unit.args["partition"]), self.config, work)
        modality = Modality(unit.args["modality"])
        assets = (
            work.dataset.scan("assets")
            .filter(pl.col("modality") == modality.value)
            .filter(pl.col("asset_id").is_between(pl.lit(unit.args["first"]), pl.lit(unit.args["last"])))
            .sort("asset_id")
            .collect()
        )
        known = earlier.known(modality, assets["asset_id"].to_list(), work)
        depth = Depth(self.config.video_frames, self.config.sound_seconds)
        counts = measure(modality, assets, unit.key, depth, work, known)
        earlier.keep_sums(self._terms, unit, work)
        return counts

    @property
    def _terms(self) -> Any:
        """What decides about the rows of a file, apart from its bytes and the libraries."""
        return [self.version, self.config.model_dump(mode="json")]

    def _parts(self, work: Work, modality: Modality) -> list[str]:
        """The parts that this run has written of a modality's signals; others may lie there from an earlier one."""
        return [unit.key for unit in self._slices(work.dataset, modality)]
