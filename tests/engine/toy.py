"""A stage that does nothing but what a test asks of it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl
import pyarrow as pa

from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work


class ToyConfig(StageConfig):
    units: int = 4
    act: str = "write"
    folder: str = ""


@dataclass(frozen=True)
class Toy(Stage):
    """Writes one part of `splits` a unit, and does what `act` says on the way."""

    name: ClassVar[str] = "split"
    version: ClassVar[int] = 1
    writes: ClassVar[tuple[str, ...]] = ("splits",)

    config: ToyConfig

    def inputs(self) -> tuple[Input, ...]:
        return ()

    def rounds(self) -> tuple[str, ...]:
        return ("first", "last")

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        return [Unit(f"u{i}", {"i": i}) for i in range(self.config.units if round_name == "first" else 1)]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        i = unit.args["i"]
        if round_name == "last":
            seen = len(list(work.scratch.glob("seen-*")))
            assert seen == self.config.units, "a round began before the one before it was done"
            return {"seen": seen}
        failed = 0
        if self.config.act == "crash in spite of blame" and i == 1:
            with work.item("bad"):
                os.kill(os.getpid(), signal.SIGKILL)
        if self.config.act == "slow" and i == 0:
            time.sleep(1)
        if work.blamed:
            failed = 1
            assert set(work.blamed) == {"bad"}
        elif i == 1:
            with work.item("bad"):
                self._act(work)
        (work.scratch / f"seen-{i}").touch()
        log = Path(self.config.folder) if self.config.folder else None
        if log:
            with log.open("a") as file:
                file.write(f"{unit.key}\n")
        rows = pl.DataFrame({"product_id": [f"{i:032x}"], "split": ["train"], "bridge": [False]})
        return {"rows": work.write("splits", i, rows), "items": 1, "failed": failed, "blamed": len(work.blamed)}

    def _act(self, work: Work) -> None:
        if self.config.act == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.config.act == "crash once":
            once = work.scratch / "crashed"
            if not once.exists():
                once.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        if self.config.act == "mistake once":
            once = work.scratch / "mistaken"
            if not once.exists():
                once.touch()
                raise UsageError("the file is odd; straighten it")
        if self.config.act == "future and hang":
            assert work._journal is not None
            os.utime(work._journal._path, (time.time() + 3600,) * 2)
        if self.config.act.endswith("hang"):
            time.sleep(3600)
        if self.config.act.startswith("seize "):
            Path(self.config.act[6:]).write_text(str(os.getpid()))
            ctypes.PyDLL(None).sleep(3600)  # as a decoder may: without giving the interpreter back
        if self.config.act == "chatter":
            os.write(2, b"said by a library")
            print("said by Python", file=sys.stderr)
        if self.config.act == "bug":
            raise ZeroDivisionError("a bug")
        if self.config.act == "full disk":
            with pa.OSFile("/dev/full", "wb") as file:
                file.write(bytes(1 << 16))
        if self.config.act.startswith("threads "):
            Path(self.config.act[8:]).write_text(f"{pl.thread_pool_size()} {pa.cpu_count()}")
        if self.config.act in ("mistake", "slow"):
            raise UsageError("the file is odd; straighten it")


def files(root: Path) -> dict[str, bytes]:
    kept = (p for p in sorted(root.rglob("*")) if p.is_file() and "runs" not in p.parts)
    return {str(p.relative_to(root)): p.read_bytes() for p in kept}
