"""Notes: small JSON files beside the tables, checked when they are read: people edit and disks damage them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from m5tools.dataset import Dataset
from m5tools.documents import first_fault
from m5tools.errors import UsageError
from m5tools.freshness import remake

Kind = TypeVar("Kind")


def read(file: Path, kind: type[Kind], remedy: str) -> Kind:
    """What a note says; keys that its kind does not know are passed over.

    Args:
        file: the note.
        kind: what it holds, anything that pydantic can check: a dataclass, `dict[str, str]` …
        remedy: what to do where it is damaged.

    Raises:
        UsageError: it is gone, is no JSON, or holds something else.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    try:
        found: Kind = adapter.validate_json(file.read_bytes())
    except FileNotFoundError as error:
        raise UsageError(f"{file} is gone; {remedy}") from error
    except ValidationError as error:
        raise UsageError(f"{file} is damaged ({first_fault(error)}); {remedy}") from error
    return found


def read_of(dataset: Dataset, entry: str, file: Path, kind: type[Kind]) -> Kind:
    """What a note says that a finished stage left in its dataset; as :func:`read`, which see.

    Args:
        dataset: the dataset.
        entry: of the stage.
        file: the note.
        kind: what it holds.
    """
    made = dataset.manifest()["stages"].get(entry)
    words = shlex.join(["m5", entry.partition("/")[0], "--dataset", dataset.place])
    command = words if made is None else remake(dataset.place, made)
    return read(file, kind, f"restore it, or run: {command} --refresh")
