"""Does a dataset still hold what its stages wrote? Files against the checksums of their completion markers."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from m5tools import atomic, bundles, schema
from m5tools.agreement import contradiction
from m5tools.dataset import Dataset
from m5tools.engine import bundled, earlier
from m5tools.engine.foreign import foreign
from m5tools.engine.markers import fingerprint
from m5tools.engine.unlisted import SCRATCH, begun, unlisted
from m5tools.freshness import remake
from m5tools.manifest import MANIFEST, StageEntry
from m5tools.recorded import outputs_in
from m5tools.stage import Input, total

MISSING: Final = "missing"


@dataclass(frozen=True)
class Fault:
    """One file that is not what it was.

    Attributes:
        path: below the dataset root.
        what: what is wrong with it.
        remedy: the command that makes it anew.
    """

    path: str
    what: str
    remedy: str


def verify(dataset: Dataset) -> tuple[int, list[Fault]]:
    """Compare every file of every finished stage with its checksum, and look for files that none of them wrote.

    Returns:
        The number of files compared, and the faults among them.
    """
    stages = dataset.manifest()["stages"]
    stood = _standing(dataset, stages)
    recorded = {name: _recorded(dataset, name, entry) for name, entry in stages.items()}
    faults = {name: [*each.faults, *_of_files(dataset, name, each, contents=True)] for name, each in recorded.items()}
    outputs = [output["path"] for each in recorded.values() for output in each.outputs]
    strays = _strays(dataset, set(outputs), stages)
    found = [*_of_manifest(dataset), *_unlisted(dataset)]
    # Runs may begin and end meanwhile: what they took away is no fault, nor is what they have written.
    now = _standing(dataset, dataset.manifest()["stages"])
    told = [(name, fault) for name, each in faults.items() for fault in each] + strays
    return len(outputs), [*found, *(fault for name, fault in told if now.get(name) == stood.get(name))]


def _standing(dataset: Dataset, stages: Mapping[str, StageEntry]) -> dict[str, tuple[object, ...]]:
    """What tells whether a stage was done anew since, be it to the same bytes: a run's folder is made anew then."""
    standing: dict[str, tuple[object, ...]] = {}
    for name, entry in stages.items():
        home = dataset.root / "runs" / name / entry["run"]
        with suppress(FileNotFoundError):
            folder = home.stat()
            standing[name] = (entry, folder.st_ino, folder.st_mtime_ns)
        standing.setdefault(name, (entry,))
    return standing


def faults_of(dataset: Dataset, entry: str, *, contents: bool = True) -> list[Fault]:
    """What is wrong with the files of one finished stage, and with its records of them.

    Args:
        dataset: the dataset.
        entry: the stage.
        contents: whether files are read.
    """
    found = _recorded(dataset, entry, dataset.manifest()["stages"][entry])
    return [*found.faults, *_of_files(dataset, entry, found, contents=contents)]


def changed(dataset: Dataset, entry: str, path: str) -> Fault | None:
    """What is wrong with one file of a finished stage, by its checksum; nothing where no marker lists it.

    Args:
        dataset: the dataset.
        entry: the stage.
        path: of the file, below the dataset root.
    """
    found = _recorded(dataset, entry, dataset.manifest()["stages"][entry])
    one = _Recorded([output for output in found.outputs if output["path"] == path], found.remedy, found.faults)
    return next(_of_files(dataset, entry, one, contents=True), None)


def spoiled(dataset: Dataset, entry: str, folders: Collection[Path]) -> Fault | None:
    """What is wrong with the first file that a stage had written to one of some folders, if anything.

    Of one that is being done anew it is what it had written before that.
    """
    listed = dataset.manifest()["stages"].get(entry)
    found = _recorded(dataset, entry, listed) if listed else _Recorded(*earlier.read(dataset, entry))
    below = {folder.relative_to(dataset.root).as_posix() for folder in folders}
    inside = [output for output in found.outputs if output["path"].rpartition("/")[0] in below]
    return next(_of_files(dataset, entry, _Recorded(inside, found.remedy, found.faults), contents=True), None)


def keep_record(dataset: Dataset, entry: str) -> None:
    """Keep what a finished stage has written, which is about to be taken out of `dataset.json`."""
    found = _recorded(dataset, entry, dataset.manifest()["stages"][entry])
    earlier.keep(dataset, entry, found.outputs, found.remedy)


