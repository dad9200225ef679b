"""The driver: same bytes however it runs, rows that add up, and no folder overwritten that is not its own."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from pathlib import Path

import polars as pl
import pytest

from m5tools.errors import StageFailed, UsageError
from m5tools.synth import SynthConfig, synthesize
from m5tools.synth.mess import TAGS
from m5tools.vocabulary import RejectReason


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def read_lines(out: Path, truth: pl.DataFrame) -> list[str]:
    names = truth["file"].unique(maintain_order=True)
    return [line for name in names for line in (out / "crawl" / name).read_text("utf-8").splitlines()]


def test_the_bytes_depend_on_neither_the_workers_nor_the_run(tmp_path: Path) -> None:
    config = SynthConfig(products=80, seed=3)
    one = synthesize(tmp_path / "one", config)
    two = synthesize(tmp_path / "two", config, workers=2)
    assert one == two
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_another_seed_is_another_crawl(tmp_path: Path) -> None:
    for seed in (1, 2):
        synthesize(tmp_path / str(seed), SynthConfig(products=50, seed=seed, media=False))
    assert not set(digests(tmp_path / "1").values()) & set(digests(tmp_path / "2").values())


def test_running_again_replaces_the_crawl(tmp_path: Path) -> None:
    synthesize(tmp_path / "out", SynthConfig(products=80, files=8, media=False))
    (tmp_path / "out" / ".blocks").mkdir()
    (tmp_path / "out" / ".blocks" / "0").write_text("left by a run that was killed")
    synthesize(tmp_path / "out", SynthConfig(products=40, media=False))
    synthesize(tmp_path / "new", SynthConfig(products=40, media=False))
    assert digests(tmp_path / "out") == digests(tmp_path / "new")


def test_rows_are_products_and_rejects(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    config = SynthConfig(products=2500, media=False)
    report = synthesize(tmp_path / "out", config, progress=lambda done, total: seen.append((done, total)))
    truth = pl.read_parquet(tmp_path / "out" / "truth.parquet")
    lines = read_lines(tmp_path / "out", truth)
    assert report.products == 2500 == truth.filter(outcome="product").height
    assert report.rows == truth.height == len(lines) == 2500 + sum(report.rejects.values())
    assert truth["row"].to_list() == list(range(truth.height))
    assert seen[-1] == (2500, 2500)
    described = json.loads((tmp_path / "out" / "synth.json").read_text())
    assert described["counts"]["rows"] == report.rows
    assert SynthConfig.model_validate(described["config"]) == config


def test_every_reject_is_what_its_reason_says(tmp_path: Path) -> None:
    synthesize(tmp_path / "out", SynthConfig(products=2500, media=False))
    truth = pl.read_parquet(tmp_path / "out" / "truth.parquet")
    lines = read_lines(tmp_path / "out", truth)
    first_of: dict[str, str] = {}
    differing = 0
    for line, row in zip(lines, truth.iter_rows(named=True), strict=True):
        if row["reject_reason"] == RejectReason.NOT_PARSEABLE:
            with pytest.raises(json.JSONDecodeError):
                json.loads(line)
            continue
        record = json.loads(line)
        if row["reject_reason"] == RejectReason.NOT_AN_OBJECT:
            assert not isinstance(record, dict)
            continue
        assert record["id"] == row["native_id"]
        content = [record.get(key) for key in ("title", "description", "attributes", "images", "videos", "audios")]
        assert any(content) == (row["reject_reason"] != RejectReason.NO_CONTENT)
        if row["reject_reason"] == RejectReason.REPEATED_ID:
            differing += first_of[record["id"]] != line
        else:
            assert record["id"] not in first_of
            first_of[record["id"]] = line
    repeated = truth.filter(reject_reason="repeated_id").height
    assert differing >= 30
    assert repeated - differing >= 30


def test_a_demo_holds_enough_of_every_kind(tmp_path: Path) -> None:
    report = synthesize(tmp_path / "out", SynthConfig(products=2500, media=False))
    assert set(report.tags) == set(TAGS)
    assert min(report.tags.values()) >= 30
    assert min(report.rejects.values()) >= 30
    truth = pl.read_parquet(tmp_path / "out" / "truth.parquet").filter(outcome="product")
    for reason in ("image", "video", "audio"):
        assert truth[f"reason_{reason}"].value_counts().filter(pl.col("count") < 20).is_empty()


def test_a_killed_worker_is_said_in_one_line(tmp_path: Path) -> None:
    def kill(_done: int, _total: int) -> None:
        for worker in multiprocessing.active_children():
            worker.kill()

    with pytest.raises(StageFailed, match="a worker was killed"):
        synthesize(tmp_path, SynthConfig(products=4000, files=40, media=False), workers=2, progress=kill)


@pytest.mark.parametrize("content", ["", '{"format": "something else"}', "[]"])
def test_a_strange_folder_is_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "synth.json").write_text(content)
    (tmp_path / "thesis.txt").write_text("all my work")
    with pytest.raises(UsageError, match="not made by the simulator"):
        synthesize(tmp_path, SynthConfig(products=10, media=False))
    assert (tmp_path / "thesis.txt").exists()


def test_the_big_object_parses_and_keeps_every_row(tmp_path: Path) -> None:
    config = SynthConfig(products=800, layout="m5product", media=False)
    report = synthesize(tmp_path / "out", config)
    text = (tmp_path / "out" / "crawl" / "products.json").read_text("utf-8")
    members = json.loads(text, object_pairs_hook=lambda pairs: pairs)
    truth = pl.read_parquet(tmp_path / "out" / "truth.parquet")
    assert [key for key, _ in members] == truth["native_id"].to_list()
    assert len(members) == report.rows
    for (_, member), row in zip(members, truth.iter_rows(named=True), strict=True):
        if row["reject_reason"] == RejectReason.NOT_AN_OBJECT:
            assert isinstance(member, str)
            continue
        record = dict(member)
        assert list(record) == ["title", "label", "url", "video", "pv"]
        slipped = record["url"].startswith(("#", "//"))
        assert slipped == ("image.url_slip" in row["oddities"])
        assert bool(record["pv"]) == (row["state_table"] == 0)
        assert bool(record["video"]) == bool(row["listed_videos"])
        assert all(pair.count("#:#") == 1 for pair in record["pv"].split("#;#") if record["pv"])
    urls = {dict(member)["url"][:2] for _, member in members if isinstance(member, list)}
    assert {"ht", "//", "#h", ""} <= urls
