"""The page: well formed, self-contained, the same every time, and foreign text stays text."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import altair as alt
import pytest
from selectolax.lexbor import LexborHTMLParser

from m5tools.audit import audit, gallery, write
from m5tools.audit.report import charts
from m5tools.audit.report.page import environment, render
from m5tools.dataset import Dataset
from m5tools.vocabulary import RejectReason

Make = Callable[..., Any]
MODALITY_OF_TAG = ("image", "text", "table", "audio", "video")
HOSTILE = ("<img src=x onerror=alert(1)>", "</script>", '"><svg onload=alert(1)>', "</style></svg>", "{{ 7 * 7 }}")


@pytest.fixture
def finished(make_dataset: Callable[..., Dataset], product: Make, states: Make, text_signals: Make) -> Dataset:
    """A dataset with every table the report reads, hostile text wherever text can be."""
    rows = [
        product(
            i,
            ["root", HOSTILE[i % 5]],
            title=HOSTILE[i % 5],
            description=HOSTILE[1],
            language=HOSTILE[0],
            source=HOSTILE[0],
            price=float(i),
            currency=HOSTILE[i % 2],
            crawled_at=datetime(2026, 1 + i % 3, 1, tzinfo=UTC),
        )
        for i in range(60)
    ]
    ids = [row["product_id"] for row in rows]
    tag = {"signal": HOSTILE[0], "value": 1.0, "threshold": 0.5, "policy": "default"}
    five = [0] * 5
    return make_dataset(
        {
            "products": rows,
            "attributes": [
                {"product_id": i, "crawl_id": "c1", "position": 0, "is_option": False, "name_raw": HOSTILE[0],
                 "value_raw": HOSTILE[1], "name": HOSTILE[0], "value": HOSTILE[1]} for i in ids
            ],
            "rejects": [
                {"source": "shop", "crawl_id": "c1", "file": HOSTILE[1], "offset": 0,
                 "reason": RejectReason.NOT_PARSEABLE.value, "message": HOSTILE[0], "raw": HOSTILE[1].encode()}
            ],
            "modalities": [row for i in range(60) for row in states(i, i % 32)],
            "signals_text": [text_signals(row, HOSTILE[2]) for row in rows],
            "tags": [
                {"product_id": i, "asset_id": name, "tag": name, "modality": modality, **tag}
                for i, name, modality in zip(ids, HOSTILE * 12, MODALITY_OF_TAG * 12, strict=True)
            ],
            "previews_image": [{"asset_id": HOSTILE[0], "preview": b"\xff\xd8\xff" + HOSTILE[0].encode()}],
            "previews_audio": [{"asset_id": HOSTILE[3], "preview": b"", "envelope": bytes(range(128))}],
            "clusters": [
                {"relation": "variant", "cluster_id": ids[0], "product_id": i, "is_survivor": i == ids[0]}
                for i in ids[:4]
            ],
            "edges": [
                {"product_a": min(ids[:2]), "product_b": max(ids[:2]), "relation": "variant", "evidence": HOSTILE[0],
                 "score": 1.0, "detail": HOSTILE[0]}
            ],
            "splits": [
                {"product_id": i, "split": HOSTILE[1] if i == ids[1] else "train", "bridge": False} for i in ids
            ],
            "cut_products": [
                {"product_id": i, "split": "train", "present": 31, "state": five, "reason": five,
                 "withheld_by": [HOSTILE[0], "", "", "", ""], "category": HOSTILE[1]} for i in ids[5:]
            ],
            "cut_losses": [{"product_id": i, "rule": HOSTILE[1], "band": "tail"} for i in ids[:5]],
        }
    )  # fmt: skip


_drawn: list[str] = []


@pytest.fixture
def page(request: pytest.FixtureRequest) -> str:
    """The page of that dataset, drawn once for all tests that only read it."""
    if not _drawn:
        folder: Path = request.getfixturevalue("tmp_path") / "reports"
        _drawn.append(write(audit(request.getfixturevalue("finished")), folder)[0].read_text(encoding="utf-8"))
    return _drawn[0]


def test_foreign_text_stays_text(page: str) -> None:
    tree = LexborHTMLParser(page)
    assert len(tree.css("script")) == 1
    assert len(tree.css("style")) == 1
    assert all(image.attributes["src"].startswith("data:image/jpeg;base64,") for image in tree.css("img"))
    for node in tree.css("*"):
        assert not [name for name in node.attributes if name.startswith("on")], node.html[:200]
        assert "style" not in node.attributes
    text = tree.body.text()
    for hostile in HOSTILE:
        assert hostile in text
    assert "49" not in [node.text() for node in tree.css("th")]


def test_svg_text_is_escaped() -> None:
    rows = [{"name": name, "size": i} for i, name in enumerate(HOSTILE)]
    chart = alt.layer(alt.Chart(alt.InlineData(values=rows)).mark_bar().encode(x="size:Q", y="name:N"))
    tree = LexborHTMLParser(f"<body>{charts.svg(chart.properties(title=HOSTILE[1]), HOSTILE[2])}</body>")
    assert [node.tag for node in tree.body.iter()] == ["svg"]
    assert not tree.css("img, script, [onload], [onerror]")
    assert HOSTILE[0] in tree.body.text()
    assert tree.css_first("svg").attributes["aria-label"] == HOSTILE[2]


def test_a_logarithmic_axis_has_two_places_where_there_are_two() -> None:
    assert [charts.powers(most) for most in (0, 1, 9, 10, 1234)] == [[1], [1], [1, 9], [1, 10], [1, 10, 100, 1000]]


def test_names_break_at_their_joints_and_stay_text() -> None:
    template = environment(Path()).from_string("<th>{{ name | joints }}</th>")
    for name, joints in (("image.shared_by_many", 3), ("a.<b>_c", 1), ("1.", 0), ("_ &amp; .x", 1)):
        (cell,) = LexborHTMLParser(f"<table><tr>{template.render(name=name)}").css("th")
        assert (cell.text(), len(cell.css("wbr")), len(cell.css("*"))) == (name, joints, joints + 1)


def test_the_policy_names_exactly_this_style_and_script(page: str) -> None:
    tree = LexborHTMLParser(page)
    policy = tree.css_first("meta[http-equiv=Content-Security-Policy]").attributes["content"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        body = re.search(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)[1]
        assert f"{tag}-src 'sha256-{base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()}'" in policy


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    tree = LexborHTMLParser(page)
    assert not tree.css("link, iframe, object, embed, base, form")
    for node in tree.css("[src], [href], [srcset], [action]"):
        target = node.attributes.get("src") or node.attributes.get("href")
        assert target.startswith(("data:image/jpeg", "#"))
    assert "url(" not in page
    assert "@import" not in page


def test_the_page_is_well_formed(page: str) -> None:
    assert page.lstrip().startswith("<!DOCTYPE html>")
    tree = LexborHTMLParser(page)
    sections = [node.attributes["id"] for node in tree.css("section")]
    assert [node.attributes["href"][1:] for node in tree.css("nav a")] == sections
    for table in tree.css("table"):
        columns = len(table.css("thead th"))
        for row in table.css("tbody tr"):
            assert sum(int(cell.attributes.get("colspan", 1)) for cell in row.css("td, th")) == columns
    for tag in ("section", "table", "tbody", "tr", "td", "ul", "li", "figure", "svg", "div", "p", "span"):
        assert len(re.findall(rf"<{tag}[ >]", page)) == page.count(f"</{tag}>"), tag
    assert len(tree.css("figure svg.marks")) == 16
    assert len(tree.css("h1")) == 1


def test_the_same_dataset_gives_the_same_bytes(finished: Dataset, page: str, tmp_path: Path) -> None:
    one, two = audit(finished), audit(finished)
    assert one == two
    assert render(one) == page


def test_every_number_is_in_the_json(finished: Dataset) -> None:
    found = audit(finished)
    body = json.loads(json.dumps(found.numbers()))
    assert body["facts"]["products"] == 60
    assert body["categories"]["tail"]["gini"] == found.categories.tail.gini
    assert len(body["completeness"]["combinations"]) == 31
    assert body["funnel"]["shards"] == {"needs": "m5 shard"}
    assert "jpeg" not in body["gallery"][0]["examples"][0]


def test_after_ingest_alone_the_rest_says_what_to_run(
    make_dataset: Callable[..., Dataset], product: Make, tmp_path: Path
) -> None:
    found = audit(make_dataset({"products": [product(0)]}))
    tree = LexborHTMLParser(write(found, tmp_path)[0].read_text(encoding="utf-8"))
    needs = {node.css_first("code").text() for node in tree.css(".not-yet")}
    assert needs == {
        "m5 cut", "m5 shard", "m5 measure, then m5 tag", "m5 tag", "m5 compare", "m5 dedup", "m5 split", "m5 measure",
    }  # fmt: skip


def test_a_folder_whose_name_is_not_utf8_has_a_page_too(
    finished: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished.root.rename(tmp_path / os.fsdecode(b"caf\xe9 \xff")))
    here = Dataset(".")
    html, numbers = write(audit(here), Path("reports"), gallery.write(here, Path("reports")))
    assert "<title>Audit of caf\ufffd \ufffd</title>" in html.read_text(encoding="utf-8")
    assert json.loads(numbers.read_text(encoding="utf-8"))["facts"]["name"] == "caf\ufffd \ufffd"
    (overview,) = Path("reports").glob("gallery/*/index.html")
    assert "Audit of caf\ufffd" in overview.read_text(encoding="utf-8")


def test_an_empty_dataset_has_a_page(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    html, _ = write(audit(make_dataset({"products": [], "modalities": [], "tags": [], "splits": []})), tmp_path)
    assert "No product has a category." in html.read_text(encoding="utf-8")


@pytest.mark.slow
def test_6500_categories_with_hostile_names_stay_below_5_mb(
    make_dataset: Callable[..., Dataset], product: Make, states: Make, tmp_path: Path
) -> None:
    names = [f"{HOSTILE[i % 5]} {i} " + "<&\u202e長" * 100 for i in range(6_500)]
    rows = [
        product(k, [names[i % 9], names[i]], title=names[i], source=names[i], currency=names[i], price=float(k))
        for k, i in enumerate([*range(6_500), *range(0, 6_500, 2)])
    ]
    ids = [row["product_id"] for row in rows]
    tag = {"signal": names[0], "value": 1.0, "threshold": 0.5, "policy": "default"}
    attribute = {"crawl_id": "c1", "position": 0, "is_option": False, "name_raw": "x", "value_raw": "x", "value": "x"}
    dataset = make_dataset(
        {
            "products": rows,
            "attributes": [{"product_id": i, "name": names[k % 6_500], **attribute} for k, i in enumerate(ids)],
            "modalities": [row for k in range(len(ids)) for row in states(k, k % 32)],
            "tags": [
                {"product_id": i, "asset_id": names[0], "tag": names[k % 60], "modality": "text", **tag}
                for k, i in enumerate(ids)
            ],
            "splits": [{"product_id": i, "split": names[k % 30], "bridge": False} for k, i in enumerate(ids)],
            "cut_products": [
                {"product_id": i, "split": "train", "present": 31, "state": [0] * 5, "reason": [0] * 5,
                 "withheld_by": [names[k % 50], "", "", "", ""], "category": names[k % 6_500]}
                for k, i in enumerate(ids[:5_000])
            ],
            "cut_losses": [{"product_id": i, "rule": names[k % 50], "band": "tail"} for k, i in enumerate(ids[5_000:])],
        }
    )  # fmt: skip
    found = audit(dataset)
    assert found.categories.tail.classes == 6_500
    page = write(found, tmp_path)[0]
    assert page.stat().st_size < 5_000_000
    tree = LexborHTMLParser(page.read_text(encoding="utf-8"))
    assert len(tree.css("script")) == len(tree.css("style")) == 1
    assert not tree.css("img, [onerror], [onload]")


def test_the_page_stays_below_5_mb(make_dataset: Callable[..., Dataset], product: Make, tmp_path: Path) -> None:
    long = "<&\u202e長" * 500
    rows = [product(i, [long, str(i)], title=long, description=long) for i in range(600)]
    tag = {"modality": "image", "signal": "s", "value": 1.0, "threshold": 0.5, "policy": "default"}
    names = [f"image.tag{i}" for i in range(40)]
    tagged = [
        {"product_id": row["product_id"], "asset_id": f"{name}{i}", "tag": name, **tag}
        for name in names
        for i, row in enumerate(rows[:6])
    ]
    previews = [{"asset_id": t["asset_id"], "preview": b"\xff\xd8\xff" + bytes(60_000)} for t in tagged]
    found = audit(make_dataset({"products": rows, "tags": tagged, "previews_image": previews}))
    assert write(found, tmp_path)[0].stat().st_size < 5_000_000
