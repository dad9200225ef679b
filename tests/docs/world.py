"""What the pages presuppose: a crawl, the dataset that was made of it, a trained network, and the command `m5`.

All of it is made once in a test run, by the commands that the pages show, and every page is given a copy of what it needs.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from .blocks import REPOSITORY

PRODUCTS = 200
SHORT = {
    "train": "--set steps=12 --set calibration_rows=32 --set checkpoint_every=6",
    "evaluate": "--set bootstraps=50 --set fine_tune_epochs=1",
}
"""Settings that the commands are given besides those of the page: what they take and write is the same, only sooner."""


def commands(folder: Path) -> dict[str, str]:
    """Environment in which `m5`, `python` and `torchrun` are those of this process, and no hub is asked."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = "".join(f'  {name}) shift; set -- {name} "$@" {more} ;;\n' for name, more in SHORT.items())
    _script(folder / "m5", f'case "$1" in\n{cases}esac\nexec "{sys.executable}" -m m5tools.cli.main "$@"\n')
    _script(folder / "python", f'exec "{sys.executable}" "$@"\n')
    _script(folder / "torchrun", f'exec "{sys.executable}" -m torch.distributed.run "$@"\n')
    return {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "M5_REAL_DATA": os.environ.get("M5_REAL_DATA", str(REPOSITORY.parent / "shared" / "data")),
        "COLUMNS": "120",
    }


def _script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)


def run(script: str, folder: Path, environment: dict[str, str]) -> str:
    """Run lines of shell as bash runs a script that stops at the first mistake; gives what was printed."""
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=1800)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert process.returncode == 0, f"exit code {process.returncode} of\n{script}\n{said[-3000:]}"
    return said


class World:
    """A folder that holds everything a page may ask for, each made when it is first wanted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.environment = commands(folder / "bin")
        self._made: dict[str, Callable[[], object]] = {
            "crawl": self._crawl,
            "shop": self._shop,
            "shop-may": lambda: self._again("shop-may"),
            "shop-june": lambda: self._again("shop-june"),
            "eval-set": self._eval_set,
            "run": self._run,
        }

    def give(self, things: tuple[str, ...], place: Path) -> None:
        """Lay copies of these things into an empty folder, and the repository's own files beside them."""
        for thing in things:
            self._have(thing)
            shutil.copytree(self.folder / thing, place / thing)
        for name in ("pipelines", "schemas"):
            (place / name).symlink_to(REPOSITORY / name)
        if "shop" in things:
            (place / "shards").symlink_to("shop/shards")

    def _have(self, thing: str) -> None:
        with FileLock(self.folder / f"{thing}.lock"):
            if not (done := self.folder / f"{thing}.done").exists():
                self._made[thing]()
                done.touch()

    def _crawl(self) -> None:
        run(f"m5 synth simulated -n {PRODUCTS} && mv simulated/crawl crawl", self.folder, self.environment)
        parts = sorted((self.folder / "crawl").glob("*.jsonl"))
        text = "".join(part.read_text(encoding="utf-8") for part in parts)
        for part in parts:
            part.unlink()
        (self.folder / "crawl" / "products.jsonl").write_text(text, encoding="utf-8")

    def _shop(self) -> None:
        self._have("crawl")
        settings = "--set ingest.sources.0.files=crawl/products.jsonl --set ingest.sources.0.media_root=crawl"
        run(f"m5 run demo --set dataset=shop {settings}", self.folder, self.environment)

    def _again(self, name: str) -> None:
        self._have("shop")
        shutil.copytree(self.folder / "shop", self.folder / name)

    def _eval_set(self) -> None:
        self._have("shop")
        shutil.copytree(self.folder / "shop", self.folder / "eval-set")

    def _run(self) -> None:
        self._have("shop")
        run("m5 train shop/shards/default --out run", self.folder, self.environment)
