"""Files beside the records that hold a part of them: picture lists, download lists, parents of variants."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from m5tools.errors import UsageError
from m5tools.ingest.extract import Record
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers import READERS


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


def joiner(mapping: Mapping, root: Path | None) -> Callable[[Record], Record] | None:
    """A function that appends to a record what its companions say of it; None where there are none.

    Args:
        mapping: the mapping; without companions the function gives the record back.
        root: folder that the companions' globs start from.
    """
    if root is None or not mapping.companions:
        return None
    tables: list[tuple[str, dict[str, dict[str, list[str]]]]] = []
    for companion in mapping.companions:
        found: dict[str, dict[str, list[str]]] = {}
        for file in sorted(root.glob(companion.files)):
            for chunk in READERS["csv"].chunks(str(file), file.name):
                for record in (r for batch in READERS["csv"].batches(chunk, mapping) for r in batch.records):
                    cell = record.get(companion.key, "")
                    for key in re.findall(companion.find, cell) if companion.find else [cell]:
                        target = found.setdefault(key.strip(), {})
                        for column, field in companion.columns.items():
                            if record.get(column):
                                target.setdefault(field, []).append(record[column])
        tables.append((companion.matches, found))

    def join(record: Record) -> Record:
        for matches, found in tables:
            key = record.get(matches)
            for field, values in found.get(key, {}).items() if isinstance(key, str) else ():
                earlier = record.get(field)
                record = {**record, field: [*(earlier if isinstance(earlier, list) else []), *values]}
        return record

    return join
