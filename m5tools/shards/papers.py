"""The papers of a shard folder: card, Croissant, datasheet, lineage, checksums; made of what the shards hold.

They are no output that a stage answers for by its checksum: `m5 papers` writes them anew, people write answers into the
datasheet, and `m5 check` compares them with what they should say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from m5tools import atomic
from m5tools.shards import card, croissant, datasheet
from m5tools.shards.facts import COLUMNS, Facts
from m5tools.shards.lineage import LINEAGE, Lineage
from m5tools.shards.manifest import CARD, CROISSANT, DATASHEET, ShardFile, ShardManifest

CHECKSUMS: Final = "SHA256SUMS"
PAPERS: Final = (CARD, CROISSANT, DATASHEET, LINEAGE, CHECKSUMS)


def write(
    folder: Path, manifest: ShardManifest, facts: Facts, lineage: Lineage | None, checksums: Mapping[str, str]
) -> None:
    """Write all papers; what people wrote into those that stand is kept.

    Args:
        folder: of the shards, whose tars and indexes are complete.
        manifest: of the shards.
        facts: counted from all indexes.
        lineage: where they come from; None where nobody has recorded it.
        checksums: sha256 of every tar by its name.
    """
    written = texts(folder, manifest, facts, lineage, checksums)
    if lineage is not None:
        lineage.write(folder)
    atomic.write_bytes(folder / CHECKSUMS, _sums(manifest, checksums))
    for name, text in written.items():
        atomic.write_bytes(folder / name, text.encode())


def texts(
    folder: Path, manifest: ShardManifest, facts: Facts, lineage: Lineage | None, checksums: Mapping[str, str]
) -> dict[str, str]:
    """What card, Croissant and datasheet should say, by file name.

    Raises:
        UsageError: what people wrote into those that stand cannot be read.
    """
    by_hand, answers = by_people(folder)
    sizes = {file.index: (folder / file.index).stat().st_size for file in _files(manifest)}
    return {
        CARD: card.text(manifest, facts, lineage),
        CROISSANT: croissant.text(manifest, facts, lineage, checksums, sizes, by_hand),
        DATASHEET: datasheet.text(manifest, facts, lineage, answers),
    }


def by_people(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """What people set in the Croissant file that stands, and their answers in the datasheet.

    Raises:
        UsageError: one of them cannot be read, so what they wrote would be lost.
    """
    return croissant.set_by_hand(folder), datasheet.answers_in(folder)


def counted(folder: Path, manifest: ShardManifest) -> Facts:
    """The facts of shards that stand."""
    facts = Facts()
    for split, files in manifest.in_order.items():
        for file in files:
            facts.add(split, pq.read_table(folder / file.index, columns=[*COLUMNS]))
    return facts


def checksums_in(folder: Path, manifest: ShardManifest) -> dict[str, str] | None:
    """Checksums of the tars as `SHA256SUMS` has them; None where it is missing or of other shards."""
    try:
        lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    found = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    wanted = {file.tar: found.get(file.tar, "") for file in _files(manifest)}
    return wanted if _sums(manifest, wanted).decode().splitlines() == lines else None


def taken_checksums(folder: Path, manifest: ShardManifest) -> dict[str, str]:
    """Checksums of the tars, each read once."""
    return {file.tar: atomic.sha256_of(folder / file.tar) for file in _files(manifest)}


def _sums(manifest: ShardManifest, checksums: Mapping[str, str]) -> bytes:
    """The form of `sha256sum`, which also checks it: `sha256sum --check SHA256SUMS`."""
    lines = [f"{checksums[f.tar]}  {f.tar}\n" for f in _files(manifest)]
    lines += [f"{f.index_sha256}  {f.index}\n" for f in _files(manifest)]
    return "".join(lines).encode()


def _files(manifest: ShardManifest) -> Iterator[ShardFile]:
    return (file for files in manifest.in_order.values() for file in files)
