"""How a run is told: units done, and how far those under way have come."""

from __future__ import annotations

import io
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine
from m5tools.engine.pool import Pool
from m5tools.engine.progress import JsonLines, PlainLines, Silent
from m5tools.journal import Journal
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work


@dataclass(frozen=True)
class Long(Stage):
    """Units of many parts, of which it tells."""

    name: ClassVar[str] = "split"
    version: ClassVar[int] = 1
    writes: ClassVar[tuple[str, ...]] = ()

    config: StageConfig = field(default_factory=StageConfig)

    def inputs(self) -> tuple[Input, ...]:
        return ()

    def rounds(self) -> tuple[str, ...]:
        return ("parts", "silent")

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        return [Unit("u0"), Unit("u1")]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        for i in range(3 if round_name == "parts" else 0):
            work.came(i + 1, 3)
            time.sleep(0.5)
        return {}


class Told(Silent):
    """Keeps what it is told of units under way."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, int, int]] = []

    def under_way(self, entry: str, round_name: str, parts: int, of: int) -> None:
        self.parts.append((round_name, parts, of))


def test_a_long_unit_tells_how_far_it_has_come(tmp_path: Path) -> None:
    told = Told()
    with Pool(1) as pool:
        LocalEngine(pool, told).run(Dataset(tmp_path), Long())
    assert {(name, of) for name, _, of in told.parts if of} == {("parts", 3)}
    assert all(0 <= parts <= 3 for _, parts, _ in told.parts)
    assert max(parts for _, parts, _ in told.parts) >= 2


def test_another_unit_begins_at_nothing(tmp_path: Path) -> None:
    path = tmp_path / "worker-1"
    journal = Journal(path)
    assert Journal.progress(path) == (0, 0)
    journal.came(5, 9)
    assert Journal.progress(path) == (5, 9)
    journal.close()
    Journal.clear(path)
    assert (Journal.read(path), Journal.progress(path)) == ("", (0, 0))


def test_plain_lines_come_every_few_seconds_and_no_oftener(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    out = io.StringIO()
    lines = PlainLines(out)
    lines.round_started("fetch", "look", 4, 1)
    for parts in range(0, 2000, 100):
        now[0] += 1
        lines.under_way("fetch", "look", parts, 2000)
    lines.under_way("fetch", "look", 0, 0)
    said = out.getvalue().splitlines()
    assert said[0] == "fetch: look 1/4, 400 of 2,000 in what is under way"
    assert len(said) == 4


def test_machines_are_told_of_changes_only() -> None:
    out = io.StringIO()
    lines = JsonLines(out)
    for parts, of in ((0, 0), (1, 9), (1, 9), (2, 9)):
        lines.under_way("fetch", "look", parts, of)
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(t["event"], t["parts"], t["of"]) for t in told] == [("under_way", 1, 9), ("under_way", 2, 9)]
