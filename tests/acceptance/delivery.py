"""A delivery that a test writes row by row, and `m5 run` on it by a recipe of the stages that the test names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from m5tools.dataset import Dataset

from . import line

RECIPE: Final = """
dataset: dataset
stages:
  - stage: ingest
    sources: [{source: shop, mapping: synth, files: ["crawl/*.jsonl"], media_root: crawl}]
"""
TO_DUPLICATES: Final = ("fetch", "survey", "measure", "tag", "compare", "dedup")
TO_SHARDS: Final = (*TO_DUPLICATES, "split", "cut", "shard")
Item = dict[str, Any]


def curate(folder: Path, scratch: Path, items: Sequence[Item | str], stages: Sequence[str], **sets: object) -> Dataset:
    """Write a delivery (lines that are text stand as they are) and run stages on it, by `m5 run`."""
    crawl = folder / "crawl"
    crawl.mkdir(parents=True, exist_ok=True)
    lines = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in items]
    (crawl / "delivery.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    recipe = RECIPE.replace("crawl", str(crawl)).replace("dataset: dataset", f"dataset: {folder / 'dataset'}")
    (folder / "recipe.yaml").write_text(recipe + "".join(f"  - stage: {stage}\n" for stage in stages), encoding="utf-8")
    changes = [word for key, value in sets.items() for word in ("--set", f"{key.replace('__', '.')}={value}")]
    line.complete([*line.M5, "run", str(folder / "recipe.yaml"), "--workers", "0", *changes], scratch)
    return Dataset(folder / "dataset")


def item(number: str, title: str, facts: dict[str, str], **more: Any) -> Item:
    """A row with an attribute table."""
    return {"id": number, "title": title, "attributes": attributes(**facts), **more}


def attributes(**values: str) -> list[dict[str, str]]:
    """An attribute table as the mapping `synth` reads it."""
    return [{"name": name.replace("_", " "), "value": value} for name, value in values.items()]


def store(folder: Path, name: str, data: bytes) -> str:
    """Put a file beside the delivery of a folder; gives the name that a row lists it by."""
    path = folder / "crawl" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return name
