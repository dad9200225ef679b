"""What an epoch of a loader is, before anything is read: its size, its cost, how ranks share it, whom it holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from m5tools.loader import check
from m5tools.loader.dealing import Dealer
from m5tools.loader.draws import Rows
from m5tools.loader.loader import Loader
from m5tools.loader.slots import PADDING
from m5tools.loader.view import View
from m5tools.vocabulary import MODALITIES, Reason, State

NO_CLASS: Final = "(none)"


@dataclass(frozen=True)
class Balance:
    """How evenly a step's cost lies on the ranks: the dearest rank over the mean rank, 1 is even.

    Attributes:
        mean: over the steps of the epoch, which is what training time follows.
        worst: of the worst step.
        undealt_mean: were batches sliced instead of dealt.
    """

    mean: float
    worst: float
    undealt_mean: float


@dataclass(frozen=True)
class Held:
    """One modality in an epoch.

    Attributes:
        samples: that have it.
        lanes_without: share of (step, rank) that hold not one.
        why_not: samples without it, by state and reason, the most frequent first.
    """

    samples: int
    lanes_without: float
    why_not: dict[str, int]


@dataclass(frozen=True)
class Explained:
    """An epoch in numbers.

    Attributes:
        samples: in the split, under cut and filter.
        shards: they lie in, those of overlays too.
        overlays: that are laid over the shards.
        batches: of the epoch.
        delivered: slots that hold a sample; with weights some come more than once.
        distinct: samples among them.
        left_over: rows of the order that fill no batch.
        read_bytes: of the members that are delivered, each as often as it is.
        shard_bytes: of the members in the index, each once.
        cost: to decode all of it; in seconds of processor time, or bytes where the index knows no times.
        cost_unit: `s` or `byte`.
        mixing_width: samples that are shuffled with each other.
        world_size: ranks that share a batch.
        balance: over these ranks.
        held: by modality, in the fixed order.
        categories: samples delivered of every class of the folder, the most frequent first.
    """

    samples: int
    shards: int
    overlays: tuple[str, ...]
    batches: int
    delivered: int
    distinct: int
    left_over: int
    read_bytes: int
    shard_bytes: int
    cost: float
    cost_unit: str
    mixing_width: int
    world_size: int
    balance: Balance
    held: dict[str, Held]
    categories: dict[str, int]


def explain(loader: Loader, world_size: int, epoch: int = 0) -> Explained:
    """An epoch of a loader, shared by a number of ranks.

    Raises:
        UsageError: they cannot share its batches equally.
    """
    size = loader.plan.global_batch_size
    check.ranks(size, 0, world_size)
    view, cost = loader.samples.view, loader.samples.cost()
    planned = loader.plan.epoch(epoch)
    rows = planned.order
    real = rows[rows != PADDING]
    dealer = Dealer(view.present, cost)
    lanes = [dealer.lanes(batch, world_size) for batch in rows.reshape(-1, size)]
    dealt = np.concatenate([batch[lane] for batch, lane in zip(rows.reshape(-1, size), lanes, strict=True)])
    dealt = dealt.reshape(len(planned), world_size, -1)
    total = float(cost[real].sum(dtype=np.float64))
    return Explained(
        samples=len(view),
        shards=_tars(view),
        overlays=loader.overlays,
        batches=len(planned),
        delivered=len(real),
        distinct=len(np.unique(real)),
        left_over=max(0, len(planned.rows) - len(rows)),
        read_bytes=int(loader.samples.size()[real].sum()),
        shard_bytes=int(view.length.sum()),
        cost=total / 1e6 if view.timed else total,
        cost_unit="s" if view.timed else "byte",
        mixing_width=loader.mixing_width,
        world_size=world_size,
        balance=_balance(cost, dealt, rows.reshape(len(planned), world_size, -1)),
        held={
            modality.value: Held(
                samples=int(view.present[real, modality.bit].sum()),
                lanes_without=float((~_any(view.present[:, modality.bit], dealt)).mean()),
                why_not=_why_not(view.state[real, modality.bit], view.reason[real, modality.bit]),
            )
            for modality in MODALITIES
        },
        categories=_classes(view.category[real], loader.categories),
    )


def _tars(view: View) -> int:
    """How many tars hold members of the samples."""
    if view.behind is None:
        return len(np.unique(view.shard))
    own = np.repeat(view.shard, np.diff(view.first))
    return len(np.unique(view.tars(own, np.arange(len(own)))))


def _balance(cost: npt.NDArray[np.float32], dealt: Rows, undealt: Rows) -> Balance:
    """Of rows `[K, W, G / W]`."""

    def ratio(lanes: Rows) -> npt.NDArray[np.float64]:
        of_ranks = np.where(lanes == PADDING, 0.0, cost[lanes]).sum(2)
        mean = of_ranks.mean(1)
        return np.asarray(np.divide(of_ranks.max(1), mean, out=np.ones_like(mean), where=mean > 0))

    now = ratio(dealt)
    return Balance(float(now.mean()), float(now.max()), float(ratio(undealt).mean()))


def _any(has: npt.NDArray[np.bool_], lanes: Rows) -> npt.NDArray[np.bool_]:
    return np.asarray(((lanes != PADDING) & has[lanes]).any(2))


def _why_not(state: npt.NDArray[np.uint8], reason: npt.NDArray[np.uint8]) -> dict[str, int]:
    codes, counts = np.unique(np.stack([state, reason]), axis=1, return_counts=True)
    told: Counter[str] = Counter()
    for code, why, count in zip(*codes.tolist(), counts.tolist(), strict=True):
        if code != State.PRESENT:
            told[f"{State(code).word}: {Reason(why).word}"] += count
    return dict(sorted(told.items(), key=lambda item: (-item[1], item[0])))


def _classes(category: npt.NDArray[np.int64], names: tuple[str, ...]) -> dict[str, int]:
    counts = np.bincount(category + 1, minlength=len(names) + 1).tolist()
    told = dict(zip((NO_CLASS, *names), counts, strict=True))
    return dict(sorted(told.items(), key=lambda item: (-item[1], item[0])))