def lost(dataset: Dataset, entry: str) -> Fault | None:
    """The first recorded file of a finished stage that is gone or of another size; contents are not read."""
    recorded = _recorded(dataset, entry, dataset.manifest()["stages"][entry])
    return next(_of_files(dataset, entry, recorded, contents=False), None)


@dataclass(frozen=True)
class _Recorded:
    """What the markers of a finished stage list, what is wrong with them, and the command that makes it anew."""

    outputs: list[dict[str, Any]]
    remedy: str
    faults: list[Fault] = field(default_factory=list)


def _recorded(dataset: Dataset, name: str, entry: StageEntry) -> _Recorded:
    remedy = f"{remake(dataset.place, entry)} --refresh"
    home = dataset.root / "runs" / name / entry["run"]
    # A stage that had nothing to do has no markers.
    if not home.is_dir() and entry["fingerprint"] != fingerprint({}):
        return _Recorded([], remedy, [Fault(f"runs/{name}", "the completion markers are gone", remedy)])
    outputs: list[dict[str, Any]] = []
    counts = []
    faults = []
    for marker in _markers_in(home):
        try:
            body = json.loads(marker.read_text(encoding="utf-8"))
            outputs += outputs_in(body)
            counts.append(body["counts"])
        except FileNotFoundError:  # it went just now; what it listed is missed below
            continue
        except (ValueError, RecursionError):
            faults.append(Fault(str(marker.relative_to(dataset.root)), "not a completion marker", remedy))
    if not faults and fingerprint({o["path"]: o["sha256"] or o["xxh3"] for o in outputs}) != entry["fingerprint"]:
        faults.append(Fault(f"runs/{name}", f"its completion markers are not those that {MANIFEST} tells of", remedy))
    elif not faults and total(counts) != entry["counts"]:
        faults.append(Fault(f"runs/{name}", f"it counted other than {MANIFEST} tells", remedy))
    return _Recorded(outputs, remedy, faults)


def _markers_in(home: Path) -> list[Path]:
    """The completion markers of a run. One killed right after it was committed has left its scratch folder."""
    try:
        return sorted(m for m in home.rglob("*.json") if m.relative_to(home).parts[0] != SCRATCH)
    except FileNotFoundError:  # another run has begun to do the stage anew
        return []


def _of_files(dataset: Dataset, name: str, found: _Recorded, *, contents: bool) -> Iterator[Fault]:
    for output in found.outputs:
        if (fault := _fault(dataset, name, output, found.remedy, contents=contents)) is not None:
            yield fault


def _of_manifest(dataset: Dataset) -> Iterator[Fault]:
    """A number of partitions that is not that of the parts; products of a crawl that is not listed are strays."""
    manifest = dataset.manifest()
    found = contradiction(dataset.root, manifest)
    if found is not None and found.partitions is not None:
        change = f's/"partitions" *: *{manifest["partitions"]}/"partitions": {found.partitions}/'
        yield Fault(MANIFEST, found.what, shlex.join(["sed", "-i", change, str(dataset.root / MANIFEST)]))


def _unlisted(dataset: Dataset) -> Iterator[Fault]:
    """Stages that were finished and are not in the manifest; what they were made with stood there."""
    for entry, run in unlisted(dataset):
        what = f"its run {run} was finished, and {MANIFEST} does not tell of it; restore that or make it anew"
        yield Fault(f"runs/{entry}", what, shlex.join(_words(dataset, entry)))


def _words(dataset: Dataset, entry: str) -> list[str]:
    """The command that makes a stage of which only the name is known; its other settings are lost."""
    stage, _, chosen = entry.partition("/")
    words = ["m5", stage, "--dataset", dataset.place]
    if stage == "ingest":
        return [*words, "--set", f"crawl_id={chosen}"]
    if stage == "overlay":
        shards, _, name = chosen.partition("/")
        return [*words, "--set", f"shards={shards}", "--set", f"name={name}"]
    for table, law in schema.laws().items():
        if law.stage == stage and chosen and "{" in law.path:
            choice = law.path.partition("{")[2].partition("}")[0]
            return words + Input(table, {choice: chosen}).settings
    return words


