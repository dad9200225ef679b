"""Head of the page, and languages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from m5tools.audit import NotYet, audit, write
from m5tools.dataset import Dataset

Make = Callable[..., Any]


def test_facts(make_dataset: Callable[..., Dataset], product: Make) -> None:
    days = [datetime(2026, 3, day, tzinfo=UTC) for day in (9, 2, 5)]
    facts = audit(make_dataset({"products": [product(i, crawled_at=day) for i, day in enumerate(days)]})).facts
    assert facts.name == "dataset"
    assert facts.products == 3
    assert [(s.source, s.crawls, s.products, s.first, s.last) for s in facts.sources] == [
        ("shop", ("c1",), 3, "2026-03-02", "2026-03-09")
    ]
    assert facts.listed == {"texts": 0, "attributes": 0, "image": 0, "video": 0, "audio": 0}
    assert [s.entry for s in facts.stages] == ["ingest/c1"]


def test_sources_are_told_with_all_their_licences(
    make_dataset: Callable[..., Dataset], product: Make, tmp_path: Path
) -> None:
    sources = ["a", "a", "b", "<b>"]
    dataset = make_dataset({"products": [product(i, source=source) for i, source in enumerate(sources)]})
    declared = (
        ("a", "GPL-3.0-only"),
        ("a", "CC-BY-NC-4.0"),
        ("a", "GPL-3.0-only"),
        ("b", "MIT"),
        ("b", None),
        ("<b>", None),
    )
    with dataset.changing() as manifest:
        manifest["crawls"] = [
            {"source": source, "crawl_id": f"c{i}", "media_root": None, **({"license": licence} if licence else {})}
            for i, (source, licence) in enumerate(declared, start=1)
        ]
    found = audit(dataset)
    assert [(s.source, s.licences, s.products) for s in found.facts.sources] == [
        ("<b>", (None,), 1),
        ("a", ("GPL-3.0-only", "CC-BY-NC-4.0"), 2),
        ("b", ("MIT", None), 1),
    ]
    page = LexborHTMLParser(write(found, tmp_path)[0].read_text(encoding="utf-8"))
    table, *_ = page.css("#origin table")
    assert [cell.text() for cell in table.css("thead th")][:3] == ["source", "licence", "products"]
    assert [[cell.text() for cell in row.css("th, td")][:3] for row in table.css("tbody tr")] == [
        ["a", "GPL-3.0-only, CC-BY-NC-4.0", "2"],
        ["<b>", "unknown", "1"],
        ["b", "MIT, unknown", "1"],
    ]
    assert "no permission" in page.css_first("#origin").text()


def test_languages(make_dataset: Callable[..., Dataset], product: Make, text_signals: Make) -> None:
    rows = [product(i, language=language) for i, language in enumerate(("en", "en", "de", None))]
    before = audit(make_dataset({"products": rows}, name="before")).languages
    assert [(x.language, x.declared, x.found) for x in before.languages] == [
        ("en", 2, None),
        ("de", 1, None),
        (None, 1, None),
    ]
    assert before.found == NotYet("m5 measure")
    found = ("en", "fr", "fr", None)
    signals = [text_signals(row, language) for row, language in zip(rows, found, strict=True)]
    after = audit(make_dataset({"products": rows, "signals_text": signals}, name="after")).languages
    assert {x.language: (x.declared, x.found) for x in after.languages} == {
        "en": (2, 1), "fr": (0, 2), "de": (1, 0), None: (1, 1),
    }  # fmt: skip
