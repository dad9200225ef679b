"""What a stage that grows by generations had written, kept while it is being done anew.

Its entry in `dataset.json` and its completion markers go before a run begins. Were that killed, the next would go on
from earlier generations with nothing to compare them with, and vouch for whatever became of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from m5tools import atomic
from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.recorded import is_output

NAME: Final = "earlier.json"


def keep(dataset: Dataset, entry: str, outputs: list[dict[str, Any]], remedy: str) -> None:
    """Note the files of an entry that is about to be taken out of `dataset.json`.

    Args:
        dataset: the dataset.
        entry: the entry.
        outputs: its files, each an :class:`m5tools.dataset.Output` as JSON.
        remedy: the command that makes them anew.
    """
    atomic.write_json(_note(dataset, entry), {"outputs": outputs, "remedy": remedy})


def read(dataset: Dataset, entry: str) -> tuple[list[dict[str, Any]], str]:
    """What :func:`keep` noted last; no files where it did not, as earlier versions.

    Raises:
        UsageError: the note is damaged.
    """
    note = _note(dataset, entry)
    try:
        body = json.loads(note.read_text(encoding="utf-8"))
        outputs, remedy = body["outputs"], body["remedy"]
        whole = isinstance(remedy, str) and all(map(is_output, outputs))
    except FileNotFoundError:
        return [], ""
    except (ValueError, KeyError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise UsageError(f"{note} is damaged; restore it, or run the same command with --refresh")
    return outputs, remedy


def forget(dataset: Dataset, entry: str) -> None:
    """Remove the note: `dataset.json` tells of the entry again."""
    note = _note(dataset, entry)
    if note.exists():
        atomic.remove(note)


def _note(dataset: Dataset, entry: str) -> Path:
    return dataset.root / "runs" / entry / NAME
