"""Two commands on one stage: one works, the other is refused; one that was killed or stands still is followed."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

from . import starved, undisturbed
from .undisturbed import Line


def test_a_second_command_is_refused_and_follows_a_killed_one(line: Line, tmp_path: Path) -> None:
    reference, root, scratch = line.of("ingest"), tmp_path / "dataset", tmp_path / "tmp"
    shutil.copytree(reference.before, root)
    scratch.mkdir()
    arguments = reference.step.command(root, root)
    lock = root / "runs" / "ingest" / ".lock-0"
    first = undisturbed.begin(arguments, scratch)
    deadline = time.monotonic() + 60
    # Then it has taken its lock and let go of the guard that serves to take it.
    while not list(root.glob("runs/ingest/first/*/scratch")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(first.pid, signal.SIGSTOP)  # it holds the lock for as long as we look
    try:
        for other in ([], ["--set", "crawl_id=another"]):
            second = starved.run([*arguments, *other], scratch)
            assert second.code == 2
            assert len(second.lines) == 1
            assert f"another run (process {first.pid} on " in second.lines[0]
            assert second.lines[0].endswith(f"wait for it, or remove {lock} if you are sure it is gone")
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    third = starved.run(arguments, scratch)
    assert (third.code, third.lines) == (0, [])
    assert undisturbed.content(root) == reference.content
    assert not lock.exists()
