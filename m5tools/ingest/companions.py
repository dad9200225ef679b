"""Files beside the records that hold a part of them: picture lists, parents of variants, pictures named by product."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from m5tools.errors import UsageError
from m5tools.ingest.delivered import Record, selector
from m5tools.ingest.mapping import Companion, Mapping
from m5tools.ingest.readers import READERS, Batch

_TABLES = (".csv", ".tsv", ".txt")


def companion_files(mapping: Mapping, root: Path | None) -> list[Path]:
    """The companion files of a mapping below its root, in order.

    Raises:
        UsageError: there is no root to look below, or no file: what they add would silently be left out.
    """
    found: set[Path] = set()
    for companion in mapping.companions:
        if root is None:
            raise UsageError(f"mapping '{mapping.source}' has companion files; set 'root', the folder they are under")
        matches = set(root.glob(companion.files))
        if not matches:
            raise UsageError(f"no companion file {root / companion.files} for mapping '{mapping.source}'; check 'root'")
        found |= matches
    return sorted(found)


class _Found(NamedTuple):
    """What a companion says, by key."""

    key_of: Callable[[list[Record]], list[Any]]
    lists: dict[str, dict[str, list[str]]]
    whole: str | None
    rows: dict[str, Record]


def joiner(mapping: Mapping, root: Path | None) -> Callable[[Record], Record] | None:
    """A function that appends to a record what its companions say of it; None where there are none.

    Args:
        mapping: the mapping; without companions the function gives the record back.
        root: folder that the companions' globs start from.
    """
    if root is None or not mapping.companions:
        return None
    companions = [_read(companion, mapping, root) for companion in mapping.companions]

    def join(record: Record) -> Record:
        for found in companions:
            [key] = found.key_of([record])
            if isinstance(key, int):
                key = str(key)
            if not isinstance(key, str):
                continue
            for field, values in found.lists.get(key, {}).items():
                earlier = record.get(field)
                record = {**record, field: [*(earlier if isinstance(earlier, list) else []), *values]}
            if found.whole is not None and key in found.rows:
                record = {**record, found.whole: found.rows[key]}
        return record

    return join


def _read(companion: Companion, mapping: Mapping, root: Path) -> _Found:
    found = _Found(selector(companion.matches), {}, companion.whole, {})
    for row in _rows(companion, mapping, root):
        cell = row.get(companion.key, "")
        for key in re.findall(companion.find, cell) if companion.find else [cell]:
            key = key.strip()
            if not key:
                continue
            if companion.whole is not None:
                found.rows.setdefault(key, row)
            target = found.lists.setdefault(key, {})
            for column, field in companion.columns.items():
                if row.get(column):
                    target.setdefault(field, []).append(row[column])
    return found


def remarks(mapping: Mapping, root: Path | None, inputs: Collection[Path]) -> list[str]:
    """What of companion files joins no record because it cannot be read, a line a file.

    Args:
        mapping: the mapping.
        root: folder that the companions' globs start from.
        inputs: the files of records: what is wrong with one that is a companion, too, its rejects tell.
    """
    said = []
    matched = {file for companion in mapping.companions if root is not None for file in root.glob(companion.files)}
    for file in sorted(matched - {path.absolute() for path in inputs} - set(inputs)):
        refused, first = 0, None
        for batch in _batches(file, mapping) if _is_table(file) else ():
            refused += len(batch.refused)
            first = first or next(iter(batch.refused), None)
        if first is not None:
            rows = f"{refused:,} row{'s' if refused > 1 else ''} left out"
            said.append(f"companion {file}: {rows}, the first at {first.offset:,}: {first.message}")
    return said


def _rows(companion: Companion, mapping: Mapping, root: Path) -> Iterator[dict[str, Any]]:
    known, columns = False, None
    for file in sorted(root.glob(companion.files)):
        if not _is_table(file):
            known = True
            yield {"path": file.relative_to(root).as_posix(), "name": file.name}
            continue
        for batch in _batches(file, mapping):
            if batch.records:
                columns = columns or list(batch.records[0])
                known = known or companion.key in batch.records[0]
            yield from batch.records
    if columns and not known:
        raise UsageError(
            f"no companion {root / companion.files} has a column '{companion.key}'; "
            f"mapping '{mapping.source}' may name one of: {', '.join(map(repr, columns))}"
        )


def _is_table(file: Path) -> bool:
    return file.suffix.lower() in _TABLES


def _batches(file: Path, mapping: Mapping) -> Iterator[Batch]:
    for chunk in READERS["csv"].chunks(str(file), file.name):
        yield from READERS["csv"].batches(chunk, mapping)
