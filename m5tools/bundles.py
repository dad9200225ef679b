"""Bundles: parts that hold the rows of several crawls, made by `m5 compact` from the small parts of each.

A bundle has a folder beside those of single crawls in each of the tables that ingest cuts by crawl and partition.
Which crawls lie in which bundle stands in one small file, and nothing else decides what is read: a folder of a bundle
that is not named there is half written, and that of a crawl that is in a bundle is about to be removed. So one rename
switches from the many parts to the few.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from m5tools.errors import UsageError

TABLES: Final = ("products", "texts", "attributes", "media")
"""The tables that are bundled."""
RECORD: Final = "tables/bundles.json"
MARK: Final = "+"
"""In the name of every bundle and of no crawl; it sorts before whatever a crawl's name may go on with."""

Bundles = Mapping[str, tuple[str, ...]]
"""Crawls by bundle, sorted."""


def read(root: Path) -> Bundles:
    """The bundles of a dataset.

    Raises:
        UsageError: the file that tells them is damaged.
    """
    file = root / RECORD
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(body, dict) or not all(map(_are_crawls, body.values())):
            raise ValueError("it does not list crawls by bundle")
        if odd := [name for name, crawls in body.items() if not _is_bundle(name, crawls)]:
            raise ValueError(f"{odd[0]!r:.80} is no name of a bundle of these crawls")
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is damaged ({error}); restore it or build the dataset anew") from error
    return {name: tuple(crawls) for name, crawls in body.items()}


def _are_crawls(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(crawl, str) for crawl in value)


def _is_bundle(name: str, crawls: Sequence[str]) -> bool:
    """Whether crawls lie in a folder of this name, which is removed once nothing of it is read any more."""
    return "/" not in name and "\0" not in name and bool(crawls) and name == name_of(crawls)


def name_of(crawls: Sequence[str]) -> str:
    """The name of a bundle, which sorts where its first crawl does."""
    return f"{crawls[0]}{MARK}{hashlib.sha256(json.dumps(list(crawls)).encode()).hexdigest()[:8]}"


def read_parts(parts: Sequence[Path], bundles: Bundles) -> list[Path]:
    """Those among the parts of a table that are to be read."""
    inside = {crawl for crawls in bundles.values() for crawl in crawls}
    folders = {part.parent.name for part in parts}
    taken = {name for name in folders - inside if MARK not in name or name in bundles}
    return [part for part in parts if part.parent.name in taken]


def in_order(
    parts: Sequence[Path], bundles: Bundles, crawls: Collection[str] | None = None
) -> list[tuple[Path, tuple[str, ...] | None]]:
    """Parts in the order in which their crawls would be read if each had a part of its own.

    Of several partitions, those of a bundle come one after the other, each with its crawls in order.

    Args:
        parts: of one table, in order.
        bundles: the bundles.
        crawls: only these.

    Returns:
        Part, and which of its crawls; None where these are all of it.
    """
    folders: dict[str, list[Path]] = {}
    for part in parts:
        folders.setdefault(part.parent.name, []).append(part)
    homes = {crawl: name for name in folders for crawl in bundles.get(name, (name,))}
    asked = sorted(crawl for crawl in homes if crawls is None or crawl in crawls)
    found: list[tuple[Path, tuple[str, ...] | None]] = []
    for name, run in groupby(asked, key=homes.__getitem__):
        taken = tuple(run)
        found += [(part, None if taken == bundles.get(name, (name,)) else taken) for part in folders[name]]
    return found
