"""Sources over time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import polars as pl

from m5tools.audit import audit, timeline
from m5tools.dataset import Dataset
from m5tools.partitions import part_name, partition_of

Make = Callable[..., Any]


def test_one_crawl(make_dataset: Callable[..., Dataset], product: Make) -> None:
    days = [datetime(2026, month, 2, tzinfo=UTC) for month in (1, 1, 3)]
    rows = [product(i, crawled_at=day) for i, day in enumerate(days)] + [product(9)]
    found = audit(make_dataset({"products": rows}, partitions=3)).timeline
    (crawl,) = found.crawls
    assert (crawl.source, crawl.crawl, crawl.new, crawl.changed, crawl.latest) == ("shop", "c1", 4, 0, 4)
    assert (crawl.first, crawl.last) == ("2026-01-02", "2026-03-02")
    assert [(m.month, m.first_seen, m.last_crawled) for m in found.months] == [("2026-01", 2, 2), ("2026-03", 1, 1)]
    assert (found.earlier, found.undated) == (0, 1)


def test_a_later_crawl_changes_and_adds(make_dataset: Callable[..., Dataset], product: Make) -> None:
    january, march = (datetime(2026, month, 9, tzinfo=UTC) for month in (1, 3))
    dataset = make_dataset({"products": [product(i, crawled_at=january) for i in range(6)]})
    later = pl.DataFrame([product(i, crawl_id="c2", crawled_at=march) for i in (0, 1, 7)]).drop("category")
    for i in range(dataset.partitions):
        home = partition_of(pl.col("product_id"), dataset.partitions) == i
        dataset.write("products", f"c2/{part_name(i)}", later.filter(home))
    with dataset.changing() as manifest:
        manifest["crawls"].append({"source": "shop", "crawl_id": "c2", "media_root": None})
        manifest["stages"]["ingest/c2"] = {**manifest["stages"]["ingest/c1"], "counts": {"unchanged": 4}}
    found = audit(dataset).timeline
    assert [(c.crawl, c.new, c.changed, c.unchanged, c.latest) for c in found.crawls] == [
        ("c1", 6, 0, 0, 4),
        ("c2", 1, 2, 4, 3),
    ]
    assert [(m.month, m.first_seen, m.last_crawled) for m in found.months] == [("2026-01", 6, 4), ("2026-03", 1, 3)]


def test_small_sources_are_one_and_early_months_are_left(make_dataset: Callable[..., Dataset], product: Make) -> None:
    rows = [
        product(100 * s + i, source=f"s{s}", crawled_at=datetime(2026, 1, 1, tzinfo=UTC))
        for s in range(timeline.SOURCES_LISTED + 2)
        for i in range(s + 1)
    ]
    old = [product(9000 + y, source="s8", crawled_at=datetime(1980 + y, 5, 1, tzinfo=UTC)) for y in range(40)]
    found = audit(make_dataset({"products": rows + old})).timeline
    january = {m.source: m.first_seen for m in found.months if m.month == "2026-01"}
    assert january[timeline.OTHERS] == 3
    assert len(january) == timeline.SOURCES_LISTED + 1
    assert len({m.month for m in found.months}) == timeline.MONTHS_LISTED
    assert found.earlier == 40 - (timeline.MONTHS_LISTED - 1)
