"""What is told of a run over all of M5Product: the audit's figures against the truth, and what a command moved."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks import planted, whole_flow
from benchmarks.planted_pairs import Groups
from benchmarks.watched import Spent, Watched
from m5tools import truth
from m5tools.audit import audit, write
from m5tools.cut import Cut, CutConfig
from m5tools.dataset import Dataset
from m5tools.dedup.compare import Compare, CompareConfig
from m5tools.dedup.stage import Dedup, DedupConfig
from m5tools.engine.local import run_stage
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.stage import Fetch
from m5tools.ingest.stage import Ingest, IngestConfig
from m5tools.measure.stage import Measure, MeasureConfig
from m5tools.split.stage import SplitConfig, SplitStage
from m5tools.survey.stage import Survey, SurveyConfig
from m5tools.synth import SynthConfig, synthesize
from m5tools.tag.stage import Tag, TagConfig
from m5tools.vocabulary import Relation


def in_groups(draw: random.Random, of: int, most: int) -> list[int]:
    return [draw.randrange(of) // most for _ in range(of)]


@pytest.mark.parametrize("seed", range(6))
def test_pairs_counted_by_groups_are_those_counted_one_by_one(
    make_dataset: Callable[..., Dataset], tmp_path: Path, seed: int
) -> None:
    """Whatever the groups: nested, crossing, alone."""
    draw, many = random.Random(seed), 60
    offers, instances, variants = (in_groups(draw, many, most) for most in (2, 4, 8))
    if seed % 2:  # as the simulator plants them, one inside the other
        instances = [offer // 3 for offer in offers]
        variants = [instance // 2 for instance in instances]
    rows = {
        "native_id": [str(600_000_000_000 + i) for i in range(many)],
        "outcome": ["product" if draw.random() < 0.9 else "reject" for _ in range(many)],
        "offer": offers,
        "instance": instances,
        "variant_group": [group if draw.random() < 0.8 else -1 for group in variants],
    }
    pl.DataFrame(rows).write_parquet(tmp_path / "truth.parquet", row_group_size=7)
    ids = [sha256(native.encode()).hexdigest()[:32] for native in rows["native_id"]]
    of_crawl = {"crawl_id": "c1", "source": "s", "origin_file": "a", "origin_offset": 0}
    products = [
        {"product_id": p, "native_id": native, "content_hash": p, **of_crawl}
        for p, native, outcome in zip(ids, rows["native_id"], rows["outcome"], strict=True)
        if outcome == "product"
    ]
    clusters = [
        {"relation": relation.value, "product_id": row["product_id"], "is_survivor": False,
         "cluster_id": sha256(str(group if draw.random() < 0.7 else draw.randrange(many)).encode()).hexdigest()[:32]}
        for relation, groups in zip(Relation, (offers, instances, variants), strict=True)
        for row, group in zip(products, (g for g, o in zip(groups, rows["outcome"], strict=True) if o == "product"), strict=True)
        if draw.random() < 0.9
    ]  # fmt: skip
    dataset = make_dataset({"products": products, "clusters": clusters}, partitions=3)
    groups = Groups.of(tmp_path / "truth.parquet", dataset)
    one_by_one = truth.duplicates(dataset, truth.planted_products(dataset, tmp_path / "truth.parquet"))
    assert [groups.pairs(relation) for relation in Relation] == [(s.planted, s.found, s.right) for s in one_by_one]
    assert all(score.planted and score.found and score.right for score in one_by_one)


def crawled(folder: Path, products: int) -> Dataset:
    config = SynthConfig.model_validate({"profile": "m5product", "products": products, "media": False, "seed": 4})
    synthesize(folder / "crawl", config)
    dataset = Dataset(folder / "dataset")
    file = str(folder / "crawl" / "crawl" / "products.json")
    run_stage(dataset, Ingest(IngestConfig(source="m5product", mapping="m5product", files=(file,))))
    return dataset


def test_rows_rejects_and_the_tail_are_what_was_planted_and_one_more_is_seen(tmp_path: Path) -> None:
    dataset = crawled(tmp_path, 800)
    counted = planted.Planted.of(tmp_path / "crawl" / "truth.parquet")
    said: dict[str, Any] = json.loads(json.dumps(audit(dataset).numbers()))
    assert planted.states(counted, said) == [], "nothing is known of them before `tag`"
    figures = [*planted.rows(counted, said), *planted.tail(counted, said)]
    assert not [figure for figure in figures if figure.is_wrong]
    names = {figure.name for figure in figures if figure.planted > 0}
    assert {"rows", "products", "reject: repeated_id", "reject: no_content", "reject: not_an_object"} <= names
    assert {"categories: classes", "categories: gini", "categories: top 10"} <= names
    said["funnel"]["steps"][1]["losses"][0]["items"] += 1
    said["categories"]["tail"]["singletons"] -= 1
    figures = [*planted.rows(counted, said), *planted.tail(counted, said)]
    assert len([figure for figure in figures if figure.is_wrong]) == 2
    assert planted.table(figures).count("must be exact") == 2


@pytest.mark.slow
def test_a_whole_flow_finds_what_was_planted(tmp_path: Path) -> None:
    dataset = crawled(tmp_path, 1_500)
    for stage in (
        Fetch(FetchConfig(download=False)), Survey(SurveyConfig()), Measure(MeasureConfig()), Tag(TagConfig()),
        Compare(CompareConfig()), Dedup(DedupConfig()), SplitStage(SplitConfig()), Cut(CutConfig(cut="any")),
    ):  # fmt: skip
        run_stage(dataset, stage)
    write(audit(dataset, cut="any"), dataset.root / "reports")
    command = [sys.executable, "-m", "benchmarks.planted", str(tmp_path / "crawl"), str(dataset.root)]
    home = Path(__file__).parents[2]
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=home)
    assert told.returncode == 0, told.stdout + told.stderr
    for name in ("image: pending, not_fetched", "text: present, none", "tag: text.short", "same_product: pairs"):
        assert name in told.stdout
    file = dataset.root / "reports" / "audit.json"
    said = json.loads(file.read_text())
    said["completeness"]["states"][0]["products"][2] += 1
    file.write_text(json.dumps(said))
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=home)
    assert told.returncode == 1
    assert "must be exact" in told.stdout


MOVES = """
import subprocess, sys
WAIT = "import os, time\\nwhile not os.path.exists('%s'): time.sleep(0.01)\\n"
def round(name, code):
    print('{"event": "round_started", "round": "%s"}' % name, file=sys.stderr, flush=True)
    both = WAIT % f"{name}-begun" + code + "\\n" + WAIT % f"{name}-seen"
    subprocess.run([sys.executable, "-c", both], check=True)
