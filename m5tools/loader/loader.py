"""The loader: batches of incomplete products from a shard folder, in an order that is the same on any number of ranks.

>>> loader = Loader("data/shop/shards/default", global_batch_size=64, seed=1)
>>> for epoch in range(10):
...     loader.set_epoch(epoch)
...     for batch in loader:
...         train(batch)                       # save loader.state_dict() with the model whenever you like

A stock PyTorch `DataLoader` does the work. Its state is a handful of numbers that live here, not in the workers, and
count the batches handed out, not those prefetched; so training stops anywhere and goes on elsewhere, on another number
of ranks and workers, without losing or repeating a sample.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow.compute as pc
import torch
from torch.utils.data import DataLoader

from m5tools import atomic
from m5tools.errors import UsageError
from m5tools.loader.batch import Batch
from m5tools.loader.cache import NodeCache, default_folder
from m5tools.loader.catalog import Catalog
from m5tools.loader.crew import fair_threads
from m5tools.loader.decode import Decoder
from m5tools.loader.pack import BadSample
from m5tools.loader.plan import Plan
from m5tools.loader.samples import Limits, Samples, as_it_is
from m5tools.vocabulary import MODALITIES, Modality

STATE_VERSION: Final = 1


class Loader:
    """Batches of one split.

    Args:
        uri: shard folder: a path, or a URI of an object store that fsspec knows.
        split: train, val or test.
        cut: folder of a cut narrower than the one the shards were made from; its masks are laid over theirs.
        modalities: those to deliver; the others are reported as withheld and cost no read.
        filter: condition on the columns of the index, as a pyarrow or a Polars expression.
        global_batch_size: products of one step over all ranks.
        seed: of the order.
        shuffle: a new order over all shards every epoch; else the order of the shards.
        drop_last: leave out the incomplete last batch; else fill it with rows that are not `valid`.
        image_size: pixels a side of pictures and frames.
        max_images: pictures of a product, by position.
        max_frames: frames of a clip, one a second from its start.
        max_audio_seconds: length of a sound, from its start.
        workers: worker processes; 0 = read and decode in this process.
        threads: decoding threads in each; None = what this machine has, shared among workers and ranks on it.
        cache: folder for what is fetched from an object store, shared by all processes of this machine; None =
            `$XDG_CACHE_HOME/m5tools/shards`.
        cache_bytes: shards kept there together; those unused for longest go first.
        rank: this process among `world_size` that share every global batch.
        world_size: how many there are.

    Attributes:
        categories: class names of the whole folder; `Batch.category` is a position in it.
        bad: members found unreadable so far, on this rank.

    Raises:
        UsageError: the folder, the cut, the filter or the numbers make no sense; the message says what to do.
    """

    def __init__(
        self,
        uri: str | Path,
        *,
        split: str = "train",
        cut: str | Path | None = None,
        modalities: Sequence[Modality | str] = MODALITIES,
        filter: pc.Expression | pl.Expr | None = None,
        global_batch_size: int = 64,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = True,
        image_size: int = 64,
        max_images: int = 2,
        max_frames: int = 4,
        max_audio_seconds: float = 4.0,
        workers: int = 0,
        threads: int | None = None,
        cache: str | Path | None = None,
        cache_bytes: int = 50 * 2**30,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        _check_ranks(global_batch_size, rank, world_size)
        _check_sizes(
            image_size=image_size,
            max_images=max_images,
            max_frames=max_frames,
            max_audio_seconds=max_audio_seconds,
            threads=1 if threads is None else threads,
            cache_bytes=cache_bytes,
        )
        keeper = NodeCache(default_folder() if cache is None else Path(cache), cache_bytes)
        catalog = Catalog.open(uri, split, keeper.folder)
        if cut is not None:
            catalog = catalog.within(cut)
        if filter is not None:
            catalog = catalog.where(filter)
        view = catalog.view(_known(modalities))
        self.plan = Plan(view.fingerprint, len(view), seed, global_batch_size, shuffle, drop_last)
        if len(self.plan) == 0:
            raise UsageError(
                f"{len(view)} samples of split '{split}' are left, fewer than one batch of {global_batch_size}; "
                "lower global_batch_size, set drop_last=False, or widen filter and cut"
            )
        self.categories: tuple[str, ...] = catalog.manifest.categories
        self.bad: list[BadSample] = []
        self._rank = rank
        self._lane = _Lane(self.plan, rank, world_size)
        self._step = 0
        self._restored = False
        self.samples = Samples(
            view,
            Decoder(image_size, max_audio_seconds, max_frames),
            Limits(max_images, max_frames),
            threads or fair_threads(workers),
            keeper,
        )
        # Not forked, nor from a fork server that loads the user's program: Polars' threads may hold a lock just then.
        several: dict[str, Any] = {"multiprocessing_context": "spawn", "persistent_workers": True}
        self._batches: DataLoader[Any] = DataLoader(
            self.samples,
            batch_sampler=self._lane,
            collate_fn=as_it_is,
            num_workers=workers,
            generator=torch.Generator(),  # its own, so that iterating draws nothing from the trainer's
            **(several if workers else {}),
        )

    def __len__(self) -> int:
        """Batches of a whole epoch, the same on every rank."""
        return len(self.plan)

    def __iter__(self) -> Iterator[Batch]:
        """The batches of the current epoch: from its start, or once from the place of a state just loaded."""
        if not self._restored:
            self._step = 0
        self._restored = False
        self._lane.start = self._step
        return self._deliver()

    def _deliver(self) -> Iterator[Batch]:
        for batch, bad in self._batches:
            self._step += 1
            self.bad.extend(bad)
            yield batch

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch to deliver next; naming that of a state just loaded keeps its place."""
        if epoch != self._lane.epoch:
            self._restored = False
            self._step = 0
        self._lane.epoch = epoch

    def state_dict(self) -> dict[str, Any]:
        """Where training is: about 100 bytes, the same on every rank, so it is saved once."""
        return {
            "version": STATE_VERSION,
            "fingerprint": self.fingerprint,
            "seed": self.plan.seed,
            "global_batch_size": self.plan.global_batch_size,
            "epoch": self._lane.epoch,
            "step": self._step,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where the state was taken; the number of ranks and workers may be another.

        Raises:
            UsageError: it belongs to another order: other shards, filter, cut, modalities, seed or batch size.
        """
        ours = self.state_dict()
        if state.get("version") != STATE_VERSION:
            raise UsageError(f"this loader state has version {state.get('version')}, not {STATE_VERSION}")
        remedies = {
            "fingerprint": "the samples or their order changed; open the same shards with the same split, cut, filter, "
            "modalities, shuffle and drop_last",
            "seed": "open the loader with the same seed",
            "global_batch_size": "open the loader with the same global_batch_size",
        }
        for name, remedy in remedies.items():
            if state.get(name) != ours[name]:
                raise UsageError(f"cannot continue: {name} was {state.get(name)}, here it is {ours[name]}; {remedy}")
        self._lane.epoch, self._step = state["epoch"], state["step"]
        self._restored = True

    def write_quarantine(self, folder: str | Path) -> Path:
        """Write what was found unreadable to `folder/quarantine/rank-<r>.parquet`; returns its path."""
        rows = [
            {
                "product_id": b.product_id,
                "modality": b.modality.value if b.modality else None,
                "shard": b.shard,
                "member": b.member,
                "reason": b.reason.word,
            }
            for b in self.bad
        ]
        columns = ("product_id", "modality", "shard", "member", "reason")
        path = Path(folder) / "quarantine" / f"rank-{self._rank}.parquet"
        with atomic.whole_file(path) as temporary:
            pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String)).unique(maintain_order=True).write_parquet(
                temporary
            )
        return path

    @property
    def fingerprint(self) -> str:
        """16 hex digits over shards, split, samples, masks and kind of order: equal where the same can be continued."""
        plan = self.plan
        return hashlib.sha256(f"{plan.fingerprint}/{plan.shuffle}/{plan.drop_last}".encode()).hexdigest()[:16]


class _Lane:
    """What the DataLoader draws batches from: this rank's lane of an epoch, from a step on."""

    def __init__(self, plan: Plan, rank: int, world_size: int) -> None:
        self.plan = plan
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self.start = 0

    def __iter__(self) -> Iterator[list[int]]:
        lane = self.plan.lane(self.epoch, self.rank, self.world_size, self.start)
        return (rows.tolist() for rows in lane)

    def __len__(self) -> int:
        return len(self.plan) - self.start


def _check_ranks(global_batch_size: int, rank: int, world_size: int) -> None:
    if global_batch_size < 1 or world_size < 1 or not 0 <= rank < world_size:
        raise UsageError(f"rank {rank} of {world_size} with a global batch of {global_batch_size} makes no sense")
    if global_batch_size % world_size:
        raise UsageError(
            f"{world_size} ranks cannot share a global batch of {global_batch_size} equally; "
            f"choose a global_batch_size that is a multiple of {world_size}"
        )


def _check_sizes(**sizes: float) -> None:
    """A size of nothing would deliver nothing for what the masks call present."""
    for name, size in sizes.items():
        if size <= 0:
            raise UsageError(f"{name} is {size}; it must be above 0 (to leave a modality out, name the others)")


def _known(modalities: Sequence[Modality | str]) -> tuple[Modality, ...]:
    """The modalities asked for, in the fixed order."""
    names = {str(m) for m in modalities}
    unknown = sorted(names - {m.value for m in MODALITIES})
    if unknown:
        raise UsageError(f"no modality is called '{unknown[0]}'; there are {', '.join(MODALITIES)}")
    return tuple(m for m in MODALITIES if m.value in names)
