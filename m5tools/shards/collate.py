"""From the gathered rows of partitions to those of a shard.

Every partition leaves a file, sorted by shard, and a shard has rows in nearly all of them. Partitions and shards both
grow with the products, so to open every file for every shard is the square. Where there are many shards, the rows of a
run of neighbouring ones are brought together first: at most `RUNS` runs, each a file of at most `STRETCHES` stretches,
so a partition's file is opened `RUNS` times and a shard's rows lie in `STRETCHES` places.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from m5tools import atomic
from m5tools.partitions import part_name
from m5tools.stage import Counts, Unit, Work

RUNS = 64
STRETCHES = 16
_COLLATED: Final = "collated"


def gathered(folder: Path, partition: int) -> Path:
    """Where the rows of a partition lie: columns `number` (of the shard), `place` (in it) and others, sorted by them.

    Args:
        folder: scratch of the stage.
        partition: which.
    """
    return folder / f"{part_name(partition)}.arrow"


def run_units(shards: int) -> list[Unit]:
    """The units that bring rows together, each those of a run of neighbouring shards; none where there are few."""
    if shards <= RUNS:
        return []
    bounds = [-(-run * shards // RUNS) for run in range(RUNS + 1)]
    return [Unit(f"run-{i:05d}", {"run": i, "first": a, "beyond": b}) for i, (a, b) in enumerate(pairwise(bounds))]


def shard_units(tars: Sequence[str]) -> list[Unit]:
    """The units that write shards, each one.

    Args:
        tars: their names, in the order of their numbers.
    """
    shards = len(tars)
    runs = (number * RUNS // shards if shards > RUNS else None for number in range(shards))
    return [
        Unit(Path(tar).stem, {"tar": tar, "number": number, "run": run})
        for number, (tar, run) in enumerate(zip(tars, runs, strict=True))
    ]


def bring_together(unit: Unit, work: Work) -> Counts:
    """Bring the rows of one run together in one file, stretch by stretch.

    Args:
        unit: of :func:`run_units`.
        work: of the unit; in its scratch folder partitions are gathered.
    """
    files = _files(work)
    a_stretch = -(-len(files) // STRETCHES)
    with (
        atomic.whole_file(_run(work, unit.args["run"])) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, _mapped(files[0]).schema) as writer,
    ):
        for start in range(0, len(files), a_stretch):
            stretch = map(_mapped, files[start : start + a_stretch])
            rows = _of_shards(stretch, unit.args["first"], unit.args["beyond"]).combine_chunks()
            order = np.argsort(rows["number"].to_numpy(), kind="stable")
            writer.write_table(rows.take(order).combine_chunks(), max_chunksize=max(1, rows.num_rows))
    return {}


def load(unit: Unit, work: Work) -> pa.Table:
    """The rows of one shard in their order; of the files only these rows are read.

    Args:
        unit: of :func:`shard_units`.
        work: of the unit; where there are many shards, their rows were brought together.
    """
    number, run = unit.args["number"], unit.args["run"]
    tables: Iterable[pa.Table]
    if run is None:
        tables = map(_mapped, _files(work))
    else:
        tables = (pa.Table.from_batches([rows]) for rows in _mapped(_run(work, run)).to_batches())
    found = _of_shards(tables, number, number + 1)
    return found.take(np.argsort(found["place"].to_numpy(), kind="stable"))


def _of_shards(tables: Iterable[pa.Table], first: int, beyond: int) -> pa.Table:
    """The rows of some shards in tables that are sorted by shard."""
    found = []
    for rows in tables:
        begin, end = np.searchsorted(rows["number"].to_numpy(), (first, beyond)).tolist()
        found.append(rows.slice(begin, end - begin))
    return pa.concat_tables(found)


def _files(work: Work) -> list[Path]:
    return [gathered(work.scratch, partition) for partition in range(work.dataset.partitions)]


def _run(work: Work, run: int) -> Path:
    return work.scratch / _COLLATED / f"{run:05d}.arrow"


def _mapped(file: Path) -> pa.Table:
    with pa.memory_map(str(file)) as source:
        return pa.ipc.open_file(source).read_all()
