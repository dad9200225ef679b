"""The whole of ingest: every row a product or a reject, ids that last, versions, samples, odd orders."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.engine.room import make_scratch
from m5tools.errors import StageFailed, StaleError, UsageError
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.stage import Fetch
from m5tools.ingest import mapping as mappings
from m5tools.ingest import staged, staged_files
from m5tools.ingest.parse import Chunked, parse
from m5tools.ingest.readers import Batch
from m5tools.ingest.settle import Settled, settle
from m5tools.ingest.stage import Ingest, IngestConfig
from m5tools.manifest import Crawl
from m5tools.stage import Counts

ABOUT = Chunked("shop", "c1", "a.jsonl")


def ingest(root: Path, files: dict[str, list[Any]], crawl: str = "c1", **more: Any) -> tuple[Dataset, Counts]:
    """Ingest records (or raw lines, as str) given per file."""
    folder = root / "in" / re.sub(r"\W", "", crawl)[:20]
    for name, rows in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows), encoding="utf-8")
    dataset = Dataset(root / "ds")
    config = IngestConfig(
        source="shop", mapping="synth", files=(str(folder / "*.jsonl"),), root=str(folder), crawl_id=crawl, **more
    )
    return dataset, run_stage(dataset, Ingest(config)).counts


def item(number: int, **more: Any) -> dict[str, Any]:
    return {"id": str(number), "title": f"Product {number}", **more}


def account(counts: Counts) -> bool:
    products = counts["new"] + counts["updated"] + counts["unchanged"]
    return counts["rows"] == products + counts["rejects"] + counts.get("left_out", 0)


def test_rows_are_products_or_rejects(tmp_path: Path) -> None:
    rows = [item(1), "{broken", [1], item(2), item(1), item(1, brand="Other"), {"id": "9", "title": " "}]
    dataset, counts = ingest(tmp_path, {"a.jsonl": rows})
    assert account(counts)
    assert counts["new"] == 2
    reasons = dict(dataset.rejects.group_by("reason").len().collect().iter_rows())
    assert reasons == {"not_parseable": 1, "not_an_object": 1, "repeated_id": 2, "no_content": 1}
    repeat = dataset.rejects.filter(pl.col("reason") == "repeated_id").collect()
    kept = dataset.products.filter(pl.col("native_id") == "1").collect()["product_id"].item()
    assert all(kept in message for message in repeat["message"])
    assert all(json.loads(raw)["id"] == "1" for raw in repeat["raw"])


def test_equal_rows_without_ids_are_products_of_their_own(tmp_path: Path) -> None:
    rows = [{"title": "USB cable"}, {"title": "Blue mug"}, {"title": "USB cable"}, {"title": ""}, {"title": None}]
    dataset, counts = ingest(tmp_path, {"a.jsonl": rows})
    assert (counts["new"], counts["rejects"]) == (3, 2)
    assert dataset.products.collect()["product_id"].n_unique() == 3


def test_a_record_nested_without_end_is_one_reject_or_kept_as_text(tmp_path: Path) -> None:
    deep = "[" * 100_000
    rows = [item(1, attributes=deep), f'{{"id": "2", "title": "x", "more": {deep}}}', item(3)]
    for depth in range(900, 1_000):
        rows.append(f'{{"id": "d{depth}", "title": "x", "more": {"[" * depth + "]" * depth}}}')
    dataset, counts = ingest(tmp_path, {"a.jsonl": rows})
    assert account(counts)
    assert {"1", "3"} <= set(dataset.read("products")["native_id"])


def test_a_record_too_deep_to_write_out_leaves_the_others_whole() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    batch = Batch([0, 3, 6], [b"{}"] * 3, [item(1, more=deep), item(2), item(3)])
    parsed = parse([batch], mappings.load("synth"), ABOUT)
    assert parsed.rejects["reason"].to_list() == ["not_parseable"]
    assert [row for rows in parsed.staged for row in rows["native_id"].to_pylist()] == ["2", "3"]


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for day in ("mon", "tue"):
        (tmp_path / day).mkdir()
        (tmp_path / day / "a.jsonl").write_text("{\n")
    dataset = Dataset(tmp_path / "ds")
    run_stage(dataset, Ingest(IngestConfig(source="s", mapping="synth", files=(str(tmp_path / "*/a.jsonl"),))))
    assert sorted(dataset.read("rejects")["file"]) == ["mon/a.jsonl", "tue/a.jsonl"]


def test_an_input_file_may_be_called_anything(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/caf\xe9.jsonl", "w") as file:  # noqa: PTH123 - a path of bytes
        file.write(json.dumps(item(1)) + "\n{\n")
    dataset = Dataset(tmp_path / "ds")
    run_stage(dataset, Ingest(IngestConfig(source="s", mapping="synth", files=(str(tmp_path / "*.jsonl"),))))
    assert dataset.read("products")["origin_file"].to_list() == ["caf\ufffd.jsonl"]
    assert dataset.read("rejects")["file"].to_list() == ["caf\ufffd.jsonl"]


def test_texts_attributes_and_media_belong_to_their_product(tmp_path: Path) -> None:
    rows = [
        item(
            1,
            attributes=[{"name": "Weight", "value": "250 g"}, {"name": "Color", "value": "red"}],
            images=["b.jpg", "a.jpg"],
        ),
        item(2, description="Long", attributes={"Weight": ""}, images="c.jpg", videos=None),
    ]
    dataset, _ = ingest(tmp_path, {"a.jsonl": rows})
    one, two = (dataset.show(n) for n in ("1", "2"))
    assert [(a["name"], a["number"], a["unit"], a["is_option"]) for a in one["attributes"]] == [
        ("weight", 250.0, "g", False),
        ("color", None, None, True),
    ]
    assert [(m["position"], m["location"]) for m in one["media"]] == [(0, "b.jpg"), (1, "a.jpg")]
    assert {t["role"] for t in two["texts"]} == {"title", "description"}
    assert two["attributes"][0]["value"] is None
    assert one["products"][0]["raw"]["title"] == "Product 1"


@settings(max_examples=8, deadline=None)
@given(order=st.permutations(range(12)), cut=st.integers(0, 12))
def test_neither_order_nor_files_change_the_products(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], cut: int
) -> None:
    rows: list[Any] = [item(i % 8, brand="AB"[i % 2] if i > 9 else "A", attributes={"n": i % 8}) for i in range(11)]
    rows.append("{broken")
    shuffled = [rows[i] for i in order]
    plain, _ = ingest(tmp_path_factory.mktemp("plain"), {"a.jsonl": rows})
    other, counts = ingest(tmp_path_factory.mktemp("other"), {"a.jsonl": shuffled[:cut], "z.jsonl": shuffled[cut:]})
    assert account(counts)
    for table in ("products", "texts", "attributes"):
        place = pl.selectors.exclude("origin_file", "origin_offset")
        left, right = (d.scan(table).select(place).collect() for d in (plain, other))
        assert left.equals(right), table


def test_many_partitions_are_settled_from_runs_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"{i}.jsonl": [item(n % 30, title=f"Chair {i}-{n}") for n in range(i, 40)] for i in range(5)}
    plain, _ = ingest(tmp_path / "a", files)
    monkeypatch.setattr(staged, "GATHERED_FROM", 4)
    monkeypatch.setattr(staged_files, "RUNS", 2)
    monkeypatch.setattr(staged, "STRETCHES", 2)
    gathered, _ = ingest(tmp_path / "b", files)
    tables = [sorted((d.root / "tables").rglob("*.parquet")) for d in (plain, gathered)]
    assert len(tables[0]) > 12
    assert [f.relative_to(plain.root) for f in tables[0]] == [f.relative_to(gathered.root) for f in tables[1]]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(*tables, strict=True))
    assert any((gathered.root / "runs").rglob("run-00001.json"))


def test_a_later_crawl_updates_and_adds(tmp_path: Path) -> None:
    ingest(tmp_path, {"a.jsonl": [item(1), item(2), item(3)]})
    dataset, counts = ingest(tmp_path, {"a.jsonl": [item(1), item(2, brand="New"), item(4), "{"]}, crawl="c2")
    assert (counts["new"], counts["updated"], counts["unchanged"], counts["rejects"]) == (1, 1, 1, 1)
    assert account(counts)
    latest = dict(dataset.products.select("native_id", "brand").collect().iter_rows())
    assert latest == {"1": None, "2": "New", "3": None, "4": None}
    assert dataset.scan("texts").collect().height == 4


def test_the_time_of_the_crawl_is_no_change(tmp_path: Path) -> None:
    ingest(tmp_path, {"a.jsonl": [item(1, crawled_at="2024-01-01T00:00:00Z")]})
    _, counts = ingest(tmp_path, {"a.jsonl": [item(1, crawled_at="2025-01-01T00:00:00Z")]}, crawl="c2")
    assert (counts["unchanged"], counts["updated"]) == (1, 0)


def test_a_sample_is_exact_and_seeded(tmp_path: Path) -> None:
    rows = [item(i) for i in range(100)]
    dataset, counts = ingest(tmp_path / "a", {"a.jsonl": rows}, limit=10, seed=1)
    assert (counts["new"], counts["left_out"]) == (10, 90)
    again, _ = ingest(tmp_path / "b", {"a.jsonl": rows[50:], "b.jsonl": rows[:50]}, limit=10, seed=1)
    other, _ = ingest(tmp_path / "c", {"a.jsonl": rows}, limit=10, seed=2)
    ids = [set(d.read("products", columns=("native_id",))["native_id"]) for d in (dataset, again, other)]
    assert ids[0] == ids[1] != ids[2]


def test_a_column_that_is_null_in_a_whole_file_changes_nothing(tmp_path: Path) -> None:
    dataset, _ = ingest(
        tmp_path, {"a.jsonl": [item(i, brand=None, videos=[]) for i in range(50)], "b.jsonl": [item(51, brand="X")]}
    )
    assert dataset.products.collect_schema()["brand"] == pl.String
    assert dataset.products.collect()["brand"].drop_nulls().to_list() == ["X"]


@pytest.mark.parametrize("crawl", ["../evil", "a/b", "", ".", "..", "a\0b", "x" * 101, "été", "-rf", ".lock-0", "c1\n"])
def test_a_crawl_that_cannot_be_a_folder_is_refused(tmp_path: Path, crawl: str) -> None:
    with pytest.raises(UsageError, match="cannot be a folder name"):
        ingest(tmp_path, {"a.jsonl": [item(1)]}, crawl=crawl or "/")
    assert not (tmp_path / "ds").exists()


@pytest.mark.parametrize("root", ["gs://bucket/crawl", "s3://bucket/../other", "https://shop.example/media"])
def test_a_media_root_of_another_kind_is_refused(root: str) -> None:
    with pytest.raises(ValidationError, match=r"media_root\n.*name a folder on this machine, or s3://bucket/folder"):
        IngestConfig(source="shop", mapping="m5product", files=("x",), media_root=root)
    assert (
        IngestConfig(source="shop", mapping="m5product", files=("x",), media_root="s3://b/c/").media_root == "s3://b/c/"
    )


def test_staged_rows_that_vanish_are_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(rows: pa.Table, *others: Any) -> Settled:
        return settle(rows.filter(pc.field("native_id") != "2"), *others)

    monkeypatch.setattr("m5tools.ingest.stage.settle", forgetful)
    with pytest.raises(StageFailed, match="read 3 rows but accounts for 2"):
        ingest(tmp_path, {"a.jsonl": [item(1), item(2), item(3)]})


def test_what_matches_nothing_is_said(tmp_path: Path) -> None:
    config = IngestConfig(source="shop", mapping="synth", files=(str(tmp_path / "*.jsonl"),))
    with pytest.raises(UsageError, match="nothing matches"):
        run_stage(Dataset(tmp_path / "ds"), Ingest(config))
    with pytest.raises(UsageError, match="no mapping 'sinth'; did you mean 'synth'"):
        run_stage(Dataset(tmp_path / "ds"), Ingest(IngestConfig(source="s", mapping="sinth", files=(__file__,))))


def test_of_equal_rows_the_same_stands_wherever_they_lie(tmp_path: Path) -> None:
    early, late = (item(1, crawled_at=f"2024-0{month}-01T00:00:00Z") for month in (1, 2))
    one, _ = ingest(tmp_path / "one", {"a.jsonl": [early], "b.jsonl": [late]})
    other, _ = ingest(tmp_path / "other", {"a.jsonl": [late], "b.jsonl": [early]})
    assert one.read("products")["crawled_at"].to_list() == other.read("products")["crawled_at"].to_list()


def test_a_role_may_be_anything(tmp_path: Path) -> None:
    mapping = tmp_path / "mine.yaml"
    mapping.write_text(
        "source: mine\nformat: json_lines\nfields: {native_id: id, title: title}\n"
        "media: {image: [{from: images, item: url, role_item: kind}]}\n"
    )
    (tmp_path / "a.jsonl").write_text(
        json.dumps(item(1, images=[{"url": "a.jpg", "kind": "main"}, {"url": "b.jpg", "kind": 2}])) + "\n"
    )
    dataset = Dataset(tmp_path / "ds")
    run_stage(dataset, Ingest(IngestConfig(source="s", mapping=str(mapping), files=(str(tmp_path / "a.jsonl"),))))
    assert dataset.read("media")["role"].to_list() == ["main", "2"]


def test_what_a_killed_writer_left_is_no_input(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(item(1)) + "\n")
    stage = Ingest(IngestConfig(source="s", mapping="synth", files=(str(tmp_path / "a.jsonl"),)))
    dataset = Dataset(tmp_path / "ds")
    left = dataset.root / "runs" / stage.entry / stage.run_name({}) / "scratch" / "parsed" / ".tmp-7-0.products.parquet"
    make_scratch(left.parent.parent)
    left.parent.mkdir()
    left.write_bytes(b"PAR1 cut off")
    assert run_stage(dataset, stage).counts["new"] == 1
    assert not left.exists()


def test_companions_that_are_not_there_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(
        "source: mine\nformat: json_lines\nfields: {native_id: id, title: title}\n"
        "companions: [{files: 'pictures*.csv', key: id, matches: id, columns: {file: images}}]\n"
        "media: {image: [{from: images}]}\n"
    )
    (tmp_path / "a.jsonl").write_text(json.dumps(item(1)) + "\n")
    config = IngestConfig(source="s", mapping=str(tmp_path / "m.yaml"), files=(str(tmp_path / "a.jsonl"),))
    dataset = Dataset(tmp_path / "ds")
    with pytest.raises(UsageError, match="set 'root'"):
        run_stage(dataset, Ingest(config))
    rooted = config.model_copy(update={"root": str(tmp_path)})
    with pytest.raises(UsageError, match="no companion file"):
        run_stage(dataset, Ingest(rooted))
    (tmp_path / "pictures.csv").write_text("id,file\n1,a.png\n1,b.png\n")
    run_stage(dataset, Ingest(rooted))
    assert dataset.read("media")["location"].to_list() == ["a.png", "b.png"]


def test_rows_of_companions_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(
        "source: mine\nformat: json_lines\nfields: {native_id: id, title: title}\n"
        "companions: [{files: pictures.csv, key: id, matches: id, columns: {file: images}}]\n"
        "media: {image: [{from: images}]}\n"
    )
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": 1, "title": "Mug"}) + "\n")
    (tmp_path / "pictures.csv").write_text("id,file\n1,a.png\n1,b.png,c.png\n2\n")
    config = IngestConfig(
        source="s", mapping=str(tmp_path / "m.yaml"), files=(str(tmp_path / "a.jsonl"),), root=str(tmp_path)
    )
    dataset = Dataset(tmp_path / "ds")
    run_stage(dataset, Ingest(config))
    assert dataset.read("media")["location"].to_list() == ["a.png"]  # joined by a number
    (said,) = Ingest(config).remarks(dataset)
    assert (
        said == f"companion {tmp_path}/pictures.csv: 2 rows left out, the first at 1: 3 fields where the header has 2"
    )
    (tmp_path / "pictures.csv").write_text("sku,file\n1,a.png\n")
    with pytest.raises(StageFailed, match="has a column 'id'; mapping 'mine' may name one of: 'sku', 'file'"):
        run_stage(dataset, Ingest(config))


def test_a_changed_folder_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"x")
    stage = Ingest(IngestConfig(source="s", mapping="tuxpaint_stamps", files=(str(tmp_path / "in"),)))
    before = stage.run_name({})
    (tmp_path / "in" / "b.png").write_bytes(b"x")
    assert stage.run_name({}) != before


def test_a_changed_crawl_makes_later_ones_stale(tmp_path: Path) -> None:
    ingest(tmp_path, {"a.jsonl": [item(1), item(2)]})
    dataset, _ = ingest(tmp_path, {"a.jsonl": [item(1), item(3)]}, crawl="c2")
    ingest(tmp_path, {"a.jsonl": [item(1, brand="New"), item(2)]})
    fetch = Fetch(FetchConfig())
    with pytest.raises(StaleError, match="because 'ingest/c1' changed; run: m5 ingest"):
        run_stage(dataset, fetch)
    _, counts = ingest(tmp_path, {"a.jsonl": [item(1), item(3)]}, crawl="c2")
    assert (counts["new"], counts["updated"], counts["unchanged"]) == (1, 1, 0)
    run_stage(dataset, fetch)


def test_a_crawl_that_did_not_come_to_its_end_is_not_read(tmp_path: Path) -> None:
    ingest(tmp_path, {"a.jsonl": [item(1)]})
    dataset, _ = ingest(tmp_path, {"a.jsonl": [item(2)]}, crawl="c2")
    with dataset.changing() as manifest:
        del manifest["stages"]["ingest/c2"]  # as a kill in the middle leaves it
    with pytest.raises(StaleError, match="the ingest of crawl 'c2' has not come to its end"):
        run_stage(dataset, Fetch(FetchConfig()))


@pytest.mark.parametrize(
    ("crawls", "wrong"),
    [
        (lambda crawls: crawls[::-1], "crawl 'c2' came after 'c1', which is not listed before it"),
        (lambda crawls: crawls[1:], "crawl 'c2' came after 'c1', which is not listed before it"),
        (lambda crawls: crawls[:1], "'ingest/c2' is done and its crawl is not listed"),
        (lambda crawls: [*crawls, crawls[0]], "crawl 'c1' is listed twice"),
    ],
)
def test_crawls_are_listed_as_they_were_ingested_or_not_read(
    tmp_path: Path, crawls: Callable[[list[Crawl]], list[Crawl]], wrong: str
) -> None:
    ingest(tmp_path, {"a.jsonl": [item(1), item(2)]})
    dataset, _ = ingest(tmp_path, {"a.jsonl": [item(1, brand="New")]}, crawl="c2")
    with dataset.changing() as manifest:
        manifest["crawls"] = crawls(manifest["crawls"])
    with pytest.raises(UsageError, match=rf"is damaged \({wrong}\); restore it"):
        run_stage(dataset, Fetch(FetchConfig()))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("category: {from: c, levels: '('}", "not a regular expression"),
        ("category: {from: c, levels: '(/|>)'}", "it has a group"),
        ("texts: [{from: t, role: r, lines: '(?P<value>.*)'}]", "missing: language"),
        ("html: [titel]", "Input should be 'native_id'"),
        ("attributes: [{from: a, pairs: ',', assign: ''}]", "at least 1 character"),
        ("companions: [{files: x, key: k, matches: m, columns: {}, find: '(a)(b)'}]", "more than one group"),
        ("attributes: [{from: a, pairs: ''}]", "at least 1 character"),
        ("table: {columns: [id, title, title]}", "two columns are called 'title'"),
        ("companions: [{files: ../x, key: k, matches: m, whole: w}]", "no glob below a folder"),
        ("companions: [{files: /x, key: k, matches: m, whole: w}]", "no glob below a folder"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused(tmp_path: Path, line: str, complaint: str) -> None:
    (tmp_path / "m.yaml").write_text(f"source: mine\nformat: json_lines\n{line}\n")
    with pytest.raises(UsageError, match=rf"m\.yaml:3: .*{complaint}"):
        mappings.load(str(tmp_path / "m.yaml"))


def test_rows_without_any_field_are_rejects(tmp_path: Path) -> None:
    dataset, counts = ingest(tmp_path, {"a.jsonl": ["{}", "{}"], "b.jsonl": [item(1)]})
    assert (counts["new"], counts["rejects"]) == (1, 2)
    assert dataset.read("rejects")["reason"].to_list() == ["no_content", "no_content"]


def test_ids_that_say_there_is_none_name_no_product(tmp_path: Path) -> None:
    rows = [item(i) | {"id": empty} for i, empty in enumerate(["N/A", "n/a", "-", "null", None, {}, []])]
    dataset, counts = ingest(tmp_path, {"a.jsonl": rows})
    assert (counts["new"], counts["rejects"]) == (len(rows), 0)
    assert dataset.read("products")["native_id"].null_count() == len(rows)


def test_a_further_crawl_without_a_name_does_not_replace_the_first(tmp_path: Path) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    first.write_text(json.dumps(item(1)) + "\n")
    second.write_text(json.dumps(item(2)) + "\n")
    dataset = Dataset(tmp_path / "ds")

    def run(*files: Path, **more: Any) -> bool:
        named = tuple(map(str, files))
        return run_stage(dataset, Ingest(IngestConfig(source="shop", mapping="synth", files=named, **more))).up_to_date

    assert not run(first)
    assert run(first)
    with pytest.raises(
        UsageError, match="--set crawl_id=shop-2 for a further crawl of 'shop', --set crawl_id=shop-1 to"
    ):
        run(second)
    assert dataset.read("products")["native_id"].to_list() == ["1"]
    first.touch()
    moved = first.rename(tmp_path / "moved.jsonl")
    assert not run(moved, limit=1)  # the same rows from elsewhere, with another setting
    assert not run(moved, second)  # and with more beside them
    assert not run(second, crawl_id="shop-2")
    with pytest.raises(UsageError, match="crawl_id=shop-3 for a further crawl"):
        run(second)
    assert not run(second, crawl_id="shop-1")
    assert dataset.read("products")["native_id"].to_list() == ["2"]
