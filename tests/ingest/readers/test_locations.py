"""Where inputs lie: a folder that may not be looked into is told of, not passed over."""

from __future__ import annotations

import glob
import subprocess
import sys
from pathlib import Path

import pytest

from m5tools.ingest.readers.locations import files_below, matching
from tests.faults import starved

PATTERNS = ["*/*.html", "**/*.html", "*/*/*.html", "s?b/*.html", "**"]


def tree(root: Path) -> Path:
    for name in ("sub/one.html", "open/deep/two.html", "top.html", ".hidden/three.html"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    return root


def said(call: str, root: Path) -> str:
    """What becomes of a call under an account that permissions bind."""
    code = f"from m5tools.ingest.readers.locations import *\nprint({call})"
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, preexec_fn=starved.unprivileged, capture_output=True, text=True, check=False, cwd=root
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("call", [f"matching({pattern!r})" for pattern in PATTERNS] + ["files_below(Path('.'))"])
def test_a_folder_that_may_not_be_looked_into_is_told(tmp_path: Path, call: str) -> None:
    (tree(tmp_path) / "sub").chmod(0)
    try:
        found = said(call, tmp_path)
    finally:
        (tmp_path / "sub").chmod(0o755)
    assert "sub cannot be looked into: Permission denied; give the right to, or leave it out" in found


def test_folders_that_a_glob_does_not_lead_into_may_be_closed(tmp_path: Path) -> None:
    (tree(tmp_path) / "sub").chmod(0)
    try:
        (tmp_path / ".hidden").chmod(0)
        found = said("matching('o*/*/*.html'), matching('*.html'), matching('top.html')", tmp_path)
    finally:
        (tmp_path / "sub").chmod(0o755)
        (tmp_path / ".hidden").chmod(0o755)
    assert found.strip() == "['open/deep/two.html'] ['top.html'] ['top.html']"


def test_globs_and_folders_give_what_is_there(tmp_path: Path) -> None:
    tree(tmp_path)
    assert [file.relative_to(tmp_path).as_posix() for file in files_below(tmp_path)] == [
        ".hidden/three.html",
        "open/deep/two.html",
        "sub/one.html",
        "top.html",
    ]
    for pattern in PATTERNS:
        assert matching(str(tmp_path / pattern)) == sorted(glob.glob(str(tmp_path / pattern), recursive=True))  # noqa: PTH207
    assert matching(str(tmp_path / "nothing" / "*")) == []


def test_a_folder_that_may_be_gone_through_needs_not_be_listed(tmp_path: Path) -> None:
    (tree(tmp_path) / "sub").chmod(0o311)
    try:
        assert said("matching('*/one.html')", tmp_path).strip() == "['sub/one.html']"
        assert "sub cannot be looked into" in said("matching('*/*.html')", tmp_path)
        (tmp_path / "sub").chmod(0o444)
        assert "cannot be looked into" in said("files_below(Path('.'))", tmp_path)
    finally:
        (tmp_path / "sub").chmod(0o755)
