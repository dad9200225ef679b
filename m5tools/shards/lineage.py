"""`lineage.json` of a shard folder: where its samples come from, told so that it can be published.

It is taken from the dataset when shards are written, for shards leave the dataset and their papers must still be made.
What tells of the machine or of a person is left out: paths of files and folders, and whom to write to.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from m5tools import atomic, documents
from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.manifest import Crawl, StageEntry
from m5tools.vocabulary import STAGES, Reason, State

LINEAGE: Final = "lineage.json"
_LEFT_OUT: Final = {
    "ingest": ("files", "root", "media_root", "crawl_id", "source"),
    "fetch": ("contact", "allow_networks"),
}
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
_PLACE: Final = re.compile(r"[/\\~.]|[A-Za-z]:\\|[a-z0-9+.-]+://|.*\.ya?ml$")
_COUNTED: Final = ("rows", "new", "updated", "unchanged", "rejects", "left_out")
_BEFORE_CONTENT: Final = ("ingest", "fetch", "compare", "dedup", "split")
"""Stages whose checksums also tell how the input was cut into files and packs: of the latter three the note under which
terms a generation was made is among the files. The others' tell the content alone."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CrawlFacts(_Model):
    """One delivery of a source.

    Attributes:
        crawl_id: its name.
        mapping: name of the mapping it was read by.
        counts: rows and what became of them.
    """

    crawl_id: str
    mapping: str
    counts: dict[str, int]


class SourceFacts(_Model):
    """One source.

    Attributes:
        source: its name.
        licenses: SPDX ids that its crawls were declared under, in their order; None is one that was not declared.
        homepage, terms: addresses as the latest crawl that declares them has them.
        crawls: in the order they came.
        samples: of the shards, by the product's source.
        first, last: days (ISO, UTC) on which their products were crawled; None where no crawl tells.
    """

    source: str
    licenses: tuple[str | None, ...]
    homepage: str | None
    terms: str | None
    crawls: tuple[CrawlFacts, ...]
    samples: int
    first: str | None
    last: str | None


class StageFacts(_Model):
    """One stage that the shards come from.

    Attributes:
        entry: its name in the dataset.
        version: of the stage.
        settings: those that are not the default.
        config: 16 hex digits over all settings and the version.
        content: 32 hex digits over what it wrote; None of stages whose files tell how the input lay.
    """

    entry: str
    version: int
    settings: dict[str, Any]
    config: str
    content: str | None

    @classmethod
    def of(cls, entry: str, body: Mapping[str, Any]) -> StageFacts:
        """What may be told of a finished stage, as `dataset.json` records it."""
        stage = body["stage"]
        told = _public(stage, body["config"])
        config = json.dumps([body["version"], told], sort_keys=True)
        return cls(
            entry=entry,
            version=body["version"],
            settings=_public(stage, body.get("settings", {})),
            config=hashlib.sha256(config.encode()).hexdigest()[:16],
            content=None if stage in _BEFORE_CONTENT else body.get("fingerprint"),
        )


class FetchFacts(_Model):
    """What became of the media that was listed.

    Attributes:
        asked: URLs that were asked, in all runs; 0 where all media lay in files.
        blocked_by_robots: of these, refused because the site's robots.txt forbids it.
        locations: listed locations by state and reason (`failed/dead_link`).
    """

    asked: int
    blocked_by_robots: int
    locations: dict[str, int]


class Lineage(_Model):
    """What shards come from.

    Attributes:
        m5tools: version that wrote them.
        sources: by name.
        languages: samples by the language found in their text; where none was found, under "".
        fetch: None where the dataset fetches nothing.
        stages: those the shards come from, the shards' own last.
    """

    m5tools: str
    sources: tuple[SourceFacts, ...]
    languages: dict[str, int]
    fetch: FetchFacts | None
    stages: tuple[StageFacts, ...]

    @property
    def licenses(self) -> list[str | None]:
        """Licences of all sources, each once, in order; None among them is one that nobody declared."""
        return list(dict.fromkeys(licence for source in self.sources for licence in source.licenses))

    @property
    def spoken(self) -> list[str]:
        """ISO 639 codes of the languages found in the texts, the most frequent first."""
        known = [(count, code) for code, count in self.languages.items() if _LANGUAGE.fullmatch(code)]
        return [code for _, code in sorted(known, key=lambda pair: (-pair[0], pair[1]))]

    @classmethod
    def read(cls, folder: Path) -> Lineage | None:
        """The lineage in a shard folder; None where there is none.

        Raises:
            UsageError: it is damaged.
        """
        path = folder / LINEAGE
        if not path.is_file():
            return None
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise UsageError(
                f"{path} is damaged ({documents.first_fault(error)}); "
                "put back the one that came with the shards, or delete it and run 'm5 papers'"
            ) from error

    def write(self, folder: Path) -> Path:
        """Write it; returns the path."""
        atomic.write_json(folder / LINEAGE, self.model_dump(mode="json"))
        return folder / LINEAGE


