"""`croissant.json`: the shards in the words of Croissant 1.1 (mlcommons.org/croissant/1.1), a JSON-LD vocabulary.

Files with size and sha256, the columns of the index as a record set that `mlcroissant` reads, splits, holes as records
of their own, and, by PROV-O, the sources and stages that the shards come from. What only a publisher knows (`url`,
`creator`, `datePublished` …) is not made up; where it was added to the file by hand, it stays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from m5tools import licences
from m5tools.errors import UsageError
from m5tools.shards.card import TITLE
from m5tools.shards.facts import Facts
from m5tools.shards.lineage import Lineage, SourceFacts
from m5tools.shards.manifest import CROISSANT, ShardFile, ShardManifest
from m5tools.shards.passages import days
from m5tools.shards.record_sets import INDEX_FILES, record_sets
from m5tools.vocabulary import MODALITIES

CONFORMS_TO: Final = "http://mlcommons.org/croissant/1.1"
PUBLISHERS: Final = (
    *("alternateName", "citeAs", "creator", "dateCreated", "dateModified", "datePublished", "keywords", "name"),
    *("publisher", "sameAs", "sdLicense", "url", "usageInfo", "version"),
)
"""Properties that a publisher may set in the file; they are kept when it is written anew."""
_CONTEXT: Final = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The specification's (appendix 1), and PROV-O's namespace."""
_TAR: Final = "application/x-tar"
_PARQUET: Final = "application/x-parquet"
_KEYWORDS: Final = ["e-commerce", "products", "multi-modal", "webdataset"]
_VERSION: Final = "1.0.0+"
"""Before the content hash, as semver.org has build metadata."""


def text(
    manifest: ShardManifest,
    facts: Facts,
    lineage: Lineage | None,
    checksums: Mapping[str, str],
    sizes: Mapping[str, int],
    set_by_hand: Mapping[str, Any],
) -> str:
    """The file. Characters that mean something in HTML are written as escapes, so it can stand in a page.

    Args:
        manifest, facts, lineage: as for the card.
        checksums: sha256 of every tar by its name.
        sizes: bytes of every index by its path.
        set_by_hand: properties of :data:`PUBLISHERS` that are to be kept.
    """
    splits = manifest.in_order
    files = [file for several in splits.values() for file in several]
    body: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        **_said(manifest, facts, lineage),
        **set_by_hand,
        **_provenance(lineage),
        "distribution": [
            *(_tar(file, checksums[file.tar]) for file in files),
            *(_index(file, sizes[file.index]) for file in files),
            *(_file_set(f"{split}-tars", _TAR, f"{split}-*.tar") for split in splits),
            *([_file_set(INDEX_FILES, _PARQUET, "index/*.parquet")] if files else []),
        ],
        "recordSet": [*record_sets([*splits], facts)],
    }
    plain = json.dumps(body, indent=1, ensure_ascii=False)
    return plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026") + "\n"


def set_by_hand(folder: Path) -> dict[str, Any]:
    """What a publisher has set in the file that stands; nothing where there is none.

    Raises:
        UsageError: it is no JSON object, so what they set would be lost.
    """
    path = folder / CROISSANT
    try:
        body = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        told = str(error).splitlines()[0]
        raise UsageError(
            f"{path} cannot be read ({told}), so what you set in it cannot be kept; mend it, or delete it"
        ) from error
    if not isinstance(body, dict):
        raise UsageError(f"{path} is no JSON object, so what you set in it cannot be kept; mend it, or delete it")
    kept = {key: body[key] for key in PUBLISHERS if key in body}
    ours = {"name": TITLE, "keywords": _KEYWORDS}
    if str(kept.get("version", "")).startswith(_VERSION):
        del kept["version"]
    return {key: value for key, value in kept.items() if value != ours.get(key)}


