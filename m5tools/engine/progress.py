"""How a run is told: rich bars on a terminal, plain lines in a log, JSON lines for machines."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Listener(Protocol):
    """Told about a run as it goes."""

    def round_started(self, entry: str, round_name: str, units: int, done: int) -> None: ...
    def unit_done(self, entry: str, round_name: str, unit: str, counts: Mapping[str, int], seconds: float) -> None: ...
    def under_way(self, entry: str, round_name: str, parts: int, of: int) -> None: ...
    def stage_done(self, entry: str, counts: Mapping[str, int], seconds: float, up_to_date: bool) -> None: ...
    def note(self, message: str) -> None: ...
    def close(self) -> None: ...


class Silent:
    """Tells nobody (for use as a library)."""

    def round_started(self, entry: str, round_name: str, units: int, done: int) -> None: ...
    def unit_done(self, entry: str, round_name: str, unit: str, counts: Mapping[str, int], seconds: float) -> None: ...
    def under_way(self, entry: str, round_name: str, parts: int, of: int) -> None: ...
    def stage_done(self, entry: str, counts: Mapping[str, int], seconds: float, up_to_date: bool) -> None: ...
    def note(self, message: str) -> None: ...
    def close(self) -> None: ...


class PlainLines(Silent):
    """One line a finished stage, and every few seconds how far a long round has come."""

    EVERY_S = 5.0

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._units = self._done = 0
        self._told = time.monotonic()

    def round_started(self, entry: str, round_name: str, units: int, done: int) -> None:
        self._units, self._done, self._told = units, done, time.monotonic()

    def unit_done(self, entry: str, round_name: str, unit: str, counts: Mapping[str, int], seconds: float) -> None:
        self._done += 1
        if self._due():
            self._say(f"{entry}: {round_name} {self._done}/{self._units}")

    def under_way(self, entry: str, round_name: str, parts: int, of: int) -> None:
        if of and self._due():
            self._say(f"{entry}: {round_name} {self._done}/{self._units}, {parts:,} of {of:,} in what is under way")

    def stage_done(self, entry: str, counts: Mapping[str, int], seconds: float, up_to_date: bool) -> None:
        self._say(f"{entry}: up to date" if up_to_date else f"{entry}: done in {seconds:.1f} s ({words(counts)})")

    def note(self, message: str) -> None:
        self._say(message)

    def _due(self) -> bool:
        due = time.monotonic() - self._told >= self.EVERY_S
        if due:
            self._told = time.monotonic()
        return due

    def _say(self, line: str) -> None:
        print(line, file=self._out, flush=True)


class JsonLines(Silent):
    """One JSON object an event, on standard error."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._parts = (0, 0)

    def round_started(self, entry: str, round_name: str, units: int, done: int) -> None:
        self._say("round_started", entry=entry, round=round_name, units=units, done=done)

    def unit_done(self, entry: str, round_name: str, unit: str, counts: Mapping[str, int], seconds: float) -> None:
        self._say("unit_done", entry=entry, round=round_name, unit=unit, counts=counts, seconds=round(seconds, 3))

    def under_way(self, entry: str, round_name: str, parts: int, of: int) -> None:
        if of and (parts, of) != self._parts:
            self._parts = (parts, of)
            self._say("under_way", entry=entry, round=round_name, parts=parts, of=of)

    def stage_done(self, entry: str, counts: Mapping[str, int], seconds: float, up_to_date: bool) -> None:
        self._say("stage_done", entry=entry, counts=counts, seconds=round(seconds, 3), up_to_date=up_to_date)

    def note(self, message: str) -> None:
        self._say("note", message=message)

    def _say(self, event: str, **fields: Any) -> None:
        print(json.dumps({"event": event, "time": time.time(), **fields}), file=self._out, flush=True)


class Bars(Silent):
    """A bar for the running round, a line for every finished stage."""

    def __init__(self, console: Console | None = None) -> None:
        columns = (
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[under_way]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        console = console or Console(stderr=True)
        self._progress = Progress(TextColumn("{task.description}"), *columns, console=console, transient=True)
        self._progress.start()
        self._task = self._progress.add_task("", visible=False, under_way="")

    def round_started(self, entry: str, round_name: str, units: int, done: int) -> None:
        self._progress.remove_task(self._task)
        self._task = self._progress.add_task(f"{entry}: {round_name}", total=units, completed=done, under_way="")

    def unit_done(self, entry: str, round_name: str, unit: str, counts: Mapping[str, int], seconds: float) -> None:
        self._progress.update(self._task, advance=1, under_way="")

    def under_way(self, entry: str, round_name: str, parts: int, of: int) -> None:
        if of:
            self._progress.update(self._task, under_way=f"[dim]{parts:,} of {of:,} under way[/dim]")

    def stage_done(self, entry: str, counts: Mapping[str, int], seconds: float, up_to_date: bool) -> None:
        tail = "up to date" if up_to_date else f"{seconds:.1f} s  [dim]{words(counts)}[/dim]"
        self._progress.console.print(f"[green]✓[/green] {entry}  {tail}", highlight=False)

    def note(self, message: str) -> None:
        self._progress.console.print(message, highlight=False, markup=False)

    def close(self) -> None:
        self._progress.stop()


def words(counts: Mapping[str, int]) -> str:
    """Counts as `1,234 products, 5 rejects`."""
    return ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in counts.items())


def listener(log_json: bool = False) -> Listener:
    """The fitting way to tell a run: JSON when asked for, bars on a terminal, lines otherwise."""
    if log_json:
        return JsonLines()
    return Bars() if sys.stderr.isatty() else PlainLines()
