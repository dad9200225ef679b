"""Passages that several papers of a shard folder share, as lines of Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from m5tools import licences
from m5tools.shards.facts import Facts
from m5tools.shards.inert import Row, code, shown, table
from m5tools.shards.lineage import Lineage, SourceFacts, StageFacts
from m5tools.shards.manifest import ShardFile
from m5tools.vocabulary import MODALITIES, Band, Modality

_CATEGORIES_LISTED: Final = 10


def splits(shards: dict[str, tuple[ShardFile, ...]], facts: Facts) -> Iterator[str]:
    """Samples, shards and modalities of every split."""
    rows: list[Row] = [
        [split, facts.samples[split], len(files), *(facts.present[split, m] for m in MODALITIES)]
        for split, files in shards.items()
    ]
    yield from table(("split", "samples", "shards", *(m.value for m in MODALITIES)), rows)
    minutes = {m: facts.milliseconds[m] / 60_000 for m in (Modality.VIDEO, Modality.AUDIO)}
    yield ""
    yield f"Clips last {minutes[Modality.VIDEO]:,.1f} minutes together, sounds {minutes[Modality.AUDIO]:,.1f}."


def missing(facts: Facts) -> Iterator[str]:
    """The table of states and reasons, a column a modality."""
    rows: list[Row] = [[state.word, f"`{reason.word}`", *counts] for state, reason, counts in facts.missing()]
    head = ("state", "reason", *(m.value for m in MODALITIES))
    yield from table(head, rows) if rows else ("Nothing is missing.",)


def tail(facts: Facts) -> Iterator[str]:
    """The numbers of the long tail and its largest categories."""
    tail = facts.tail()
    if not tail.categories:
        yield "No sample has a category."
        return
    yield (
        f"{tail.samples:,} samples lie in {tail.categories:,} categories, {tail.without:,} in none. The largest holds "
        f"{tail.largest:,}, {tail.singletons:,} hold one. Gini coefficient {tail.gini:.3f}; the largest tenth of "
        f"the categories holds {tail.top_10:.1%}."
    )
    named = ", ".join(f"{band.value} {count:,}" for band, count in zip(Band, tail.bands, strict=True))
    yield f"By the bands of the whole dataset (column `band`): {named}."
    yield ""
    yield from table(
        ("largest categories", "samples"), [(shown(c), n) for c, n in facts.largest_categories(_CATEGORIES_LISTED)]
    )


def sources(lineage: Lineage | None) -> Iterator[str]:
    """The table of sources with their licences, and what it means where some are not known."""
    if lineage is None:
        yield "Not recorded: these shards were written without their lineage."
        return
    yield from table(
        ("source", "samples", "crawls", "crawled", "licence", "terms", "homepage"),
        [
            (
                shown(source.source),
                source.samples,
                ", ".join(shown(crawl.crawl_id) for crawl in source.crawls),
                days(source),
                licence_words(source),
                _link(source.terms),
                _link(source.homepage),
            )
            for source in lineage.sources
        ],
    )
    if None in lineage.licenses:
        yield ""
        yield (
            "**unknown**: nobody has declared a licence for this source. That is no permission: find out before you "
            "share or use these data."
        )


def _link(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return f"<{licences.address(text)}>"
    except ValueError:
        return shown(text)


def days(source: SourceFacts) -> str:
    """First and last day on which products of a source were crawled."""
    if source.first is None or source.last is None:
        return "not recorded"
    return source.first if source.first == source.last else f"{source.first} to {source.last}"


def licence_words(source: SourceFacts) -> str:
    """The licences of a source, those with a page at SPDX as links."""
    return ", ".join(map(_licence, source.licenses)) or "**unknown**"


def _licence(licence: str | None) -> str:
    if licence is None:
        return "**unknown**"
    page = licences.page(licence)
    return f"[{shown(licence)}]({page})" if page else shown(licence)


def stages(lineage: Lineage | None) -> Iterator[str]:
    """The table of stages with versions and fingerprints."""
    if lineage is None:
        yield "Not recorded."
        return
    yield f"By m5tools {shown(lineage.m5tools)}, in this order:"
    yield ""
    yield from table(("stage", "version", "settings", "config", "content"), map(_stage, lineage.stages))
    yield ""
    yield (
        "*config* is a fingerprint of version and all settings (without paths), *content* of all that the stage wrote; "
        "only settings other than the default are told."
    )


def _stage(stage: StageFacts) -> tuple[str, str, str, str, str | None]:
    told = ", ".join(f"{shown(key)} {shown(_value(value))}" for key, value in sorted(stage.settings.items()))
    content = None if stage.content is None else code(stage.content)
    return code(stage.entry), str(stage.version), told or "–", code(stage.config), content


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