def _said(manifest: ShardManifest, facts: Facts, lineage: Lineage | None) -> dict[str, Any]:
    """What is told of the dataset as a whole."""
    had = ", ".join(f"{m.value} {facts.has(m):,}" for m in MODALITIES)
    tail = facts.tail()
    said: dict[str, Any] = {
        "name": TITLE,
        "description": (
            f"{facts.total:,} products as WebDataset tars with a Parquet index. Samples with each modality: {had}. "
            f"{tail.samples:,} samples lie in {tail.categories:,} categories (Gini coefficient {tail.gini:.3f}, "
            f"{tail.singletons:,} categories of one sample)."
        ),
        "keywords": _KEYWORDS,
        "version": _VERSION + manifest.content,
        "license": _licenses(lineage),
        "rai:dataCollectionMissingData": _missing(facts),
    }
    if lineage and lineage.spoken:
        said["inLanguage"] = lineage.spoken
    return said


def _licenses(lineage: Lineage | None) -> list[Any]:
    """The licences of all sources: pages of SPDX, names where there is no page, and that one is not known."""
    return [_license(licence) for licence in (lineage.licenses if lineage else [])] or [_license(None)]


def _license(licence: str | None) -> Any:
    if licence is None:
        what = "Nobody has declared a licence for at least one source; see isBasedOn."
        return {"@type": "sc:CreativeWork", "name": "unknown", "description": what}
    return licences.page(licence) or {"@type": "sc:CreativeWork", "name": licence}


def _missing(facts: Facts) -> str:
    rows = [
        f"{state.word}, {reason.word}: "
        + ", ".join(f"{m.value} {count:,}" for m, count in zip(MODALITIES, counts, strict=True) if count)
        for state, reason, counts in facts.missing()
    ]
    return "Samples that lack a modality, by state and reason. " + ("; ".join(rows) or "None") + "."


def _provenance(lineage: Lineage | None) -> dict[str, Any]:
    """Sources as works the dataset is based on, and stages as the activities that made it (W3C PROV-O)."""
    if lineage is None:
        return {}
    return {
        "isBasedOn": [_based_on(source) for source in lineage.sources],
        "prov:wasDerivedFrom": [
            {
                "@type": "prov:Entity",
                "prov:label": f"{source.source}, crawl {crawl.crawl_id}",
                "prov:value": json.dumps(crawl.counts, sort_keys=True),
            }
            for source in lineage.sources
            for crawl in source.crawls
        ],
        "prov:wasGeneratedBy": [
            {
                "@type": "prov:Activity",
                "prov:label": f"{stage.entry}, version {stage.version}",
                "prov:value": f"config {stage.config}" + (f", content {stage.content}" if stage.content else ""),
                "prov:wasAssociatedWith": {"@type": "prov:SoftwareAgent", "prov:label": f"m5tools {lineage.m5tools}"},
            }
            for stage in lineage.stages
        ],
    }


def _based_on(source: SourceFacts) -> dict[str, Any]:
    work: dict[str, Any] = {
        "@type": "sc:CreativeWork",
        "name": source.source,
        "description": f"{source.samples:,} samples; crawled {days(source)}.",
        "license": [_license(licence) for licence in source.licenses],
    }
    if source.homepage is not None:
        work["url"] = source.homepage
    if source.terms is not None:
        work["usageInfo"] = source.terms
    return work


def _tar(file: ShardFile, sha256: str) -> dict[str, Any]:
    return _file(file.tar, _TAR, file.bytes, sha256, f"{file.samples:,} samples")


def _index(file: ShardFile, size: int) -> dict[str, Any]:
    return _file(file.index, _PARQUET, size, file.index_sha256, f"index of {file.tar}")


def _file(path: str, encoding: str, size: int, sha256: str, what: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "description": what,
        "contentUrl": path,
        "contentSize": f"{size} B",
        "encodingFormat": encoding,
        "sha256": sha256,
    }


def _file_set(name: str, encoding: str, pattern: str) -> dict[str, Any]:
    """Files beside `croissant.json`, which have no container: so `mlcroissant` reads them where they are."""
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "encodingFormat": encoding,
        "includes": pattern,
    }
