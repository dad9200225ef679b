"""What must be true of `dataset.json`, completion markers and the like before anything in them is believed.

They are edited by hand now and then, and come with datasets of strangers: a folder named in them is joined to paths,
and a number of partitions is counted to.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from m5tools.vocabulary import STAGES

MOST_PARTITIONS: Final = 65_536
"""Partitions are told apart by sixteen bits of a product id."""
_ENTRY: Final[Mapping[str, type]] = {
    "stage": str, "version": int, "config": dict, "settings": dict, "run": str, "inputs": dict, "fingerprint": str,
    "counts": dict, "writes": list, "documents": dict,
}  # fmt: skip
_LONGEST_NAME: Final = 255  # bytes, of Linux
_LONGEST_PATH: Final = 4_000
_NAMED: Final = ("mapping", "policy", "cut")
"""Settings that name a document, wherever a stage has one of them."""
_OPTIONAL: Final = frozenset(["settings", "documents"])
_CRAWL: Final = ("source", "crawl_id")
_DECLARED: Final[Mapping[str, type]] = {
    "unique_products": bool, "many_sellers": bool, "license": str, "homepage": str, "terms": str,
}  # fmt: skip


def wrong_in_manifest(body: Mapping[str, Any]) -> str | None:
    """What is wrong with the content of `dataset.json`, in words; None where nothing is."""
    partitions, crawls, stages = body["partitions"], body["crawls"], body["stages"]
    if not _is(partitions, int) or not 0 <= partitions <= MOST_PARTITIONS:
        return f"'partitions' is {partitions!r}"
    if not isinstance(crawls, list) or not isinstance(stages, dict):
        return "'crawls' is no list or 'stages' no object"
    for crawl in crawls:
        if not isinstance(crawl, dict) or not all(_is(crawl.get(key), str) for key in _CRAWL):
            return "a crawl has no 'source' or no 'crawl_id'"
        if not is_below(crawl["crawl_id"]):
            return f"'{crawl['crawl_id']}' is no name of a crawl"
        if not isinstance(crawl.get("media_root", 0), str | None):
            return f"'media_root' of crawl '{crawl['crawl_id']}' is missing, or neither text nor null"
        for key, kind in _DECLARED.items():
            if key in crawl and not _is(crawl[key], kind):
                return f"'{key}' of crawl '{crawl['crawl_id']}' is of another kind"
    wrong = (wrong for name, entry in stages.items() if (wrong := _wrong_in_entry(name, entry)))
    return next(wrong, None) or _wrong_in_crawls(body)


def _wrong_in_crawls(body: Mapping[str, Any]) -> str | None:
    """Where crawls contradict each other or what their ingests say: each has read those that were before it."""
    stages = body["stages"]
    if body["crawls"] and body["partitions"] < 1:
        return f"'partitions' is {body['partitions']} and there are crawls"
    before: set[str] = set()
    for crawl in body["crawls"]:
        name = crawl["crawl_id"]
        own = f"ingest/{name}"
        if own in before:
            return f"crawl '{name}' is listed twice"
        entry = stages.get(own)
        if entry is not None:
            ahead = sorted(each for each in entry["inputs"].keys() - before if each.startswith("ingest/"))
            if ahead:
                return f"crawl '{name}' came after '{ahead[0].removeprefix('ingest/')}', which is not listed before it"
            source = entry["config"].get("source", crawl["source"])
            if source != crawl["source"]:
                return f"crawl '{name}' is of source '{crawl['source']}', and was ingested as of '{source}'"
        before.add(own)
    finished = (name for name, entry in stages.items() if entry["stage"] == "ingest")
    lost = next((name for name in finished if name not in before), None)
    return None if lost is None else f"'{lost}' is done and its crawl is not listed"


def _wrong_in_entry(name: str, entry: Any) -> str | None:
    if not is_below(name):
        return f"'{name}' is no name of a stage"
    if not isinstance(entry, dict):
        return f"what it says of '{name}' is no object"
    for key, kind in _ENTRY.items():
        if not _is(entry.get(key), kind) and (key in entry or key not in _OPTIONAL):
            return f"'{key}' of '{name}' is missing or of another kind"
    if name.partition("/")[0] != entry["stage"] or PurePosixPath(name).as_posix() != name:
        return f"'{name}' is no name of a run of stage '{entry['stage']}'"
    if not is_below(entry["run"]) or "/" in entry["run"]:
        return f"the run of '{name}' is no name of a folder"
    if not all(_is(word, str) for word in (*entry["inputs"].values(), *entry["writes"])):
        return f"'inputs' or 'writes' of '{name}' hold what is no text"
    if not all(_is(count, int) for count in entry["counts"].values()):
        return f"'counts' of '{name}' hold what is no number"
    return _wrong_in_documents(name, entry)


def _wrong_in_documents(name: str, entry: Mapping[str, Any]) -> str | None:
    config = entry["config"]
    if odd := [key for key in _NAMED if not isinstance(config.get(key), str | None)]:
        return f"'{odd[0]}' in 'config' of '{name}' is no text"
    for setting, document in entry.get("documents", {}).items():
        unread = document.get("unread") if isinstance(document, dict) else None
        if not isinstance(unread, list) or not all(_is(key, str) for key in (document.get("content"), *unread)):
            return f"'documents' of '{name}' do not tell what '{setting}' said"
        if not _is(config.get(setting), str):
            return f"'documents' of '{name}' tell of '{setting}', which names no file in 'config'"
    return None


def unknown_stage(body: Mapping[str, Any]) -> str | None:
    """The first entry of a right `dataset.json` that is of no stage there is."""
    return next((name for name, entry in body["stages"].items() if entry["stage"] not in STAGES), None)


def outputs_in(body: Any) -> list[dict[str, Any]]:
    """The files that a completion marker lists, as :class:`m5tools.dataset.Output` in JSON.

    Raises:
        ValueError: it is no marker.
    """
    outputs = body.get("outputs") if isinstance(body, dict) else None
    counts = body.get("counts") if isinstance(body, dict) else None
    if not isinstance(outputs, list) or not isinstance(counts, dict):
        raise ValueError("it lists no files")
    if not all(_is(count, int) for count in counts.values()):
        raise ValueError("it counts what is no number")
    for output in outputs:
        if not is_output(output):
            raise ValueError("it lists what is no file of the dataset")
    return outputs


def is_lock(body: Any) -> bool:
    """Whether a value is what a run tells of itself in its lock; one of an earlier release tells no try."""
    if not isinstance(body, dict):
        return False
    told = _is(body.get("pid"), int) and all(_is(body.get(key), str) for key in ("host", "run"))
    return told and _is(body.get("entry", ""), str) and _is_of_a_try(body)


def is_ending(body: Any) -> bool:
    """Whether a value is what a rank leaves that ends before the run is done."""
    if not isinstance(body, dict):
        return False
    return all(_is(body.get(key), str) for key in ("entry", "run", "how", "line")) and _is_of_a_try(body)


def _is_of_a_try(body: Mapping[str, Any]) -> bool:
    return _is(body.get("try", 0), int) and isinstance(body.get("array"), str | None)


def is_output(output: Any) -> bool:
    """Whether a value names a file below the dataset's root, with its size and one of two checksums, not both.

    Only one would be compared, and what is not compared must say nothing.
    """
    if not isinstance(output, dict) or not _is(output.get("path"), str) or not is_below(output["path"]):
        return False
    sums = output.get("sha256"), output.get("xxh3")
    return _is(output.get("bytes"), int) and all(_is(digest, str) for digest in sums) and any(sums) != all(sums)


def is_below(path: str) -> bool:
    """Whether a relative path stays below the folder it is joined to, and can be a path at all."""
    named = PurePosixPath(path)
    try:
        long = len(path.encode()) > _LONGEST_PATH or any(len(part.encode()) > _LONGEST_NAME for part in named.parts)
    except UnicodeEncodeError:
        return False
    return bool(named.parts) and not named.is_absolute() and ".." not in named.parts and "\0" not in path and not long


def is_number(value: Any) -> bool:
    """Whether a value of JSON is a whole number; Python takes a truth for one, too."""
    return _is(value, int)


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))
