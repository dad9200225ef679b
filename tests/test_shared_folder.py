"""Folders for what workers share: each goes with its owner, and after a kill with the next one that is made."""

from __future__ import annotations

import errno
import fcntl
import gc
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from m5tools.shared_folder import remove, shared_folder

from .conftest import REPOSITORY

KILLED = """
import os, signal
from m5tools.shared_folder import remove, shared_folder
class Owner: pass
owner = Owner()
folder = shared_folder(owner, "m5-view-")
(folder / "column.npy").write_bytes(b"0" * 100)
print(folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


class Owner:
    pass


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def left(place: Path) -> Path:
    """The folder of a process that was killed."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TMPDIR": str(place)}
    done = subprocess.run([sys.executable, "-c", KILLED], env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    folder = Path(done.stdout.strip())
    assert (folder / "column.npy").is_file()
    return folder


def test_a_folder_whose_removal_was_killed_goes_with_the_next(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock goes last, so that the rest can still be told from what living processes hold."""
    folder = shared_folder(owner := Owner(), "m5-view-")
    (folder / "column.npy").touch()
    with monkeypatch.context() as patch:
        patch.setattr("m5tools.shared_folder.shutil.rmtree", lambda *_, **__: None)
        remove(folder)
    assert [path.name for path in folder.iterdir()] == [".lock"]
    del owner


def test_what_a_killed_process_left_goes_with_the_next(left: Path) -> None:
    mine = shared_folder(owner := Owner(), "m5-view-")
    assert not left.exists()
    assert mine.is_dir()
    del owner


def test_what_was_left_before_there_was_a_lock_goes_with_the_next(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may be killed between making the folder and its lock, and another meet it there."""
    made, mkdtemp = [], tempfile.mkdtemp

    def met_by_another(prefix: str) -> str:
        made.append(mkdtemp(prefix=prefix))
        if len(made) == 1:
            with monkeypatch.context() as patch:
                patch.setattr(tempfile, "mkdtemp", mkdtemp)
                shared_folder(Owner(), prefix)
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", met_by_another)
    mine = shared_folder(owner := Owner(), "m5-view-")
    gc.collect()
    assert list(place.iterdir()) == [mine] == [Path(made[1])]
    del owner


def test_what_living_processes_hold_stays(place: Path) -> None:
    owners = [Owner() for _ in range(3)]
    folders = [shared_folder(owner, "m5-view-") for owner in owners]
    assert sorted(place.iterdir()) == sorted(folders)
    del owners[1]
    gc.collect()
    assert sorted(place.iterdir()) == sorted([folders[0], folders[2]])


def test_what_is_another_users_stays(left: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    shared_folder(Owner(), "m5-view-")
    assert (left / "column.npy").is_file()


def test_what_only_looks_like_ours_stays(place: Path, left: Path) -> None:
    unlocked = place / "m5-view-unlocked"
    unlocked.mkdir()
    (unlocked / "column.npy").touch()
    linked = place / "m5-view-linked"
    linked.symlink_to(left.rename(place / "elsewhere"))
    shared_folder(Owner(), "m5-view-")
    assert unlocked.is_dir()
    assert (linked / "column.npy").is_file()


def test_where_nothing_can_be_locked_the_folder_goes_with_its_owner_and_no_one_takes_it_before(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refused)
        owner = Owner()
        mine = shared_folder(owner, "m5-view-")
    assert len(list(descriptors.iterdir())) == before
    other = shared_folder(second := Owner(), "m5-view-")
    assert sorted(place.iterdir()) == sorted([mine, other])
    del owner, second
    gc.collect()
    assert not list(place.iterdir())
