"""Ranks of an array as processes of their own, which share a dataset's folder and nothing else."""

from __future__ import annotations

import json
import multiprocessing as mp
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from m5tools.dataset import Dataset
from m5tools.engine import local, lock, ranks
from m5tools.engine.local import LocalEngine
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.errors import M5Error
from m5tools.stage import Stage

PATIENCE_S = 120.0
SILENT_AFTER_S = 10.0


class _Heard(Silent):
    def __init__(self, log: Path) -> None:
        self._log = log

    def note(self, message: str) -> None:
        with self._log.open("a") as file:
            file.write(json.dumps(message) + "\n")


def _serve(root: Path, stages: Sequence[Stage], rank: int, world_size: int, log: Path, until_s: float | None) -> None:
    local.NOTE_EVERY_S, ranks.LOOK_EVERY_S, ranks.SILENT_AFTER_S, lock.BEAT_S = 0.3, 0.1, SILENT_AFTER_S, 0.2
    heard = _Heard(log)
    deadline = None if until_s is None else time.monotonic() + until_s
    with Pool(0) as pool:
        engine = LocalEngine(pool, heard, rank, world_size, deadline)
        try:
            for stage in stages:
                heard.note("finished" if engine.run(Dataset(root), stage).finished else "stopped")
        except (M5Error, RuntimeError) as error:
            heard.note(str(error))
            raise SystemExit(1) from None


@dataclass(frozen=True)
class Rank:
    """One rank at work.

    Attributes:
        process: its process.
        log: what it said, a JSON string a line.
    """

    process: BaseProcess
    log: Path

    @property
    def said(self) -> list[str]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    @property
    def last(self) -> str:
        """Its last words, once it has ended."""
        self.process.join(PATIENCE_S)
        assert self.process.exitcode is not None, self.said
        return self.said[-1] if self.said else ""

    def wait_until_said(self, words: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not any(words in line for line in self.said):
            assert time.monotonic() < deadline, f"never said '{words}', but {self.said}"
            time.sleep(0.05)


def start(
    root: Path, stages: Stage | Sequence[Stage], rank: int, world_size: int = 2, until_s: float | None = None
) -> Rank:
    """Begin a rank that runs stages one after the other."""
    listed = [stages] if isinstance(stages, Stage) else list(stages)
    log = root.parent / f"log-{rank}-{time.time_ns()}"
    process = mp.get_context("spawn").Process(
        target=_serve, args=(root, listed, rank, world_size, log, until_s), daemon=True
    )
    process.start()
    return Rank(process, log)
