"""What a command and all its workers use, looked at while they run: time, memory, bytes.

`rchar` and `wchar` are the bytes that system calls read and wrote (`/proc/PID/io`): also what comes out of the page
cache and what goes through pipes, but nothing that is mapped. The kernel adds what a process moved to its parent's sum
when that waits for it; so the command's sum, read when it has ended and before anybody waits for it, is of the tree.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

LOOKED_EVERY_S = 0.5
SIZED_EVERY_S = 5.0
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Spent:
    """What one command took: seconds, bytes."""

    name: str
    wall: float = 0.0
    processor: float = 0.0
    largest: int = 0
    together: int = 0
    own: int = 0
    rchar: int = 0
    wchar: int = 0
    written: int = 0
    left: int = 0
    most: int = 0


@dataclass
class Watched:
    """A command and its workers, looked at while they run; what they use is laid at the door of the round that is
    on."""

    command: Sequence[str]
    folder: Path
    name: str
    rounds: list[Spent] = field(default_factory=list)
    _used: dict[int, float] = field(default_factory=dict)
    _moved: tuple[int, int] = (0, 0)

    def run(self) -> Spent:
        """Run it to its end."""
        whole = Spent(self.name)
        before, began = held(self.folder), time.perf_counter()
        with subprocess.Popen(
            self.command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as running:
            said: list[str] = []
            listening = threading.Thread(target=self._listen, args=(running, said), daemon=True)
            listening.start()
            ended = threading.Event()
            looking = threading.Thread(target=self._watch, args=(running.pid, whole, ended), daemon=True)
            looking.start()
            os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
            whole.rchar, whole.wchar = moved(running.pid)
            _, status, used = os.wait4(running.pid, 0)
            whole.wall = time.perf_counter() - began
            running.returncode = os.waitstatus_to_exitcode(status)
            ended.set()
            looking.join()
            listening.join()
        if running.returncode:
            sys.exit(f"{' '.join(map(str, self.command))}\n" + "".join(said[-30:]))
        whole.processor = used.ru_utime + used.ru_stime
        whole.largest = max(whole.largest, used.ru_maxrss * 1024)
        whole.written = used.ru_oublock * 512
        whole.left = held(self.folder) - before
        return whole

    def _listen(self, running: subprocess.Popen[str], said: list[str]) -> None:
        assert running.stderr is not None
        for line in running.stderr:
            said.append(line)
            if line.startswith('{"event": "round_started"'):
                self.rounds.append(Spent(json.loads(line)["round"], wall=time.perf_counter()))

    def _watch(self, session: int, whole: Spent, ended: threading.Event) -> None:
        sized = 0.0
        while not ended.wait(LOOKED_EVERY_S):
            now = time.perf_counter()
            processes = list(of_session(session))
            for spent in (whole, *self.rounds[-1:]):
                spent.largest = max([spent.largest, *(p.resident for p in processes)])
                spent.together = max(spent.together, sum(p.shared for p in processes))
                spent.own = max(spent.own, sum(p.own for p in processes))
            for process in processes:
                if self.rounds:
                    self.rounds[-1].processor += process.processor - self._used.get(process.pid, 0.0)
                self._used[process.pid] = process.processor
            # What a process moved is nowhere between its end and its parent's waiting for it: sums never fall.
            read = max(self._moved[0], sum(p.rchar for p in processes))
            wrote = max(self._moved[1], sum(p.wchar for p in processes))
            if self.rounds:
                self.rounds[-1].rchar += read - self._moved[0]
                self.rounds[-1].wchar += wrote - self._moved[1]
            self._moved = read, wrote
            if now - sized > SIZED_EVERY_S:
                whole.most, sized = max(whole.most, held(self.folder)), now
        for this, ended_at in zip(self.rounds, [*(r.wall for r in self.rounds[1:]), time.perf_counter()], strict=False):
            this.wall = ended_at - this.wall


@dataclass(frozen=True)
class Process:
    """One process of a session: processor seconds, bytes; `rchar` and `wchar` with those of children waited for."""

    pid: int
    processor: float
    resident: int
    shared: int
    own: int
    rchar: int
    wchar: int


def of_session(session: int) -> Iterator[Process]:
    """The living processes of a session."""
    for entry in Path("/proc").iterdir():
        try:
            if not entry.name.isdigit() or os.getsid(int(entry.name)) != session:
                continue
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            lines = (line.split() for line in (entry / "smaps_rollup").read_text().splitlines()[1:])
            kept = {words[0]: int(words[1]) * 1024 for words in lines}
        except (OSError, ValueError):
            continue
        used = (int(fields[11]) + int(fields[12])) / TICK
        own = kept.get("Pss_Anon:", 0) + kept.get("Pss_Shmem:", 0)
        yield Process(int(entry.name), used, kept["Rss:"], kept["Pss:"], own, *moved(int(entry.name)))


def moved(pid: int) -> tuple[int, int]:
    """`rchar` and `wchar` of a process and of the children that it waited for; zeros where the system tells none."""
    try:
        told = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
        return int(told["rchar"]), int(told["wchar"])
    except (OSError, ValueError, KeyError):
        return 0, 0


def held(folder: Path) -> int:
    """Bytes of all files below a folder; those that go while it is looked at do not count."""
    size = 0
    for home, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size += Path(home, name).stat().st_size
    return size
