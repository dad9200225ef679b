"""`m5 synth` and the parts of `m5 demo` that need no whole run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from m5tools.cli import make
from m5tools.errors import StageFailed
from m5tools.tasks.config import EvaluateConfig
from m5tools.tasks.report import Classification, Clustering, Evaluation, Retrieval, System
from m5tools.truth import Score

from .conftest import M5


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_synth_twice_gives_the_same_bytes(m5: M5, tmp_path: Path) -> None:
    options = ("--products", 12, "--seed", 4, "-w", 1)
    first = m5("synth", tmp_path / "one", *options)
    assert first.code == 0, first.err
    assert m5("synth", tmp_path / "two", *options).code == 0
    assert m5("synth", tmp_path / "two", *options).code == 0, "an earlier simulation is replaced"
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert "truth.parquet" in files(tmp_path / "one")
    assert m5("synth", tmp_path / "three", "--products", 12, "--seed", 5, "-w", 1).code == 0
    assert files(tmp_path / "one") != files(tmp_path / "three")


def test_synth_says_that_every_row_is_a_product_or_a_reject(m5: M5, tmp_path: Path) -> None:
    said = m5("synth", tmp_path / "crawl", "--products", 200, "--no-media", "-w", 1)
    rows = sum(f.read_bytes().count(b"\n") for f in (tmp_path / "crawl" / "crawl").glob("*.jsonl"))
    assert f"{rows} rows = 200 products + {rows - 200} rows to reject" in said.out
    assert not (tmp_path / "crawl" / "crawl" / "media").exists()


def test_synth_by_config(m5: M5, tmp_path: Path) -> None:
    config = tmp_path / "knobs.yaml"
    config.write_text("products: 30\nmedia: false\nlayout: m5product\n")
    assert m5("synth", tmp_path / "crawl", "--config", config, "-w", 1).code == 0
    assert (tmp_path / "crawl" / "crawl" / "products.json").is_file()
    config.write_text("products: 30\nprodcts: 2\n")
    said = m5("synth", tmp_path / "other", "--config", config)
    assert said.code == 2
    assert f"{config}:2: prodcts" in said.err


def test_options_win_over_the_config(m5: M5, tmp_path: Path) -> None:
    config = tmp_path / "knobs.yaml"
    config.write_text("products: 30\nseed: 5\nmedia: false\nprofile: m5product\n")
    options = ("--config", config, "-n", 20, "--seed", 6, "--profile", "default", "-w", 1)
    assert m5("synth", tmp_path / "crawl", *options).code == 0
    written = json.loads((tmp_path / "crawl" / "synth.json").read_text())
    kept = {key: written["config"][key] for key in ("products", "seed", "profile", "layout", "media")}
    assert kept == {"products": 20, "seed": 6, "profile": "default", "layout": "json_lines", "media": False}


@pytest.mark.parametrize("option", [("--products", 0), ("--seed", -1), ("--profile", "m6")])
def test_a_wrong_option_is_named_not_the_file(m5: M5, tmp_path: Path, option: tuple[str, object]) -> None:
    config = tmp_path / "knobs.yaml"
    config.write_text("media: false\n")
    for more in ((), ("--config", config)):
        said = m5("synth", tmp_path / "crawl", *option, *more)
        assert said.code == 2
        assert f"{option[0]}: " in said.err
        assert str(config) not in said.err


@pytest.mark.parametrize("command", [("synth",), ("demo", "--fresh", "--out")])
def test_a_folder_of_somebody_else_is_refused_and_untouched(m5: M5, tmp_path: Path, command: tuple[str, ...]) -> None:
    folder = tmp_path / "mine"
    (folder / "run").mkdir(parents=True)
    (folder / "run" / "thesis.txt").write_text("years of work")
    said = m5(*command, folder)
    assert said.code == 2
    assert f"{folder} is not empty" in said.err
    assert files(folder) == {"run/thesis.txt": b"years of work"}


def judged(queries: int, fused: float, text: float) -> Evaluation:
    scores = {"fused": fused, "text": text} if queries else {}
    systems = {name: System(count=queries, metrics={"mAP@10": value}) for name, value in scores.items()}
    chance = {"mAP@10": 0.01} if queries else {}
    fine = Retrieval(protocol="splits", queries=queries, gallery=100, chance=chance, systems=systems)
    nothing = Classification(protocol="splits", train_rows=0, test_rows=0)
    return Evaluation(
        model="m", checkpoint="c", step=1, shards="s", config=EvaluateConfig(), products=100, fine=fine, coarse=fine,
        classification=nothing, clustering=Clustering(products=0, clusters=0, runs=0),
    )  # fmt: skip


def test_the_demo_fails_only_where_enough_was_asked(capsys: pytest.CaptureFixture[str]) -> None:
    make._verdict(judged(60, 0.9, 0.7))
    make._verdict(judged(6, 0.7, 0.7))
    make._verdict(judged(0, 0, 0))
    said = capsys.readouterr().out.splitlines()
    assert "too few" not in said[0]
    assert "6 queries, too few to tell" in said[1]
    assert "nothing to judge" in said[2]
    with pytest.raises(StageFailed, match="does not beat"):
        make._verdict(judged(60, 0.7, 0.7))


def test_a_share_of_nothing_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    make._print_scores({"tags": [Score("blurred", planted=4, found=0, right=0)]})
    line = next(line for line in capsys.readouterr().out.splitlines() if "blurred" in line)
    assert line.split() == ["blurred", "4", "0", "–", "0.000"]
