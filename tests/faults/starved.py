"""Commands that the system refuses something: bytes of a file, a folder, descriptors, memory; and a small disk."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from .undisturbed import INSIDE

Refusal = Callable[[], object]
"""What a child does before it becomes the command."""
_PR_CAPBSET_DROP: Final = 24
_OVERRIDES: Final = (1, 2)
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: without them permissions bind root as they bind everybody."""


class Said(NamedTuple):
    """How a command ended, and what it said but for the JSON lines of its progress."""

    code: int
    lines: list[str]


def limited(kind: int, number: int) -> Refusal:
    """A limit of the system (`resource.RLIMIT_*`) for a command and its workers."""
    return lambda: resource.setrlimit(kind, (number, number))


def unprivileged() -> None:
    """Let permissions bind root, too."""
    system = ctypes.CDLL(None)
    for capability in _OVERRIDES:
        system.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def run(arguments: list[str], scratch: Path, refusal: Refusal | None = None, **faults: Any) -> Said:
    """Run a command to its end; `faults` go to `inside/sitecustomize.py`."""
    path = f"{INSIDE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    around = os.environ | {"TMPDIR": str(scratch), "PYTHONPATH": path, "M5_FAULTS": json.dumps(faults)}
    done = subprocess.run(
        arguments,
        env=around,
        preexec_fn=refusal,
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Said(done.returncode, [text for text in done.stderr.splitlines() if not text.startswith('{"event"')])


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of 64 MiB at a folder; the test is skipped, saying so, where none may be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(file: Path, left: int) -> None:
    """Let a file take all of its disk but so many bytes."""
    with file.open("wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, shutil.disk_usage(file.parent).free - left)
