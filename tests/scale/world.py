"""A small world of products with class and instance factors, delivered as real batches without any file.

Text and table name the factors, pictures and video show some of them, the sound is pure noise with a nuisance of its
own (a random pitch that fills the whole clip, so it is easily reconstructed from itself). Several sellers offer each
product; titles are noisy, media are often missing, video and sound together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from m5tools.loader.batch import Batch
from m5tools.loader.lane import Lane
from m5tools.loader.plan import Plan
from m5tools.loader.ragged import Ragged
from m5tools.loader.slots import PADDING, Slots
from m5tools.loader.state import State as LoaderState
from m5tools.vocabulary import MODALITIES, Modality, Reason, State

NOUNS = ("mug", "lamp", "chair", "shirt", "kettle", "bag", "clock", "drill")
BRANDS = tuple(a + b for a in ("ac", "bor", "cel", "dun", "em", "fol") for b in ("mo", "ria", "tex", "vik"))
COLOURS = {
    "red": (200, 30, 30), "blue": (30, 60, 200), "green": (30, 160, 60), "black": (25, 25, 25),
    "white": (235, 235, 235), "yellow": (225, 205, 40),
}  # fmt: skip
MATERIALS = ("steel", "wood", "cotton", "glass", "ceramic", "plastic")
CHATTER = ("new", "sale", "original", "free shipping", "best quality", "gift", "2024", "top seller", "hot")
SECOND = 16_000


@dataclass(frozen=True)
class Listing:
    """One offer, ready to be laid into a batch."""

    id: str
    category: int
    cluster: int
    present: tuple[bool, ...]
    pictures: np.ndarray
    texts: tuple[str, ...]
    table: tuple[str, ...]
    frames: np.ndarray
    samples: np.ndarray


class World:
    """Listings of three splits; also opens loaders on them, as a shard folder does."""

    def __init__(self, products: int, seed: int = 0, size: int = 32, missing: float = 0.15) -> None:
        rng = np.random.default_rng(seed)
        self.size = size
        self.missing = missing
        self.splits: dict[str, list[Listing]] = {"train": [], "val": [], "test": []}
        for number in range(products):
            split = ("train",) * 7 + ("val", "test", "test")
            self._offers(rng, number, self.splits[split[number % 10]])
        for listings in self.splits.values():
            order = rng.permutation(len(listings))
            listings[:] = [listings[i] for i in order]

    def _offers(self, rng: np.random.Generator, number: int, into: list[Listing]) -> None:
        category = min(int(rng.zipf(1.6)) - 1, len(NOUNS) - 1)
        factors = {
            "brand": str(rng.choice(BRANDS)),
            "colour": str(rng.choice(list(COLOURS))),
            "material": str(rng.choice(MATERIALS)),
            "model": f"{rng.choice(list('KXRT'))}{rng.integers(10, 99)}",
            "capacity": f"{rng.integers(1, 20) * 50} ml",
        }
        shape = rng.integers(0, 2, (4, 4))
        for offer in range(1 + int(rng.integers(0, 4))):
            name = hashlib.sha256(f"{number}/{offer}".encode()).hexdigest()[:32]
            into.append(self._listing(rng, name, category, number, factors, shape))

    def _listing(
        self, rng: np.random.Generator, name: str, category: int, cluster: int, factors: dict[str, str],
        shape: np.ndarray,
    ) -> Listing:  # fmt: skip
        named = [v for v in (*factors.values(), NOUNS[category]) if rng.random() < 0.6]
        words = [*named, *rng.choice(CHATTER, 3, replace=False).tolist()]
        title = " ".join(str(words[i]) for i in rng.permutation(len(words))) or "item"
        pairs = [(k, v) for k, v in (("type", NOUNS[category]), *factors.items()) if rng.random() < 0.7]
        with_video = rng.random() > 3 * self.missing
        present = (
            rng.random() > self.missing,
            rng.random() > self.missing / 3,
            bool(pairs) and rng.random() > self.missing,
            with_video,
            with_video and rng.random() > 0.1,
        )
        if not any(present):
            present = (False, True, False, False, False)
        frames = np.stack([self._picture(rng, category, factors["colour"], shape, 60) for _ in range(3)])
        return Listing(
            name, category, cluster, present,
            self._picture(rng, category, factors["colour"], shape, 25)[None],
            (title, f"{factors['brand']} quality"),
            tuple(s for pair in pairs for s in pair),
            frames,
            self._noise(rng),
        )  # fmt: skip

    def _picture(
        self, rng: np.random.Generator, category: int, colour: str, shape: np.ndarray, noise: float
    ) -> np.ndarray:
        side = self.size
        background = 90 + 15 * category
        cells = np.kron(shape, np.ones((side // 4, side // 4)))[None]
        picture = np.where(cells > 0, np.array(COLOURS[colour])[:, None, None], background)
        picture = picture + rng.normal(0, noise, picture.shape) + rng.normal(0, noise / 2, (3, 1, 1))
        return picture.clip(0, 255).astype(np.uint8)

    def _noise(self, rng: np.random.Generator) -> np.ndarray:
        time = np.arange(int(1.5 * SECOND)) / SECOND
        tone = np.sin(2 * np.pi * rng.uniform(200, 6000) * time) * rng.uniform(0.05, 0.5)
        return ((tone + rng.normal(0, 0.01, len(time))) * 32767).clip(-32768, 32767).astype(np.int16)

    def open(
        self, split: str, modalities: Sequence[Modality], *, batch_size: int, shuffle: bool, drop_last: bool,
        without: Sequence[str] = (), rank: int = 0, world_size: int = 1,
    ) -> WorldLoader:  # fmt: skip
        listings = self.splits[split]
        clusters = {x.cluster for x in listings if x.id in set(without)}
        kept = [x for x in listings if x.cluster not in clusters]
        plan = Plan(fingerprint(kept), len(kept), 0, batch_size, shuffle, drop_last)
        return WorldLoader(kept, tuple(modalities), plan, rank, world_size)


def fingerprint(listings: list[Listing]) -> str:
    return hashlib.sha256("".join(x.id for x in listings).encode()).hexdigest()[:16]


class WorldLoader:
    """The part of the loader's interface that training uses, over the loader's own plan."""

    categories = NOUNS

    def __init__(
        self, listings: list[Listing], modalities: tuple[Modality, ...], plan: Plan, rank: int, world_size: int
    ) -> None:  # fmt: skip
        self.listings, self.modalities, self.plan = listings, modalities, plan
        self.lane = Lane(plan, rank, world_size)
        self.step = 0

    @property
    def fingerprint(self) -> str:
        return self.plan.order_fingerprint

    def __len__(self) -> int:
        return self.lane.whole()

    def __iter__(self) -> Iterator[Batch]:
        self.lane.start = self.step
        for slots in self.lane:
            self.step += 1
            yield make_batch(self.listings, self.modalities, slots)
        self.step = 0

    def set_epoch(self, epoch: int) -> None:
        self.step = self.step if epoch == self.lane.epoch else 0
        self.lane.epoch = epoch

    def state_dict(self) -> dict[str, Any]:
        return LoaderState(self.fingerprint, 0, self.plan.global_batch_size, self.lane.epoch, self.step).to_dict()

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        self.lane.epoch, self.step = state["epoch"], state["step"]


def make_batch(
    known: list[Listing], modalities: tuple[Modality, ...] = MODALITIES, slots: Slots | None = None
) -> Batch:
    """Lay listings into one batch; absent payload is not stored."""
    slots = slots or Slots.of(range(len(known)))
    valid = slots.rows != PADDING
    listings = [known[i] for i in slots.rows]  # padding is the last one's twin, of which nothing is present
    present = torch.tensor(
        [
            [bool(v and p and m in modalities) for p, m in zip(x.present, MODALITIES, strict=True)]
            for v, x in zip(valid, listings, strict=True)
        ]
    )
    here = [[i for i in range(len(listings)) if present[i, m.bit]] for m in MODALITIES]
    pictures = np.concatenate([listings[i].pictures for i in here[0]] or [listings[0].pictures[:0]])
    rows = np.repeat(here[0], [len(listings[i].pictures) for i in here[0]])
    return Batch(
        ids=tuple(x.id for x in listings),
        valid=torch.from_numpy(valid),
        stand_in=torch.zeros(len(listings), dtype=torch.bool),
        seeds=torch.from_numpy(slots.seeds),
        present=present,
        state=torch.where(present, int(State.PRESENT), int(State.ABSENT)).to(torch.uint8),
        reason=torch.where(present, int(Reason.NONE), int(Reason.NOT_LISTED)).to(torch.uint8),
        image=Ragged(torch.from_numpy(pictures), torch.arange(len(pictures) + 1), torch.from_numpy(rows).long()),
        text=strings([(i, s) for i in here[1] for s in listings[i].texts]),
        table=strings([(i, s) for i in here[2] for s in listings[i].table]),
        video=clips([(i, listings[i].frames) for i in here[3]], listings[0].frames[:0]),
        audio=clips([(i, listings[i].samples) for i in here[4]], listings[0].samples[:0]),
        category=torch.tensor([x.category for x in listings]),
        cluster=torch.tensor([x.cluster for x in listings]),
    )


def strings(items: list[tuple[int, str]]) -> Ragged:
    raw = [np.frombuffer(s.encode(), dtype=np.uint8) for _, s in items]
    return clips([(row, r) for (row, _), r in zip(items, raw, strict=True)], np.zeros(0, dtype=np.uint8))


def clips(items: list[tuple[int, np.ndarray]], empty: np.ndarray) -> Ragged:
    data = torch.from_numpy(np.concatenate([x for _, x in items] or [empty]))
    offsets = torch.tensor([0, *(len(x) for _, x in items)]).cumsum(0)
    return Ragged(data, offsets, torch.tensor([row for row, _ in items], dtype=torch.int64))
