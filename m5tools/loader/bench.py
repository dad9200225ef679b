"""Where a loader's time goes: reading, decoding, packing, hand-off, each by itself, then all of it, beside the ceiling.

The ceiling is decoding alone, from bytes in memory, in as many threads as there are in all workers, measured once more
behind the whole: no loader can be faster. A `whole` far below it where every stage is fast means that processes wait
for each other, or for a machine that others use too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch.utils.data import DataLoader, Dataset

from m5tools.errors import UsageError
from m5tools.loader.batch import Batch
from m5tools.loader.crew import Crew, fair_threads
from m5tools.loader.loader import Loader
from m5tools.loader.pack import Packing
from m5tools.loader.quarantine import BadSample
from m5tools.loader.read import Payload, read
from m5tools.loader.samples import Samples, as_it_is

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Stage:
    """One stage by itself.

    Attributes:
        name: read, decode, pack, hand-off, whole, or ceiling.
        samples_per_s: by the clock.
        processor_us: of this process for a sample, in µs; None where other processes do the work.
    """

    name: str
    samples_per_s: float
    processor_us: float | None


@dataclass(frozen=True)
class Rates:
    """What was measured.

    Attributes:
        samples, batches: how many were read.
        bytes_a_sample: read of each, on average.
        bad: samples that were unreadable.
        workers, threads: processes, and decoding threads in each.
        processors: that this process may use.
        load: of the machine over the last minute, when measuring ended.
        stages: in the order of the work.
    """

    samples: int
    batches: int
    bytes_a_sample: float
    bad: int
    workers: int
    threads: int
    processors: int
    load: float
    stages: tuple[Stage, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON writes it; `share` is the rate of the whole over the ceiling."""
        return {**asdict(self), "share": self.share}

    @property
    def share(self) -> float:
        """Rate of the whole over that of the ceiling."""
        rate = {stage.name: stage.samples_per_s for stage in self.stages}
        return rate["whole"] / rate["ceiling"]


class _Undecoded(Dataset[Batch]):
    """Batches whose pictures nobody decodes: packing and hand-off are all that is left."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def __getitems__(self, rows: Sequence[int]) -> tuple[Batch, list[BadSample]]:
        samples, chosen = self.samples, np.asarray(rows, np.int64)
        return Packing(samples.view, chosen, samples.wanted(chosen), samples.decoder).batch()


def measure(
    uri: str | Path, *, batches: int = 30, workers: int = 1, threads: int | None = None, **options: Any
) -> Rates:
    """Measure a loader stage by stage.

    Args:
        uri: shard folder.
        batches: how many to measure each stage on.
        workers: worker processes of the whole loader; 0 = this process.
        threads: decoding threads in each; None = what this machine has.
        options: as of :class:`m5tools.loader.loader.Loader`.

    Raises:
        UsageError: the folder or an option makes no sense, or there are fewer than two batches.
    """
    threads = fair_threads(workers) if threads is None else threads
    loader = Loader(uri, workers=workers, threads=threads, **options)
    samples, size = loader.samples, loader.plan.global_batch_size
    count = min(batches, len(samples) // size)
    if count < 2:
        raise UsageError(f"{len(samples)} samples are fewer than two batches of {size}; give a smaller --batch-size")
    rows = np.random.default_rng(0).permutation(len(samples))[: count * size].reshape(count, size)
    several = Crew(threads * max(1, workers))
    _warm_up(samples, rows[0], several)
    payloads: list[list[Payload]] = []
    stages = [_timed("read", rows, lambda some: payloads.append(list(_read(samples, some))))]
    packings = [Packing(samples.view, some, samples.wanted(some), samples.decoder) for some in rows]
    stages.append(_timed("decode", rows, _decoding(several, packings, payloads)))
    ready = iter(packings)
    bad: set[str] = set()
    stages.append(_timed("pack", rows, lambda _: bad.update(fault.product_id for fault in next(ready).batch()[1])))
    processes = {"num_workers": max(1, workers), "multiprocessing_context": "spawn"}
    handed = DataLoader(_Undecoded(samples), batch_sampler=rows.tolist(), collate_fn=as_it_is, **processes)  # type: ignore[arg-type]
    stages.append(_flowing("hand-off", iter(handed), size))
    stages.append(_flowing("whole", islice(chain.from_iterable(repeat(loader)), count), size))
    stages.append(_timed("ceiling", rows, _decoding(several, packings, payloads)))
    return Rates(
        samples=rows.size,
        batches=count,
        bytes_a_sample=sum(len(p.data) for some in payloads for p in some) / rows.size,
        bad=len(bad),
        workers=workers,
        threads=threads,
        processors=fair_threads(0),
        load=os.getloadavg()[0],
        stages=tuple(stages),
    )


def _read(samples: Samples, rows: Rows) -> Iterator[Payload]:
    wanted = samples.wanted(rows)
    return read(samples.view, samples.files, samples.view.shard[rows[wanted.sample]], wanted.number)


def _decoding(crew: Crew, packings: list[Packing], payloads: list[list[Payload]]) -> Callable[[Rows], None]:
    """Decodes the next batch at each call."""
    work = zip(packings, payloads, strict=True)

    def one(_: Rows) -> None:
        packing, members = next(work)
        crew.each(packing.take, iter(members))

    return one


def _warm_up(samples: Samples, rows: Rows, crew: Crew) -> None:
    """The first batch starts threads and opens files, which is no stage's business."""
    packing = Packing(samples.view, rows, samples.wanted(rows), samples.decoder)
    crew.each(packing.take, _read(samples, rows))


def _timed(name: str, rows: Rows, stage: Callable[[Rows], Any]) -> Stage:
    began, used = time.perf_counter(), time.process_time()
    for some in rows:
        stage(some)
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    return Stage(name, rows.size / seconds, processor / rows.size * 1e6)


def _flowing(name: str, batches: Iterator[Any], size: int) -> Stage:
    """The rate at which batches arrive once the first is here: starting and ending processes is no stage."""
    came = [time.perf_counter() for _ in batches]
    return Stage(name, (len(came) - 1) * size / (came[-1] - came[0]), None)
