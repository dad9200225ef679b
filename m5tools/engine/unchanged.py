"""What a run reads must stay as it was while it runs: files of the dataset, and what lies outside it.

A part that is removed in the middle is missed by nobody, for who reads a table takes the parts that are there. So a run
looks once more before it is committed, and what was done of one that lost an input is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

from m5tools.dataset import Dataset
from m5tools.engine.markers import Markers
from m5tools.engine.room import discard
from m5tools.engine.verify import lost, spoiled
from m5tools.errors import StageFailed, StaleError, UsageError
from m5tools.stage import Stage


@contextmanager
def inputs_stay(dataset: Dataset, stage: Stage, inputs: Collection[str], markers: Markers) -> Iterator[None]:
    """Refuse what was made inside where an input was begun anew, or a file of one lost or changed its size meanwhile.

    Raises:
        StaleError: naming it, also instead of what became of a unit that fell over it.
    """
    broken: Exception | None = None
    try:
        yield
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a damaged file makes of those who read it; raised again below
        broken = error
    if anew := sorted(set(inputs) - dataset.manifest()["stages"].keys()):
        discard(markers.folder, markers.folder.parent)
        what = f"what '{anew[0]}' made, which is being made anew since the run began"
        raise StaleError(f"'{stage.name}' reads {what}; wait for that and run the same command again") from broken
    # By size: inputs may be terabytes of packs, and a unit may have failed for another reason.
    fault = next((fault for upstream in inputs if (fault := lost(dataset, upstream))), None)
    if fault is not None:
        discard(markers.folder, markers.folder.parent)
        what = f"{dataset.root / fault.path}, which is {fault.what} since the run began"
        raise StaleError(f"'{stage.name}' reads {what}; run: {fault.remedy}") from broken
    if broken is not None:
        raise broken


def refuse_spoiled(dataset: Dataset, stage: Stage) -> None:
    """Refuse to go on from files of earlier runs that are not what these wrote: the new run would vouch for them.

    Raises:
        StaleError: naming the first.
    """
    folders = stage.goes_on_from(dataset)
    if folders and (fault := spoiled(dataset, stage.entry, folders)) is not None:
        what = f"{dataset.place}/{fault.path}: {fault.what}"
        raise StaleError(f"'{stage.name}' goes on from {what}; run: {fault.remedy}")


def outside_of(stage: Stage) -> Any:
    """What a stage reads outside the dataset, as JSON has it."""
    return json.loads(json.dumps(stage.outside()))


def refuse_changed(stage: Stage, before: Any) -> None:
    """Refuse to finish where what a stage reads outside the dataset is not what it was: half of it may be of then.

    Args:
        stage: the stage.
        before: :func:`outside_of` it when the run began.

    Raises:
        StageFailed: naming what changed.
    """
    now = outside_of(stage)
    if now != before:
        what = _first_changed(before, now) or "what it reads outside the dataset"
        raise StageFailed(f"'{stage.entry}': {what} changed during the run; run the same command again")


def _first_changed(before: Any, now: Any) -> str | None:
    """The first text of the innermost list that differs: in facts about a file, its name."""
    if not isinstance(before, list) or not isinstance(now, list):
        return None
    pairs = [(a, b) for a, b in zip_longest(before, now) if a != b]
    inner = next((found for a, b in pairs if (found := _first_changed(a, b if b is not None else []))), None)
    named = bool(before) and isinstance(before[0], str)
    return before[0] if inner is None and named else inner
