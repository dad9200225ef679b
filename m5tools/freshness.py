"""What is out of date, and which command mends it.

A finished stage keeps the fingerprints of what it read. Where one of these is no longer that of the stage that wrote
it, the stage is stale, and so is all that was made from it.

It also keeps what the mappings, policies and cuts said that its settings name by path, since people edit these in
place. Where one says something else now, and nothing in the dataset was made from what it says, the stage is to be done
again first. Where something was, the file has gone on to other things (a later delivery read by a mapping that was
adapted to it). A file that is gone is no change of the dataset.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from m5tools import documents
from m5tools.dataset import Dataset
from m5tools.errors import StaleError, UsageError
from m5tools.manifest import Document, StageEntry
from m5tools.stage import Stage


def fresh_inputs(stage: Stage, dataset: Dataset) -> dict[str, str]:
    """Fingerprints of everything a stage reads, by entry.

    Raises:
        StaleError: an input was never made, or was made from something, or by a mapping, policy or cut, that has
            changed since.
        UsageError: `dataset.json` contradicts the parts that lie there.
    """
    dataset.refuse_contradicted()
    manifest = dataset.manifest()
    stages = manifest["stages"]
    found: dict[str, str] = {}
    for source in (*stage.inputs(), *stage.earlier(manifest)):
        entries = source.entries(stages)
        if not entries:
            raise StaleError(
                f"'{stage.name}' reads the table '{source.table}'{source.chosen}, which is not there yet; "
                f"run: {shlex.join(['m5', source.stage, '--dataset', dataset.place, *source.settings])}"
            )
        if source.stage == "ingest" and not source.choices:
            for crawl in manifest["crawls"]:
                name = crawl["crawl_id"]
                if f"ingest/{name}" not in entries:
                    raise StaleError(
                        f"'{stage.name}' reads the table '{source.table}', but the ingest of crawl '{name}' has not "
                        f"come to its end; run it again: m5 ingest --dataset {dataset.place}"
                    )
        for entry in entries:
            stale = stale_upstream(entry, stages)
            if stale:
                raise StaleError(
                    f"'{stage.name}' reads '{source.table}', which is out of date because '{stale}' changed; "
                    f"run: {remake(dataset.place, stages[entry])}"
                )
            found[entry] = stages[entry]["fingerprint"]
    for entry, path in edited(found, stages, stage):
        raise StaleError(
            f"'{stage.name}' reads what '{entry}' made by {path}, which says something else now; "
            f"run: {remake(dataset.place, stages[entry])}"
        )
    return found


def documents_of(stage: Stage) -> dict[str, Document]:
    """What a stage takes from the YAML files that its settings name by path, by setting."""
    found = {}
    for setting, unread in stage.documents.items():
        name = getattr(stage.config, setting)
        if documents.is_path(name):
            found[setting] = Document(content=_content(Path(name), unread), unread=sorted(unread))
    return found


def edited(
    entries: Iterable[str], stages: Mapping[str, StageEntry], stage: Stage | None = None
) -> list[tuple[str, Path]]:
    """Entries, with all that is upstream of them, whose mapping, policy or cut says what nothing was made from yet.

    Args:
        entries: where to begin.
        stages: all entries.
        stage: what is about to be made.

    Returns:
        Entry and file, those first that others were made from.
    """
    own = {_place(getattr(stage.config, setting)) for setting in stage.documents} if stage is not None else set()
    made: dict[tuple[Path, tuple[str, ...]], set[str]] = {}
    for entry in stages.values():
        for path, document in _documents(entry):
            made.setdefault((path, tuple(document["unread"])), set()).add(document["content"])
    # Each file once: a mapping may be that of a hundred deliveries.
    edited_since = {key for key, contents in made.items() if key[0].is_file() and _content(*key) not in contents}
    return [
        (name, path)
        for name in _with_upstream(entries, stages)
        for path, document in _documents(stages[name])
        if (path, tuple(document["unread"])) in edited_since and path not in own
    ]


def changed(entry: str, stages: Mapping[str, StageEntry]) -> str | None:
    """The entry upstream, or the file, that changed since an entry was made and puts it out of date."""
    files = (str(path) for _, path in edited([entry], stages))
    return stale_upstream(entry, stages) or next(files, None)


def gone(entries: Iterable[str], stages: Mapping[str, StageEntry]) -> dict[Path, str]:
    """Mappings, policies and cuts that are not where they were when these entries, or what is upstream, were made."""
    return {
        path: name
        for name in _with_upstream(entries, stages)
        for path, _ in _documents(stages[name])
        if not path.is_file()
    }


def _documents(entry: StageEntry) -> list[tuple[Path, Document]]:
    return [(_place(entry["config"][setting]), document) for setting, document in entry.get("documents", {}).items()]


def _place(name: str) -> Path:
    return Path(name).absolute()


def _content(path: Path, unread: Collection[str]) -> str:
    """Hash of what a YAML file says: neither comments, layout nor the order of keys are part of it."""
    try:
        body = documents.read(path)
    except UsageError:
        return ""  # no run was made by it
    if isinstance(body, dict):
        body = {key: value for key, value in body.items() if key not in unread}
    return hashlib.sha256(json.dumps(_ordered(body)).encode()).hexdigest()[:16]


def _ordered(value: Any) -> Any:
    """Plain content as JSON: YAML has keys and values that JSON has not."""
    if isinstance(value, dict):
        return {"keys": sorted([str(key), _ordered(item)] for key, item in value.items())}
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    return value if isinstance(value, str) else repr(value)


def _with_upstream(entries: Iterable[str], stages: Mapping[str, StageEntry]) -> list[str]:
    """Entries and all that they were made from, each once, what was made from others behind these."""
    found: dict[str, None] = {}
    begun: set[str] = set()
    ahead = list(entries)
    while ahead:
        if ahead[-1] in begun:
            found[ahead.pop()] = None
        else:
            begun.add(ahead[-1])
            ahead += [each for each in stages[ahead[-1]]["inputs"] if each in stages and each not in begun]
    return list(found)


def remake(place: str, entry: StageEntry) -> str:
    """The command that makes a finished stage anew, with the settings it was made with."""
    words = ["m5", entry["stage"], "--dataset", place]
    for key, value in entry.get("settings", {}).items():
        words += ["--set", f"{key}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"]
    return shlex.join(words)


def stale_upstream(entry: str, stages: Mapping[str, StageEntry]) -> str | None:
    """The entry upstream that no longer is what `entry` was made from."""
    # Each entry once: every crawl reads all earlier ones, so there are 2ⁿ ways through n crawls.
    seen, ahead = {entry}, [entry]
    while ahead:
        for upstream, fingerprint in stages[ahead.pop()]["inputs"].items():
            if upstream not in stages or stages[upstream]["fingerprint"] != fingerprint:
                return upstream
            if upstream not in seen:
                seen.add(upstream)
                ahead.append(upstream)
    return None
