"""What the papers tell of shards, counted from their indexes alone, shard by shard."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from m5tools.concentration import gini, top_share
from m5tools.shards.index import codes, present_counts
from m5tools.vocabulary import MODALITIES, Band, Modality, Reason, State

COLUMNS: Final = ("present", "state", "reason", "category", "band", "tags", "video_s", "audio_s", "members")
"""Columns of the index that are counted."""


class Hole(NamedTuple):
    """One reason for which samples of a split lack a modality."""

    split: str
    modality: Modality
    state: State
    reason: Reason


@dataclass(frozen=True)
class LongTail:
    """The sizes of the categories of all samples.

    Attributes:
        categories: how many there are.
        samples: in them.
        without: samples whose category is not known.
        largest: of one category.
        singletons: categories of one sample.
        gini: 0 = all of one size, towards 1 = one holds everything.
        top_10: share of the samples in the largest tenth of the categories (rounded, at least one).
        bands: samples of head, middle and tail, as the survey of the whole dataset cut them.
    """

    categories: int
    samples: int
    without: int
    largest: int
    singletons: int
    gini: float
    top_10: float
    bands: tuple[int, ...]


class Facts:
    """Counts over indexes; they do not depend on the order in which these are added.

    Attributes:
        samples: by split.
        present: samples that have a modality, by split and modality.
        holes: samples that lack one, by why.
        members: names of all members.
        categories: samples by category; those without one are not in it.
        bands, tags: samples by band and by tag.
        milliseconds: of clips and of sounds.
    """

    def __init__(self) -> None:
        self.samples: Counter[str] = Counter()
        self.present: Counter[tuple[str, Modality]] = Counter()
        self.holes: Counter[Hole] = Counter()
        self.members: set[str] = set()
        self.categories: Counter[str] = Counter()
        self.bands: Counter[str] = Counter()
        self.tags: Counter[str] = Counter()
        self.milliseconds: Counter[Modality] = Counter()

    def add(self, split: str, index: pa.Table) -> None:
        """Count one more index."""
        self.samples[split] += index.num_rows
        for modality, count in present_counts(index).items():
            self.present[split, modality] += count
        self._add_holes(split, index)
        self.members.update(pc.unique(pc.struct_field(pc.list_flatten(index["members"]), "name")).to_pylist())
        for counter, values in (
            (self.categories, index["category"]),
            (self.bands, index["band"]),
            (self.tags, pc.list_flatten(index["tags"])),
        ):
            counted = pc.value_counts(values.drop_null())
            for pair in counted.to_pylist():
                counter[pair["values"]] += pair["counts"]
        for modality, column in ((Modality.VIDEO, "video_s"), (Modality.AUDIO, "audio_s")):
            seconds = index[column].drop_null().to_numpy()
            self.milliseconds[modality] += int(np.rint(seconds.astype(np.float64) * 1000).sum())

    def _add_holes(self, split: str, index: pa.Table) -> None:
        if not index.num_rows:
            return
        both = codes(index["state"]).astype(np.int64) * 256 + codes(index["reason"])
        for modality in MODALITIES:
            for code, count in zip(*np.unique(both[:, modality.bit], return_counts=True), strict=True):
                state, reason = State(int(code) // 256), Reason(int(code) % 256)
                if state is not State.PRESENT:
                    self.holes[Hole(split, modality, state, reason)] += int(count)

    @property
    def total(self) -> int:
        """Samples of all splits."""
        return sum(self.samples.values())

    def has(self, modality: Modality) -> int:
        """Samples of all splits that have a modality."""
        return sum(count for (_, m), count in self.present.items() if m is modality)

    def missing(self) -> list[tuple[State, Reason, tuple[int, ...]]]:
        """Every state and reason that occurs, in the order of their codes, with the samples of each modality."""
        found: dict[tuple[State, Reason], list[int]] = {}
        for hole, count in self.holes.items():
            row = found.setdefault((hole.state, hole.reason), [0] * len(MODALITIES))
            row[hole.modality.bit] += count
        return [(*key, tuple(found[key])) for key in sorted(found)]

    def largest_categories(self, most: int) -> list[tuple[str, int]]:
        """The largest categories with their samples, ties by name."""
        return sorted(self.categories.items(), key=lambda item: (-item[1], item[0]))[:most]

    def tail(self) -> LongTail:
        """The numbers of the long tail; zeros where no category is known."""
        sizes = np.array([*self.categories.values()], np.int64)
        samples = int(sizes.sum())
        return LongTail(
            categories=len(sizes),
            samples=samples,
            without=self.total - samples,
            largest=int(sizes.max(initial=0)),
            singletons=int((sizes == 1).sum()),
            gini=gini(sizes),
            top_10=top_share(sizes, 0.1),
            bands=tuple(self.bands[band.value] for band in Band),
        )