def _strays(dataset: Dataset, known: set[str], stages: Mapping[str, StageEntry]) -> list[tuple[str, Fault]]:
    """What would be read and nobody wrote: parts of tables whose stage has finished, of no bundle; files of shards.

    Of an entry that is under way, or was taken out of the manifest, no part is one: to remove it would lose work.

    Args:
        dataset: the dataset.
        known: files that markers list.
        stages: entries that were finished before these were read.

    Returns:
        For each the entry that writes such parts, and what is wrong.
    """
    finished = {entry["stage"] for entry in stages.values()}
    spared = {entry for entry, _ in begun(dataset)} - stages.keys()
    known = known | _in_bundles(dataset)
    found = []
    for table, law in schema.laws().items():
        # Notes beside packs are what runs of fetch remember; no marker lists them.
        if law.stage not in finished or table == "visits":
            continue
        for _, choices in dataset.instances(table):
            for part in dataset.parts(table, partition=None, **choices):
                path = part.relative_to(dataset.root).as_posix()
                choice = [part.parent.name] if law.stage == "ingest" else choices.values()
                entry = "/".join([law.stage, *choice])
                if path not in known and entry not in spared:
                    found.append((entry, path))
    found += [each for each in foreign(dataset, stages) if each not in found]
    # Bundles may be made while parts are listed.
    bundled_since = _in_bundles(dataset) if found else set()
    return [(entry, _stray(dataset, path)) for entry, path in found if path not in bundled_since]


def _stray(dataset: Dataset, path: str) -> Fault:
    return Fault(path, "no finished stage wrote it", shlex.join(["rm", str(dataset.root / path)]))


def _in_bundles(dataset: Dataset) -> set[str]:
    """The parts of all bundles."""
    return {part["path"] for bundle in bundles.read(dataset.root) for part in bundled.parts_of(dataset, bundle)}


def _fault(dataset: Dataset, name: str, recorded: dict[str, Any], remedy: str, *, contents: bool) -> Fault | None:
    """What is wrong with a recorded file, or with the part of a bundle that is read in its place."""
    output, (stage, _, crawl) = recorded, name.partition("/")
    bundle = bundled.home_of(dataset, crawl) if stage == "ingest" else None
    place = None if bundle is None else bundled.part_in(bundle, output)
    if bundle is None or place is None:
        what = damaged(dataset, output, contents=contents)
    elif (stands := bundled.stands_for(dataset, bundle, output)) is not None:
        output, what = stands, damaged(dataset, stands, contents=contents)
    elif dataset.size_of(dataset.root / place) is None:
        output, what = {"path": place}, MISSING
    else:
        note = bundled.note_of(dataset, bundle).relative_to(dataset.root).as_posix()
        what = f"it is read from the bundle '{bundle}', and {note} does not tell of it"
    # A bundle may be made, replaced or left while its parts are looked at.
    if what is not None and stage == "ingest" and bundled.home_of(dataset, crawl) != bundle:
        return _fault(dataset, name, recorded, remedy, contents=contents)
    return None if what is None else Fault(output["path"], what, remedy)


def damaged(dataset: Dataset, output: dict[str, Any], *, contents: bool) -> str | None:
    """What is wrong with a recorded file; None where it is whole.

    Args:
        dataset: the dataset.
        output: an :class:`m5tools.dataset.Output` as JSON.
        contents: whether to read it.
    """
    path = dataset.root / output["path"]
    size = dataset.size_of(path)
    if size is None:
        return MISSING
    if size != output["bytes"]:
        return "of another size"
    if contents:
        if dataset.copy is not None:
            dataset.copy.bring(path)
        try:
            same = _same(path, output["sha256"], output["xxh3"], (path.stat().st_mtime_ns, size))
        except FileNotFoundError:  # it went just now
            return MISSING
        return None if same else "of other content"
    return None


@lru_cache(maxsize=1024)
def _same(path: Path, sha256: str, xxh3: str, _: tuple[int, int]) -> bool:
    """Whether a file has the checksum that was recorded of it; once for all crawls of a bundle."""
    return atomic.sha256_of(path) == sha256 if sha256 else atomic.xxh3_of(path) == xxh3
