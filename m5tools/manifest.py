"""`dataset.json`: which crawls a dataset holds, and what each finished stage did to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from m5tools.errors import UsageError
from m5tools.recorded import is_number, unknown_stage, wrong_in_manifest
from m5tools.store import within

FORMAT = 1
MANIFEST = "dataset.json"


class Declared(TypedDict, total=False):
    """What a mapping declares of its source."""

    license: str
    """SPDX id, or an expression of several."""
    homepage: str
    terms: str


class Crawl(Declared):
    """One delivery of one source, as `dataset.json` records it."""

    source: str
    crawl_id: str
    media_root: str | None
    unique_products: NotRequired[bool]
    """Whether its mapping says that the source lists each product once."""
    many_sellers: NotRequired[bool]
    """Whether its mapping says that the source lists offers of many sellers, whom it does not name."""


class Document(TypedDict):
    """What a stage took from a YAML file that one of its settings names by path."""

    content: str
    """Hash of what the file said, apart from how it was written."""
    unread: list[str]
    """Its keys that the stage does not read, and that are no part of the hash."""


class StageEntry(TypedDict):
    """A finished stage: its config, what of that is not the default, what it read, what came out."""

    stage: str
    version: int
    config: dict[str, Any]
    settings: dict[str, Any]
    run: str
    inputs: dict[str, str]
    fingerprint: str
    counts: dict[str, int]
    writes: list[str]
    documents: NotRequired[dict[str, Document]]
    """By setting; where no file is named, or the run is of before these were noted, there is none."""


class Manifest(TypedDict):
    format: int
    partitions: int
    crawls: list[Crawl]
    stages: dict[str, StageEntry]


def read(file: Path, place: str) -> Manifest:
    """What `dataset.json` says; a fresh manifest where there is none.

    Args:
        file: where it is.
        place: the dataset, as a command names it.

    Raises:
        UsageError: the file is damaged or of a newer format.
    """
    if not file.is_file():
        return Manifest(format=FORMAT, partitions=0, crawls=[], stages={})
    told = within(place, MANIFEST)
    try:
        body: Manifest = json.loads(file.read_text(encoding="utf-8"))
        version = body["format"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise UsageError(f"{told} is damaged ({what}); restore it or build the dataset anew") from error
    if not is_number(version) or version < 1:
        raise UsageError(f"{told} is damaged ('format' is {version!r}); restore it or build the dataset anew")
    if version > FORMAT and "splits" not in body:
        raise UsageError(f"{told} has format {version}, this m5tools reads up to {FORMAT}; update m5tools")
    if not Manifest.__required_keys__ <= body.keys():
        raise UsageError(f"{place} is no dataset: its {MANIFEST} describes something else, such as shards")
    if (wrong := wrong_in_manifest(body)) is not None:
        raise UsageError(f"{told} is damaged ({wrong}); restore it or build the dataset anew")
    if (entry := unknown_stage(body)) is not None:
        raise UsageError(f"{told}: this m5tools has no stage that made '{entry}'; update m5tools, or restore the file")
    return body
