"""A unit on a node of a Ray cluster: done in a process beside the Ray worker, under the supervisor of the local engine.

So an item that crashes or hangs costs on a cluster what it costs here, and is blamed in the same words: Ray hears of
neither, and no journal has to cross the network. A node is asked first whether it is one of us: the same packages,
the same folders.
"""

from __future__ import annotations

import os
import pickle
import re
import socket
import sys
import time
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from m5tools.engine.pool import Pool
from m5tools.errors import UsageError
from m5tools.stage import Terms

if TYPE_CHECKING:
    from m5tools.engine.worker import Done, Task


def packages() -> dict[str, str]:
    """Versions of m5tools and of all it computes with; where they differ, bytes may."""
    try:
        wanted = [re.split(r"[^\w.-]", need)[0] for need in metadata.requires("m5tools") or () if "extra" not in need]
    except metadata.PackageNotFoundError:  # run from a folder
        wanted = []
    return {name: _version(name) for name in ("m5tools", *wanted)}


def perform(wanted: dict[str, str], folder: str, token: str, until: float | None, limit_s: float, body: bytes) -> Done:
    """Do one unit on this node.

    Args:
        wanted: the packages of the machine that hands out the work.
        folder: where the command was run there; relative paths start from it.
        token: path of a file in the dataset folder that the machine has just written.
        until: `time.time()` of the deadline: what a node's other clock says means nothing elsewhere.
        limit_s: seconds one item may take.
        body: the task, pickled: it is opened only by those who have the same packages.

    Raises:
        M5Error: this node cannot take part, or the unit keeps ending its process.
    """
    _examine(wanted, folder, token)
    os.chdir(folder)
    task: Task = pickle.loads(body)  # noqa: S301 - from the process that started this one
    deadline = None if until is None else time.monotonic() + until - time.time()
    task = replace(task, terms=Terms(deadline, task.terms.refresh))
    for _, done in _beside(limit_s).run([task], lambda: False):
        return done
    raise AssertionError("a pool that is not told to stop does its task")


def _examine(wanted: dict[str, str], folder: str, token: str) -> None:
    here = _packages_here()
    others = [f"{name} {here.get(name, 'not at all')}, not {version}" for name, version in wanted.items()
              if here.get(name) != version]  # fmt: skip
    if others:
        raise UsageError(f"Ray node {_NAME} has {', '.join(others[:3])}; install the same packages on every node")
    if not Path(folder).is_dir():
        raise UsageError(f"Ray node {_NAME} has no folder {folder}; run the command in one that every node sees")
    if not Path(token).is_file():
        raise UsageError(
            f"Ray node {_NAME} does not see the dataset folder {Path(token).parent} as this machine does; put it where "
            "every node sees it under this path"
        )


_packages_here = cache(packages)
_NAME = socket.gethostname()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not at all"


@cache
def _beside(limit_s: float) -> Pool:
    """The one process in which this Ray worker's units are done, one after the other."""
    # A spawned process loads the main module of the one that starts it, and Ray's worker is not to be loaded there.
    sys.modules["__main__"].__dict__.pop("__file__", None)
    return Pool(1, limit_s, threads=1)
