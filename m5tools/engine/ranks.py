"""What the ranks of one array tell each other: that they are at work, and how they ended.

They share nothing but the dataset's folder. Beside the locks of a stage, which their holders touch every few seconds
(:mod:`m5tools.engine.lock`), a rank that ends before the run is done leaves `.ended-<rank>`. A failure ends the others
at once; a rank that fell silent ends those that wait for it after a while; one that has not begun is waited for, since
a cluster may start it hours later.

No clock of another machine is asked: a rank is silent when this process has watched its lock for long enough and never
saw it touched.

What an array leaves behind must not end the next try, so tries are counted. A rank that finds a trace of its own begins
the try after that one; a rank that finds none has come late to the newest that others have begun, or, where the
scheduler says that they were of another array, to the one after it. What was left in earlier tries is of the past.
"""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from m5tools import atomic
from m5tools.errors import M5Error, StageFailed
from m5tools.recorded import is_ending, is_lock

SILENT_AFTER_S = 300.0
"""A machine that swaps or a file server that pauses keeps a heartbeat for minutes."""
LOOK_EVERY_S = 2.0
MOST_A_LOOK_S: Final = 30.0
"""What a look adds to a silence at most: where all ranks were suspended together, none of them was silent."""
NAMED: Final = 8
AGAIN: Final = "then start every rank again with the same command (finished units are kept)"

How = Literal["failed", "stopped", "interrupted"]
Sign = tuple[int, int]


class Followed(StageFailed):
    """This rank ended because of another.

    Attributes:
        line: what became of the other.
    """

    def __init__(self, line: str, remedy: str) -> None:
        super().__init__(f"{line}; {remedy}, {AGAIN}")
        self.line = line


@dataclass
class _Watched:
    """A rank's lock as this process last saw it change, and for how long it has not since."""

    sign: Sign | None
    quiet: float = 0.0


