"""Rounds that find which products stand in evaluation sets: what these may be known by, and who of ours is known by it.

What is looked up partition by partition is kept once before: the files of a dataset, and of the evaluation sets what
few of their products share.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import polars as pl

from m5tools import atomic
from m5tools.dataset import Dataset
from m5tools.joins import looked_up
from m5tools.partitions import part_name
from m5tools.split import contamination, copies, files
from m5tools.split.contamination import shared, traces
from m5tools.split.copies import copied, looks
from m5tools.stage import Counts, Unit, Work

ROUNDS: Final = ("files", "evaluation", "telling", "compare")
_OWN: Final = "own"


@lru_cache
def opened(folder: str, run: str = "") -> Dataset:
    """An evaluation set, opened once by each process that reads it: to open one in a store lists all that it holds.

    Args:
        folder: the set.
        run: the scratch folder of the run whose units read it: a worker that outlives a run, on a machine where
            nobody else opens the set, would show the next one what it was before.
    """
    return Dataset(folder)


def units(round_name: str, dataset: Dataset, sets: Sequence[Dataset]) -> list[Unit]:
    """The units of one of these rounds."""
    match round_name:
        case "files":
            whose: list[tuple[str, dict[str, Any]]] = [(_OWN, {}), *((_set(i), {"which": i}) for i in range(len(sets)))]
            return [Unit(f"{name}-{kind}", {**of, "kind": kind}) for name, of in whose for kind in files.KINDS]
        case "evaluation":
            every = [(i, j) for i, other in enumerate(sets) for j in range(other.partitions)]
            return [Unit(f"{_set(i)}-{part_name(j)}", {"which": i, "partition": j}) for i, j in every]
        case "telling":
            return [Unit("all")]
        case _:
            return [Unit(part_name(i), {"partition": i}) for i in range(dataset.partitions)]


def process(round_name: str, unit: Unit, work: Work, sets: Sequence[Dataset]) -> Counts:
    """Do one unit of these rounds."""
    which = unit.args.get("which")
    whose, kept = (work.dataset, _OWN) if which is None else (sets[which], _set(which))
    folder = work.scratch / "files" / kept
    match round_name:
        case "files":
            files.keep(whose, folder, unit.args["kind"])
        case "evaluation":
            found = traces(whose, unit.args["partition"], folder)
            _keep(work.scratch / "evaluation", unit.key, found)
            shown = looks(whose, unit.args["partition"], folder, turned=False)
            _keep(work.scratch / "evaluation_looks", unit.key, shown)
            return {"evaluation_products": found["product_id"].n_unique()}
        case "telling":
            known = contamination.telling(_kept(work.scratch / "evaluation"))
            looked_up.keep(work.scratch / "telling", known.lazy(), "trace")
            _keep(work.scratch / "telling_looks", unit.key, copies.telling(_kept(work.scratch / "evaluation_looks")))
        case _:
            mine = traces(whose, unit.args["partition"], folder)
            met = shared(mine, looked_up.rows_of(work.scratch / "telling", mine["trace"]))
            shown = looks(whose, unit.args["partition"], folder, turned=True)
            near = copied(shown, _kept(work.scratch / "telling_looks"))
            _keep(work.scratch / "shared", unit.key, pl.concat([met, near], how="diagonal"))
    return {}


def contaminated(work: Work) -> pl.DataFrame:
    """Who is in an evaluation set, once all rounds are done: see :func:`m5tools.split.contamination.contaminated`."""
    return contamination.contaminated(_kept(work.scratch / "shared"))


def _set(which: int) -> str:
    return f"set-{which}"


def _keep(folder: Path, name: str, rows: pl.DataFrame) -> None:
    with atomic.whole_file(folder / f"{name}.parquet") as temporary:
        rows.write_parquet(temporary)


def _kept(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(sorted(folder.glob("[!.]*.parquet")), glob=False)
