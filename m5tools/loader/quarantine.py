"""The ledger of what a training run found unreadable: the next cut can read it, and too much of it ends the run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from m5tools import atomic
from m5tools.errors import M5Error
from m5tools.loader.batch import Batch
from m5tools.vocabulary import Modality, Reason

AT_LEAST: Final = 20
"""Bad samples below which no share of them ends a run: the first batches are no measure of a dataset."""


_LEDGER: Final = pa.schema([(name, pa.string()) for name in ("product_id", "modality", "shard", "member", "reason")])


@dataclass(frozen=True)
class BadSample:
    """A member that is not what the index says, and so costs its sample's place in the batch."""

    product_id: str
    modality: Modality | None
    shard: str
    member: str
    reason: Reason


class TooManyBad(M5Error):
    """More samples are unreadable than the run allows."""


class Ledger:
    """What one rank found.

    Args:
        run: output folder of the training run, or None.
        rank: of this process.
        most: share of samples that may be bad.

    Attributes:
        bad: the unreadable members, each once.
        delivered: slots that were to be filled.
        lost: those whose sample was unreadable, replaced or not.
    """

    def __init__(self, run: Path | None, rank: int, most: float) -> None:
        self.bad: dict[BadSample, None] = {}
        self.delivered = 0
        self.lost = 0
        self._run = run
        self._rank = rank
        self._most = most
        self._written = 0

    def add(self, batch: Batch, bad: Iterable[BadSample]) -> None:
        """Count one more batch.

        Raises:
            TooManyBad: the share of lost samples is too high; what was found is written first.
        """
        self.bad.update(dict.fromkeys(bad))
        real = sum(map(bool, batch.ids))
        self.delivered += real
        self.lost += int(batch.stand_in.sum()) + real - int(batch.valid.sum())
        if self.lost >= AT_LEAST and self.lost > self._most * self.delivered:
            self.write()
            raise TooManyBad(
                f"{self.lost:,} of {self.delivered:,} samples could not be read, which is more than max_bad_share "
                f"{self._most:g}; run 'm5 check' on the shards. The last: {_told(next(reversed(self.bad)))}"
            )

    def write(self) -> None:
        """Write what was found to the run's folder, if there is one and anything new."""
        if self._run is not None and len(self.bad) > self._written:
            self.write_to(self._run)
            self._written = len(self.bad)

    def write_to(self, run: Path) -> Path:
        """Write `quarantine/rank-<r>.parquet` below a folder; returns its path.

        What it lists already, from another loader of the run or before the run was resumed, stays. A connection that
        failed is no fault of the sample: it counts, but the next cut shall not withhold it.
        """
        path = run / "quarantine" / f"rank-{self._rank}.parquet"
        rows = [
            {
                "product_id": b.product_id,
                "modality": b.modality.value if b.modality else None,
                "shard": b.shard,
                "member": b.member,
                "reason": b.reason.word,
            }
            for b in self.bad
            if b.reason is not Reason.CONNECTION_ERROR
        ]
        if path.exists():
            known = pq.read_table(path, schema=_LEDGER).to_pylist()
            rows = known + [row for row in rows if row not in known]
        with atomic.whole_file(path) as temporary:
            pq.write_table(pa.Table.from_pylist(rows, schema=_LEDGER), temporary)
        return path


def _told(bad: BadSample) -> str:
    return f"{bad.member} of {bad.product_id} in {bad.shard}, {bad.reason.word}"
