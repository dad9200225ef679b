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

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch.utils.data import DataLoader

from m5tools.errors import UsageError
from m5tools.loader import check
from m5tools.loader.batch import Batch
from m5tools.loader.buckets import Buckets
from m5tools.loader.cache import NodeCache, default_folder
from m5tools.loader.crew import fair_threads
from m5tools.loader.dealing import Dealer
from m5tools.loader.decode import Decoder
from m5tools.loader.lane import Lane
from m5tools.loader.plan import Plan
from m5tools.loader.pool import Condition, Part, Pool
from m5tools.loader.quarantine import BadSample, Ledger
from m5tools.loader.rules import rules_of
from m5tools.loader.samples import Limits, Samples, as_it_is
from m5tools.loader.state import State
from m5tools.loader.weights import LongTail
from m5tools.shared_folder import shared_folder
from m5tools.vocabulary import MODALITIES, Modality

STAND_INS: Final = 3
"""Samples kept ready for each slot: where 5 % are bad, one slot in 160,000 finds none of them good."""
_ENDED: Final = "this iteration was ended by another one, by set_epoch or by load_state_dict; begin a new one"


class Loader:
    """Batches of one split.

    Args:
        uri: shard folder: a path, or a URI of an object store that fsspec knows; or several, each a :class:`Part`,
            that are mixed.
        split: train, val or test.
        cut: folder of a cut narrower than the one the shards were made from; its masks are laid over theirs.
        overlays: names of the overlays that are laid over the shards, in this order; None = all that the folder has,
            by name.
        modalities: those to deliver; the others are reported as withheld and cost no read.
        filter: condition on the columns of the index, as a pyarrow or a Polars expression.
        global_batch_size: products of one step over all ranks.
        seed: of the order.
        shuffle: a new order over all shards every epoch; else the order of the shards.
        block: shards that are shuffled together, so that only these are read at a time; None = all.
        drop_last: leave out the incomplete last batch; else fill it with rows that are not `valid`, and deliver every
            sample exactly once, without stand-ins.
        weights: how often samples come: :class:`LongTail`, or a numeric column of the index; None = once.
        mixing: of several parts: every batch holds them in their shares (`stratified`), or an epoch does (`random`).
        buckets: batches of like length: :class:`Buckets`, or what its `by` takes; None = of any length.
        stand_ins: fill the slot of an unreadable sample with another, chosen by the plan; else it is not `valid`.
        max_bad_share: share of unreadable samples above which the run ends.
        run: output folder of the training run; unreadable samples are listed in `quarantine/rank-<r>.parquet` in it.
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
        overlays: names of the overlays in use.
        plan: the order of every epoch.
        samples: what it is an order of, by row.
        ledger: what was found unreadable so far.
        mixing_width: samples that are shuffled with each other.

    Raises:
        UsageError: the folder, the cut, the filter or the numbers make no sense; the message says what to do.
    """

    def __init__(
        self,
        uri: str | Path | Sequence[Part],
        *,
        split: str = "train",
        cut: str | Path | None = None,
        overlays: Sequence[str] | None = None,
        modalities: Sequence[Modality | str] = MODALITIES,
        filter: Condition | None = None,
        global_batch_size: int = 64,
        seed: int = 0,
        shuffle: bool = True,
        block: int | None = None,
        drop_last: bool = True,
        weights: LongTail | str | None = None,
        mixing: str = "random",
        buckets: Buckets | str | None = None,
        stand_ins: bool = True,
        max_bad_share: float = 0.05,
        run: str | Path | None = None,
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
        check.ranks(global_batch_size, rank, world_size)
        check.sizes(
            image_size=image_size,
            max_images=max_images,
            max_frames=max_frames,
            max_audio_seconds=max_audio_seconds,
            threads=1 if threads is None else threads,
            cache_bytes=cache_bytes,
        )
        keeper = NodeCache(default_folder() if cache is None else Path(cache), cache_bytes)
        pool = Pool.open(check.parts(uri, cut, overlays), split, filter, keeper.folder)
        view = pool.view(check.modalities(modalities))
        ready = STAND_INS if stand_ins and drop_last else 0
        rules = rules_of(pool, view, weights=weights, buckets=buckets, block=block, mixing=mixing, stand_ins=ready)
        samples = Samples(
            view,
            Decoder(image_size, max_audio_seconds, max_frames),
            Limits(max_images, max_frames),
            threads or fair_threads(workers),
            keeper,
        )
        dealer = functools.cache(lambda: Dealer(view.present, samples.cost())) if world_size > 1 else None
        if workers:  # they map one copy of it, which is removed with the loader
            view = samples.view = view.lay_down(shared_folder(self, "m5-view-"))
        self.plan = Plan(view.fingerprint, len(view), seed, global_batch_size, shuffle, drop_last, rules, dealer)
        self._lane = Lane(self.plan, rank, world_size)
        if len(self) == 0:
            raise UsageError(
                f"{len(view)} samples of split '{split}' are left, fewer than one batch of {global_batch_size}; "
                "lower global_batch_size, set drop_last=False, or widen filter and cut"
            )
        self.samples = samples
        self.categories: tuple[str, ...] = pool.categories
        self.overlays = tuple(dict.fromkeys(layer.name for catalog in pool.catalogs for layer in catalog.layers))
        self.mixing_width: int = self.plan.mixing_width
        self.ledger = Ledger(None if run is None else Path(run), rank, max_bad_share)
        self._step = 0
        self._restored = False
        self._turn = 0  # of iterations: only the newest one counts, and alone draws from the workers
        # Not forked, nor from a fork server that loads the user's program: Polars' threads may hold a lock just then.
        several: dict[str, Any] = {"multiprocessing_context": "spawn", "persistent_workers": True}
        self._batches: DataLoader[Any] = DataLoader(
            samples,
            batch_sampler=self._lane,  # type: ignore[arg-type] # a batch is asked for by its slots, not by a list
            collate_fn=as_it_is,
            num_workers=workers,
            generator=torch.Generator(),  # its own, so that iterating draws nothing from the trainer's
            **(several if workers else {}),
        )

    def __len__(self) -> int:
        """Batches of the whole current epoch, the same on every rank; with weights epochs differ a little."""
        return self._lane.whole()

    def __iter__(self) -> Iterator[Batch]:
        """The batches of the current epoch: from its start, or once from the place of a state just loaded.

        Raises:
            TooManyBad: more samples are unreadable than `max_bad_share`.
            UsageError: a batch is wanted of an iteration that another one, :meth:`set_epoch` to another epoch or
                :meth:`load_state_dict` has ended.
        """
        if not self._restored:
            self._step = 0
        self._restored = False
        self._lane.start = self._step
        self._turn += 1
        return self._deliver(self._turn, len(self._lane))

    def _deliver(self, turn: int, left: int) -> Iterator[Batch]:
        try:
            self._still(turn)
            for batch, bad in self._batches:
                self._step += 1
                left -= 1
                self.ledger.add(batch, bad)
                yield batch
                if not left:
                    return
                self._still(turn)
        finally:
            self.ledger.write()

    def _still(self, turn: int) -> None:
        """A state tells one place; batches of two would be counted as one."""
        if turn != self._turn:
            raise UsageError(_ENDED)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch to deliver next; naming that of a state just loaded keeps its place."""
        if epoch != self._lane.epoch:
            self._restored = False
            self._step = 0
            self._turn += 1
        self._lane.epoch = epoch

    def state_dict(self) -> dict[str, Any]:
        """Where training is: about 150 bytes, the same on every rank, so it is saved once."""
        return self._state().to_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where the state was taken; the number of ranks and workers may be another.

        Raises:
            UsageError: it belongs to another order: other shards, overlays, filter, cut, modalities, seed, batch size;
                or it is none that a loader gave.
        """
        saved = self._state().followed_by(state, self.plan.batches)
        self._lane.epoch, self._step = saved.epoch, saved.step
        self._restored = True
        self._turn += 1

    def _state(self) -> State:
        return State(self.fingerprint, self.plan.seed, self.plan.global_batch_size, self._lane.epoch, self._step)

    def write_quarantine(self, folder: str | Path) -> Path:
        """Write what was found unreadable so far to `folder/quarantine/rank-<r>.parquet`; returns its path."""
        return self.ledger.write_to(Path(folder))

    @property
    def bad(self) -> list[BadSample]:
        """The members found unreadable so far, on this rank, each once."""
        return list(self.ledger.bad)

    @property
    def fingerprint(self) -> str:
        """16 hex digits over shards, split, samples, masks and order: equal where the same can be continued."""
        return self.plan.order_fingerprint