@dataclass
class Ranks:
    """The ranks of one array at one run of one stage, as one of them sees the others.

    Args:
        folder: where the stage's locks lie.
        entry: the stage's entry.
        rank: this rank.
        world_size: how many there are.
        run: name of the run; empty until it is known.
        place: what this rank is at, for those that hear that it failed.
        attempt: the number of the try; 0 until it is known.
        mute: it could not tell how it ended, so the others must find it silent.
        robbed: another run took this one for dead, as it stood still for long, and holds the lock now.
    """

    folder: Path
    entry: str
    rank: int
    world_size: int
    run: str = ""
    place: str = ""
    attempt: int = 0
    mute: bool = False
    robbed: bool = False
    _watched: dict[int, _Watched] = field(default_factory=dict)
    _of_old: dict[int, Sign | None] = field(default_factory=dict)
    _looked: float = float("-inf")

    @property
    def holder(self) -> str:
        """Entry and run as locks name them; a run's name alone does not tell two entries of a stage apart."""
        return f"{self.entry} {self.run}"

    def lock(self, rank: int) -> Path:
        # A dot in front: no entry's folder, which lies beside it, can have such a name.
        return self.folder / f".lock-{rank}"

    def begin(self) -> dict[str, Any]:
        """Tell what is of this try from what is not; called before this rank's own lock is written.

        Returns:
            What the lock says.
        """
        self.attempt = self._attempt()
        for _, file, body in self._files(".ended-"):
            if self.world_size == 1 or not self._concerns(body) or self._is_past(body):
                file.unlink(missing_ok=True)
        for rank, file, body in self._files(".lock-"):
            if self._is_past(body):
                self._of_old[rank] = sign_of(file)
        return {"run": self.holder, "entry": self.entry, "try": self.attempt, "array": array()}

    def _attempt(self) -> int:
        """The number of the try that this rank takes part in."""
        tries = [1]
        for rank, _, body in (*self._files(".lock-"), *self._files(".ended-")):
            if body.get("entry") == self.entry:
                tries.append(body.get("try", 0) + (rank == self.rank or _of_another_array(body)))
        return max(tries)

    def _is_past(self, body: dict[str, Any]) -> bool:
        return body.get("try", 0) < self.attempt or _of_another_array(body)

    def _files(self, kind: str) -> list[tuple[int, Path, dict[str, Any]]]:
        """Rank, file and content of all files of a kind that can be told, by rank."""
        found = []
        for file in self.folder.glob(f"{kind}*"):
            number, body = file.name.removeprefix(kind), _read(file)
            if number.isdigit() and body is not None:
                found.append((int(number), file, body))
        return sorted(found, key=lambda one: one[0])

    @contextmanager
    def telling(self, *, begun: bool) -> Iterator[None]:
        """An error that ends this block ends the other ranks too.

        Args:
            begun: whether this process holds the rank's lock; while another does, it is for that one to tell.
        """
        try:
            yield
        except BaseException as error:
            if self.world_size > 1 and self.folder.is_dir() and (begun or not self.lock(self.rank).exists()):
                try:
                    self._leave(*self._account(error))
                except OSError:  # such as a full disk, which may be what ended the block
                    self.mute = True
            raise

    def stopped(self) -> None:
        """Tell that this rank ends at its time limit, the run not done."""
        if self.world_size > 1:
            self._leave("stopped", f"rank {self.rank} stopped at its time limit")

    def committed(self) -> None:
        """The run is done: what ranks told of it is of the past."""
        for file in self.folder.glob(".ended-*"):
            file.unlink(missing_ok=True)

    def heed(self) -> None:
        """End this rank where another has failed; looks every few seconds, however often it is called.

        Raises:
            Followed: another rank failed.
            StageFailed: another run holds the lock.
        """
        if self.robbed:
            raise StageFailed(
                f"'{self.entry}': this run stood still for so long that another took it for dead and goes on in its "
                "place; wait for that one"
            )
        if self.world_size > 1 and self._due():
            self._follow()

    def stands(self, owing: Collection[int]) -> dict[int, str] | None:
        """How it stands with the ranks that others wait for: in words, by rank; None before it is time to look again.

        Raises:
            Followed: one has failed, or was silent for too long.
        """
        since = time.monotonic() - self._looked
        if not self._due():
            return None
        self._follow()
        return {rank: self._stand(rank, min(since, MOST_A_LOOK_S)) for rank in owing if rank != self.rank}

    def _due(self) -> bool:
        now = time.monotonic()
        due = now - self._looked >= LOOK_EVERY_S
        if due:
            self._looked = now
        return due

    def _follow(self) -> None:
        for _, _, body in self._files(".ended-"):
            if body["how"] == "failed" and self._concerns(body):
                raise Followed(body["line"], "mend that")

    def _stand(self, rank: int, since_last_look: float) -> str:
        told, begun = self._told(rank), self._has_begun(rank)
        if told is not None and told["how"] == "stopped" and not begun:
            return STOPPED
        sign = sign_of(self.lock(rank)) if begun else None
        if sign is not None and sign == self._of_old.get(rank):
            return NOT_BEGUN
        if sign is None and told is None and rank not in self._watched:
            return NOT_BEGUN
        watched = self._watched.get(rank)
        if watched is None or watched.sign != sign:
            self._watched[rank] = _Watched(sign)
            return AT_WORK if sign is not None else LEFT
        watched.quiet += since_last_look
        if watched.quiet > SILENT_AFTER_S:
            raise Followed(self._silence(rank, watched), "see what became of it")
        return AT_WORK if sign is not None else LEFT

    def _silence(self, rank: int, watched: _Watched) -> str:
        minutes = f"for {watched.quiet / 60:.0f} min" if watched.quiet >= 60 else f"for {watched.quiet:.0f} s"
        told, owner = self._told(rank), _read(self.lock(rank))
        if watched.sign is None or owner is None:
            return f"{told['line'] if told else f'rank {rank} is gone'} and has not begun again {minutes}"
        last = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(watched.sign[0] / 1e9))
        return f"rank {rank} (process {owner['pid']} on {owner['host']}) is silent {minutes}, since {last}"

    def _has_begun(self, rank: int) -> bool:
        body = _read(self.lock(rank))
        return body is not None and body["run"] == self.holder

    def _told(self, rank: int) -> dict[str, Any] | None:
        body = _read(self._ended(rank))
        return body if body is not None and self._concerns(body) else None

    def _concerns(self, body: dict[str, Any]) -> bool:
        """Whether it is of this run, or of a rank that ended before it knew which run it would be."""
        return body["entry"] == self.entry and body["run"] in ("", self.run)

    def _account(self, error: BaseException) -> tuple[How, str]:
        if isinstance(error, Followed):
            return "failed", error.line
        if not isinstance(error, Exception):
            return "interrupted", f"rank {self.rank} was interrupted"
        place = f" at {self.place}" if self.place else ""
        return "failed", f"rank {self.rank} failed{place}: {_in_one_line(error)}"

    def _leave(self, how: How, line: str) -> None:
        attempt = self.attempt or self._attempt()
        body = {"entry": self.entry, "run": self.run, "try": attempt, "array": array(), "how": how, "line": line}
        atomic.write_json(self._ended(self.rank), body)

    def _ended(self, rank: int) -> Path:
        return self.folder / f".ended-{rank}"


NOT_BEGUN: Final = "not begun yet"
AT_WORK: Final = "at work"
LEFT: Final = "interrupted, not begun again yet"
STOPPED: Final = "stopped at its time limit"


def in_words(stands: dict[int, str]) -> str:
    """Ranks by how it stands with them: `rank 1 (at work), ranks 2, 3 (not begun yet)`."""
    groups: dict[str, list[int]] = {}
    for rank, stand in sorted(stands.items()):
        groups.setdefault(stand, []).append(rank)
    return ", ".join(f"{_names(ranks)} ({stand})" for stand, ranks in groups.items())


def array() -> str | None:
    """Which array of a scheduler this process belongs to; None where nobody says."""
    return os.environ.get("SLURM_ARRAY_JOB_ID")


def _names(ranks: list[int]) -> str:
    if len(ranks) == 1:
        return f"rank {ranks[0]}"
    more = f" and {len(ranks) - NAMED:,} more" if len(ranks) > NAMED else ""
    return f"ranks {', '.join(map(str, ranks[:NAMED]))}{more}"


def _of_another_array(body: dict[str, Any]) -> bool:
    return None not in (body.get("array"), array()) and body["array"] != array()


def _in_one_line(error: Exception) -> str:
    """The message of a mistake, else the last line of what a traceback would say."""
    if isinstance(error, M5Error):
        return str(error).splitlines()[0]
    return "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]


def sign_of(file: Path) -> Sign | None:
    """What changes whenever a file is touched or written; None where there is none."""
    try:
        stat = file.stat()
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_ino


def _read(file: Path) -> dict[str, Any] | None:
    """What a rank wrote; None where there is none, or nothing that a rank writes."""
    try:
        body: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    return body if (is_lock if file.name.startswith(".lock-") else is_ending)(body) else None