round("writes", "open('big', 'wb').write(bytes(5_000_000))")
round("reads", "open('big', 'rb').read()")
"""
PATIENCE_S = 60.0


def answer(watched: Watched, folder: Path) -> None:
    """Tell each child of `MOVES` when its round has begun, and when what it moved was seen."""
    patience = time.monotonic() + PATIENCE_S

    def tell(what: str, when: Callable[[], bool]) -> None:
        while not when() and time.monotonic() < patience:
            time.sleep(0.01)
        (folder / what).touch()

    rounds = watched.rounds
    tell("writes-begun", lambda: len(rounds) == 1)
    tell("writes-seen", lambda: rounds[0].wchar >= 5_000_000)
    tell("reads-begun", lambda: len(rounds) == 2)
    tell("reads-seen", lambda: rounds[1].rchar >= 5_000_000)


@pytest.mark.slow
def test_what_processes_moved_that_are_gone_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/proc/self/io").is_file():
        pytest.skip("this system does not tell what a process moved (/proc/PID/io)")
    monkeypatch.chdir(tmp_path)
    watched = Watched([sys.executable, "-c", MOVES], tmp_path, "moves")
    monkeypatch.setattr("benchmarks.watched.LOOKED_EVERY_S", 0.05)
    answering = threading.Thread(target=answer, args=(watched, tmp_path))
    answering.start()
    whole = watched.run()
    answering.join()
    assert 5_000_000 <= whole.wchar < 6_000_000
    assert 5_000_000 <= whole.rchar < 50_000_000
    assert [one.name for one in watched.rounds] == ["writes", "reads"]
    wrote, read = watched.rounds
    assert wrote.wchar >= 5_000_000 > read.wchar
    assert read.rchar >= 5_000_000


def test_a_stage_is_told_beside_duckdb_and_all_together() -> None:
    duckdb, ingest = Spent("duckdb", 2.0, 0.5), Spent("ingest", 10.0, 4.0, largest=3 << 30, rchar=1 << 30)
    cut = Spent("cut", 5.0, 1.0, largest=1 << 30, rchar=2 << 30)
    found = {spent.name: (spent, []) for spent in (duckdb, ingest, cut)}
    whole = whole_flow.whole_of(found)
    assert (whole.wall, whole.processor, whole.largest, whole.rchar) == (15.0, 5.0, 3 << 30, 3 << 30)
    told = whole_flow.line(whole, 1_000_000, Spent("all stages", 1.0, 0.25), 100_000, duckdb)
    assert len(told) == 14 + sum(whole_flow.WIDTHS)
    assert told.split()[:8] == ["all", "stages", "15.0", "5.0", "5.0", "2.00", "10.00", "3.00"]
    assert len(whole_flow.line(duckdb, 1_000_000, None, 0, None)) == len(told)


def test_what_an_earlier_run_left_is_refused_where_it_would_tell_of_another_one(tmp_path: Path) -> None:
    crawl, dataset = whole_flow.crawl_and_dataset(tmp_path, 1_000)
    (crawl / "crawl").mkdir(parents=True)
    file = crawl / "crawl" / "products.json"
    file.write_bytes(bytes(396_000))
    whole_flow.refuse_what_is_old(tmp_path, [1_000], all_stages=True)  # of a run that was stopped: it is made anew
    (crawl / "truth.parquet").touch()
    with pytest.raises(SystemExit, match=r"crawl-1000: 396 bytes a product, .* 918 now; remove it and dataset-1000"):
        whole_flow.refuse_what_is_old(tmp_path, [1_000], all_stages=False)
    file.write_bytes(bytes(int(1_000 * whole_flow.A_PRODUCT * 1.02)))
    whole_flow.refuse_what_is_old(tmp_path, [1_000], all_stages=True)
    dataset.mkdir()
    with pytest.raises(SystemExit, match=r"dataset-1000 is there, .* --stages"):
        whole_flow.refuse_what_is_old(tmp_path, [100, 1_000], all_stages=True)
    whole_flow.refuse_what_is_old(tmp_path, [100, 1_000], all_stages=False)
