"""The command line called in this process, and a small curated crawl to call it on."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from m5tools import demo
from m5tools.cli import main
from m5tools.engine.local import LocalEngine
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent


@dataclass(frozen=True)
class Said:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


M5 = Callable[..., Said]


@pytest.fixture
def m5(monkeypatch: pytest.MonkeyPatch) -> M5:
    """The entry point of the console script. A bug surfaces as its exception, a user's mistake as exit code and message."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("TERMINAL_WIDTH", "300")

    def call(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["m5", *map(str, arguments)])
        out, err = io.StringIO(), io.StringIO()
        code = 0
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main.run()
            except SystemExit as end:
                code = int(end.code or 0)
        return Said(code, out.getvalue(), err.getvalue())

    return call


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `crawl/crawl` (a delivery of forty products) and `dataset` (curated from it). Not to be changed."""
    folder = tmp_path_factory.mktemp("shop")
    demo.simulate(folder, products=40, seed=12, workers=1, progress=lambda done, total: None)
    with Pool(0) as pool:
        demo.curate(folder, LocalEngine(pool, Silent()))
    return folder


@pytest.fixture(scope="session")
def crawl(shop: Path) -> Path:
    """The delivery that `shop` was made from."""
    return shop / "crawl" / "crawl"


@pytest.fixture
def on_crawl(crawl: Path, tmp_path: Path) -> list[str]:
    """Options that point the recipe `demo` at the delivery and a dataset of the test's own."""
    changes = {
        "dataset": tmp_path / "dataset",
        "ingest.sources.0.files": f"['{crawl}/*.jsonl']",
        "ingest.sources.0.media_root": crawl,
    }
    return [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
