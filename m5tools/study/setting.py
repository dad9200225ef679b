"""Under what a study ran: command, machine, versions, and when its runs ended."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

PACKAGES: Final = ("m5tools", "torch", "numpy", "scipy", "scikit-learn", "polars")


@dataclass(frozen=True)
class Setting:
    """What the page says of how it came about.

    Attributes:
        command: that ran it.
        machine: the one that writes the page; runs that lie in the folder may be another's.
        versions: of Python and of what computes.
        ended: first and last end of a run, UTC; empty without a run.
    """

    command: str
    machine: str
    versions: str
    ended: str


def setting(command: str, folder: Path, runs: Iterable[str]) -> Setting:
    """As it is here and now.

    Args:
        folder: of the study.
        runs: fingerprints of the finished ones.
    """
    times = sorted((folder / "cells" / f"{mark}.json").stat().st_mtime for mark in runs)
    ended = " to ".join(f"{datetime.fromtimestamp(t, UTC):%Y-%m-%d %H:%M}" for t in (times[:1] + times[-1:]))
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return Setting(command, _machine(), f"Python {platform.python_version()}, {packages}", ended)


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9 if hasattr(os, "sysconf") else float("nan")
    return f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GB, {platform.system()}"


def _processor() -> str:
    """The processor's name where the system tells it."""
    told = Path("/proc/cpuinfo")
    names = [line for line in told.read_text().splitlines() if line.startswith("model name")] if told.is_file() else []
    return names[0].partition(": ")[2] if names else platform.processor() or platform.machine()
