"""Shard indexes and lineages made by hand, for the papers."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from m5tools import schema
from m5tools.shards.config import ShardConfig
from m5tools.shards.lineage import CrawlFacts, FetchFacts, Lineage, SourceFacts, StageFacts
from m5tools.shards.manifest import ShardFile, ShardManifest

HOSTILE = "<img src=x onerror=alert(1)> [a](javascript:b) | `x` **b** &lt; www.example.com </script> \u202e\n---\n# h"


def index(rows: list[dict[str, Any]]) -> pa.Table:
    """An index of rows of which only what matters is given; each sample has a text and a picture else."""
    usual: dict[str, Any] = {
        "shard": "train-000000.tar", "start": 0, "end": 512, "present": 0b00011, "state": [0, 0, 1, 1, 1],
        "reason": [0, 0, 1, 1, 1], "split": "train", "tags": [], "band": "head", "cost": 1, "assets": [None],
        "members": [{"name": "json"}, {"name": "image_0.jpg"}],
    }  # fmt: skip
    whole = [{"product_id": f"{i:032x}", **usual, **row} for i, row in enumerate(rows)]
    return schema.conform("shard_index", pa.Table.from_pylist(whole, schema.law("shard_index").schema))


def manifest(samples: int, split: str = "train") -> ShardManifest:
    file = ShardFile(tar=f"{split}-000000.tar", samples=samples, bytes=10_240, index_sha256="ab" * 32)
    return ShardManifest.of(("Toys",), {split: (file,)}, "0" * 16, ShardConfig().model_dump(mode="json"))


def source(name: str = "shop", licenses: tuple[str | None, ...] = ("MIT",), **more: Any) -> SourceFacts:
    crawl = CrawlFacts(crawl_id="shop-1", mapping="magento", counts={"rows": 12, "new": 10, "rejects": 2})
    told = {
        "homepage": "https://shop.example/",
        "terms": None,
        "samples": 10,
        "first": "2026-01-02",
        "last": "2026-01-05",
    }
    return SourceFacts(source=name, licenses=licenses, crawls=(crawl,), **{**told, **more})


def lineage(*sources: SourceFacts, **more: Any) -> Lineage:
    stage = StageFacts(
        entry="cut/default", version=4, settings={"cut": "strict"}, config="0123456789abcdef", content="cd" * 16
    )
    told: dict[str, Any] = {
        "m5tools": "0.1.0", "languages": {"en": 3, "de": 5, "": 1}, "stages": (stage,),
        "fetch": FetchFacts(asked=7, blocked_by_robots=2, locations={"present": 5, "failed/blocked_by_robots": 2}),
    }  # fmt: skip
    return Lineage(sources=sources or (source(),), **{**told, **more})