def taken(dataset: Dataset, cut: str, inputs: Iterable[str], own: StageFacts) -> Lineage:
    """The lineage of shards that are being written, or stand, in a dataset.

    Args:
        dataset: where they are.
        cut: that they hold.
        inputs: entries of `dataset.json` that they were made from.
        own: the stage that writes them.
    """
    manifest = dataset.manifest()
    stages = manifest["stages"]
    by_source, languages = _samples(dataset, cut)
    crawls: dict[str, list[Crawl]] = {}
    for crawl in manifest["crawls"]:
        crawls.setdefault(crawl["source"], []).append(crawl)
    upstream = _upstream(inputs, stages)
    return Lineage(
        m5tools=version("m5tools"),
        sources=tuple(_source(name, crawls[name], stages, by_source.get(name)) for name in sorted(crawls)),
        languages=languages,
        fetch=_fetch(dataset) if any(stages[entry]["stage"] == "fetch" for entry in upstream) else None,
        stages=(*(StageFacts.of(entry, stages[entry]) for entry in upstream), own),
    )


def redeclared(lineage: Lineage, crawls: Iterable[Crawl]) -> Lineage:
    """The same lineage with licences, terms and homepages as the crawls in it are declared now."""
    known = {crawl["crawl_id"]: crawl for crawl in crawls}
    sources = []
    for source in lineage.sources:
        mine = [known[crawl.crawl_id] for crawl in source.crawls if crawl.crawl_id in known]
        whole = len(mine) == len(source.crawls)
        sources.append(source.model_copy(update=_declared(mine)) if whole else source)
    return lineage.model_copy(update={"sources": tuple(sources)})


def _declared(crawls: list[Crawl]) -> dict[str, Any]:
    """What the crawls of one source are declared to be under."""
    return {
        "licenses": tuple(dict.fromkeys(crawl.get("license") for crawl in crawls)),
        "homepage": next((crawl["homepage"] for crawl in reversed(crawls) if "homepage" in crawl), None),
        "terms": next((crawl["terms"] for crawl in reversed(crawls) if "terms" in crawl), None),
    }


def _source(
    name: str, crawls: list[Crawl], stages: Mapping[str, StageEntry], counted: tuple[int, str | None, str | None] | None
) -> SourceFacts:
    samples, first, last = counted or (0, None, None)
    told: list[CrawlFacts] = []
    for crawl in crawls:
        entry: Mapping[str, Any] = stages.get(f"ingest/{crawl['crawl_id']}", {})
        counts = entry.get("counts", {})
        told.append(
            CrawlFacts(
                crawl_id=crawl["crawl_id"],
                mapping=_last_part(entry.get("config", {}).get("mapping", "")),
                counts={word: counts[word] for word in _COUNTED if word in counts},
            )
        )
    return SourceFacts(
        source=name,
        **_declared(crawls),
        crawls=tuple(told),
        samples=samples,
        first=first,
        last=last,
    )


def _samples(dataset: Dataset, cut: str) -> tuple[dict[str, tuple[int, str | None, str | None]], dict[str, int]]:
    """Samples and first and last day by source, and samples by language, partition by partition."""
    sources, languages = [], []
    for partition in range(dataset.partitions):
        chosen = dataset.scan("cut_products", partition=partition, cut=cut).select("product_id")
        products = dataset.scan("products", partition=partition).join(chosen, on="product_id", how="semi")
        day = pl.col("crawled_at")
        sources.append(products.group_by("source").agg(pl.len(), first=day.min(), last=day.max()).collect())
        heard = dataset.scan("signals_text", partition=partition).join(chosen, on="product_id", how="semi")
        languages.append(heard.group_by(pl.col("language").fill_null("")).len().collect())
    if not sources:
        return {}, {}
    iso = pl.col("first", "last").dt.strftime("%Y-%m-%d")
    summed = (
        pl.concat(sources)
        .group_by("source")
        .agg(pl.col("len").sum(), pl.col("first").min(), pl.col("last").max())
        .with_columns(iso)
    )
    found = {source: (samples, first, last) for source, samples, first, last in summed.iter_rows()}
    spoken = pl.concat(languages).group_by("language").agg(pl.col("len").sum()).sort("language")
    return found, dict(spoken.iter_rows())


def _fetch(dataset: Dataset) -> FetchFacts:
    states = dataset.scan("fetched").group_by("state", "reason").len().sort("state", "reason").collect()
    visits = dataset.scan("visits").group_by("reason").len().collect()
    asked = dict(visits.iter_rows())
    return FetchFacts(
        asked=sum(asked.values()),
        blocked_by_robots=asked.get(Reason.BLOCKED_BY_ROBOTS, 0),
        locations={
            State(state).word if state == State.PRESENT else f"{State(state).word}/{Reason(reason).word}": count
            for state, reason, count in states.iter_rows()
        },
    )


def _upstream(inputs: Iterable[str], stages: Mapping[str, StageEntry]) -> list[str]:
    """All entries that something was made from, in the order in which their stages work."""
    found: set[str] = set()
    ahead = [*inputs]
    while ahead:
        entry = ahead.pop()
        if entry in stages and entry not in found:
            found.add(entry)
            ahead += stages[entry]["inputs"]
    return sorted(found, key=lambda entry: (STAGES.index(stages[entry]["stage"]), entry))


def _public(stage: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    left_out = _LEFT_OUT.get(stage, ())
    return {key: _without_folders(value) for key, value in settings.items() if key not in left_out}


def _without_folders(value: Any) -> Any:
    """A setting; of places on a machine or a network only their last part."""
    if isinstance(value, str):
        return _last_part(value) if _PLACE.match(value) else value
    if isinstance(value, list | tuple):
        return [_without_folders(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _without_folders(item) for key, item in value.items()}
    return value


def _last_part(text: str) -> str:
    return text.replace("\\", "/").rstrip("/").rpartition("/")[2]
