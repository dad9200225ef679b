"""What is wrong with a shard folder that shows without reading its tars: files nobody wrote, papers, what mends both.

A dataset answers for tars, indexes and manifests by their checksums. Papers it does not answer for, since people write
into them, and a tar that somebody put beside the others is in no list.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.freshness import remake
from m5tools.shards import papers
from m5tools.shards.faults import Fault
from m5tools.shards.lineage import LINEAGE, Lineage
from m5tools.shards.manifest import (
    CARD,
    MANIFEST,
    OVERLAY_MANIFEST,
    OVERLAYS,
    OverlayManifest,
    ShardFile,
    ShardManifest,
    overlay_names,
)
from m5tools.shards.readers import DAMAGE

ANEW = "run 'm5 papers' again"


def outline(root: Path, manifest: ShardManifest) -> list[Fault]:
    """The faults that show without reading the tars, whose checksums are believed as they are noted.

    Args:
        root: the shard folder, whose indexes are whole.
        manifest: of it.
    """
    noted = papers.checksums_in(root, manifest)
    found = [*strays(root, manifest), *missing(root)]
    if noted is None:
        return [*found, Fault(papers.CHECKSUMS, "is missing or of other shards", remedy=ANEW)]
    return [*found, *of_papers(root, manifest, noted)]


def strays(root: Path, manifest: ShardManifest) -> Iterator[Fault]:
    """Files that no manifest in the folder knows; of an overlay whose manifest cannot be read nothing is known."""
    known, unknown = {MANIFEST, *papers.PAPERS, *names(manifest.splits, "")}, []
    for name in overlay_names(root):
        prefix = f"{OVERLAYS}/{name}/"
        try:
            overlay = OverlayManifest.read(root / prefix)
        except UsageError:
            unknown.append(prefix)
            continue
        known |= {prefix + OVERLAY_MANIFEST, *names(overlay.splits, prefix, tars=bool(overlay.modalities))}
    present = {p.relative_to(root).as_posix() for p in root.rglob("*") if not p.is_dir()}
    for name in sorted(present - known):
        if not name.startswith(tuple(unknown)):
            remedy = f"run: {shlex.join(['rm', str(root / name)])}"
            yield Fault(name, "the manifest does not know this file", remedy=remedy)


def names(splits: Mapping[str, tuple[ShardFile, ...]], prefix: str, tars: bool = True) -> set[str]:
    """Paths of all tars and indexes."""
    files = [file for several in splits.values() for file in several]
    return {prefix + name for file in files for name in ((file.tar, file.index) if tars else (file.index,))}


def missing(root: Path) -> Iterator[Fault]:
    """The card, where it is gone."""
    if not (root / CARD).exists():
        yield Fault(CARD, "is missing; HF datasets needs it to read these shards", remedy="run 'm5 papers'")


def of_papers(root: Path, manifest: ShardManifest, checksums: Mapping[str, str]) -> Iterator[Fault]:
    """Compare the papers that are there with what they should say.

    Args:
        root: the shard folder.
        manifest: of it.
        checksums: sha256 of every tar by its name.
    """
    try:
        facts = papers.counted(root, manifest)
    except DAMAGE:
        return  # an index that cannot be counted has its own faults
    try:
        lineage = Lineage.read(root)
    except UsageError as error:
        yield fault_of(LINEAGE, error)
        return
    try:
        texts = papers.texts(root, manifest, facts, lineage, checksums)
    except UsageError as error:
        yield fault_of("papers", error)
        return
    for name, text in texts.items():
        file = root / name
        if file.is_file() and not _says(file, text):
            yield Fault(name, "does not say what these shards are", remedy=ANEW)


def fault_of(file: str, error: UsageError) -> Fault:
    """What was refused as a fault: its line has the remedy behind the last semicolon."""
    what, _, remedy = str(error).rpartition("; ")
    return Fault(file, what, remedy=remedy) if what else Fault(file, remedy)


def _says(file: Path, text: str) -> bool:
    """Whether a paper says what it should; JSON may be written in any form."""
    if file.suffix != ".json":
        return file.read_bytes() == text.encode()
    try:
        return bool(json.loads(file.read_bytes()) == json.loads(text))
    except (ValueError, RecursionError):
        return False


def home_of(folder: Path) -> Dataset | None:
    """The dataset that a shard folder lies in, if its `dataset.json` knows the folder.

    Raises:
        UsageError: that file is damaged.
    """
    place = folder.resolve()
    home = Dataset(place.parent.parent)
    if place.parent.name != "shards" or not home.exists:
        return None
    return home if f"shard/{place.name}" in home.manifest()["stages"] else None


def again(root: Path, file: str) -> str:
    """What makes a file of a shard folder anew: the command of its stage, or another copy where no dataset is around.

    Args:
        root: the shard folder.
        file: below it.
    """
    try:
        home = home_of(root)
    except UsageError:
        home = None
    stages = home.manifest()["stages"] if home is not None else {}
    shards, parts = root.resolve().name, Path(file).parts
    entry = f"overlay/{shards}/{parts[1]}" if parts[0] == OVERLAYS and len(parts) > 2 else f"shard/{shards}"
    if home is None or entry not in stages:
        return "copy the folder anew from where it came"
    return f"run: {remake(home.place, stages[entry])} --refresh"
