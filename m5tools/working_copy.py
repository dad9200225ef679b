"""The working copy on this machine of a dataset that lies in an S3 store.

The store has the truth. What a stage makes is written into the copy and goes up file by file, each whole, before its
completion marker does, and `dataset.json` comes last: so a reader believes what it believes of a folder, and a run that
is killed is taken up by this machine or another one. Opening a dataset brings the copy up to date: what the store does
not have in this version goes, what is missing comes. Tars (packs, shards) stay in the store until one is read.

What is only of use here stays here: names that begin with a dot, locks, reports.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from m5tools import atomic, manifest, objects
from m5tools.bucket import Bucket, Entry
from m5tools.claim import Claim
from m5tools.errors import NotBuiltYet, UsageError

TARS_KEPT: Final = 20 << 30
"""Bytes of tars that are left in the copy; of more, those go that were written or brought first."""
_COPY_OF: Final = ".copy-of"
_KNOWN: Final = ".known"
_WRITER: Final = ".writer"
_REFRESH: Final = ".refresh"
_GONE: Final = ".gone"
_SCRATCH: Final = "scratch"
_AT_A_TIME: Final = 16


class WorkingCopy:
    """See the module.

    Args:
        uri: the dataset in the store, `s3://bucket/…`.
        root: the folder of its copy.

    Attributes:
        uri: the dataset in the store.
        root: the folder of its copy.
    """

    def __init__(self, uri: str, root: Path) -> None:
        self.uri = uri
        self.root = root
        self._bucket = Bucket(uri)
        self._claim: Claim | None = None
        self._entries: dict[str, Entry] | None = None

    # What is told by atomic ----------------------------------------------------------------------------------------

    def wrote(self, path: Path) -> None:
        """Bring a file that is whole up."""
        name = self._name(path)
        if name is None:
            return
        if self._claim is not None:
            self._claim.hold()
        version = self._bucket.put(name, path)
        self._know(name, version)
        if self._entries is not None:
            self._entries[name] = Entry(path.stat().st_size, version)

    def removed(self, path: Path) -> None:
        """Remove an object."""
        name = self._name(path)
        if name is not None:
            self._bucket.remove([name])
            if self._entries is not None:
                self._entries.pop(name, None)

    def forgot(self, folder: Path) -> None:
        """Remove all objects of a folder in one stroke: a single object first says that they count no more."""
        name = folder.relative_to(self.root).as_posix()
        entries = self._bucket.entries(name)
        if entries:
            self._bucket.put_if(f"{name}/{_GONE}", b"", None)
            self._sweep(name, entries)
            self._entries = None

    # Reading -------------------------------------------------------------------------------------------------------

    def size_of(self, path: Path) -> int | None:
        """Bytes of a file that the store has; None where it has not."""
        name = self._name(path)
        if name is None:
            return None
        entry = self._entries.get(name) if self._entries is not None else self._bucket.entry(name)
        return entry.size if entry is not None else None

    def below(self, folder: Path) -> list[Path]:
        """The files of a folder that the store has."""
        entries = self._bucket.entries(folder.relative_to(self.root).as_posix())
        return [self.root / path for path in entries if _is_shared(path)]

    def bring(self, path: Path) -> None:
        """Bring one file that is not here; nothing where the store has it neither."""
        name = self._name(path)
        entry = self._bucket.entry(name) if name is not None and not path.exists() else None
        if name is not None and entry is not None:
            self._get(name, entry)

    def read_range(self, path: Path, offset: int, length: int) -> bytes:
        """Bytes of a file that is not here.

        Raises:
            FileNotFoundError: the store has it neither.
            StageFailed: the store does not answer.
        """
        return self._bucket.stretch(path.relative_to(self.root).as_posix(), offset, length)

    # The whole copy ------------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only one who writes this dataset, on an up-to-date copy.

        Raises:
            UsageError: another run writes it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / _WRITER).open("w") as writer:
            with (self.root / _REFRESH).open("w") as others:
                fcntl.flock(others, fcntl.LOCK_EX)
                try:
                    fcntl.flock(writer, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise UsageError(f"another run on this machine writes {self.uri}; wait for it") from error
            claim = Claim(self._bucket, self.root)
            with claim.held():
                self._bring_up_to_date(scratch=True)
                self._claim = claim
                try:
                    yield
                finally:
                    self._claim = None

    def refresh(self) -> None:
        """Bring the copy up to date to be read; not while a run on this machine writes it, for then it is."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / _REFRESH).open("w") as others, (self.root / _WRITER).open("w") as writer:
            fcntl.flock(others, fcntl.LOCK_EX)
            with suppress(BlockingIOError):
                fcntl.flock(writer, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._bring_up_to_date(scratch=False)

    def _bring_up_to_date(self, *, scratch: bool) -> None:
        entries = self._bucket.entries()
        for gone in [path.removesuffix(f"/{_GONE}") for path in entries if path.endswith(f"/{_GONE}")]:
            if scratch:  # who only reads removes nothing
                self._sweep(gone, entries)
            entries = {path: entry for path, entry in entries.items() if not path.startswith(f"{gone}/")}
        self._entries = {path: entry for path, entry in entries.items() if _is_shared(path)}
        known = self._known()
        self._drop(known)
        wanted = [
            (path, entry)
            for path, entry in self._entries.items()
            if not path.endswith(".tar")
            and (scratch or _SCRATCH not in path.split("/"))
            and not (self.root / path).exists()
        ]
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            list(pool.map(lambda one: self._get(*one), wanted))
        here = [_line(path, entry.version) for path, entry in self._entries.items() if (self.root / path).exists()]
        atomic.write_bytes(self.root / _KNOWN, "".join(here).encode())
        self._make_folders()

    def _drop(self, known: dict[str, str]) -> None:
        """Remove what is here and not, or not so, in the store; then the oldest tars that are too many."""
        assert self._entries is not None
        tars = []
        for folder, _, files in os.walk(self.root):
            for name in files:
                file = Path(folder) / name
                path = self._name(file)
                if path is None:
                    continue
                entry = self._entries.get(path)
                if entry is None and _SCRATCH in path.split("/"):
                    continue  # what a slice kept for itself; what a unit finished is written anew
                size = file.stat().st_size
                if entry is None or known.get(path) != entry.version or size != entry.size:
                    file.unlink()
                    with suppress(OSError):
                        os.removedirs(file.parent)
                elif path.endswith(".tar"):
                    tars.append((file.stat().st_mtime_ns, size, file))
        kept = 0
        for _, size, file in sorted(tars, reverse=True):
            kept += size
            if kept > TARS_KEPT:
                file.unlink()

    def _make_folders(self) -> None:
        """Folders tell something where nothing is in them: of a run without units, and that one is not at its end."""
        stages = manifest.read(self.root / manifest.MANIFEST, self.uri)["stages"]
        finished = {name: entry["run"] for name, entry in stages.items()}
        for name, run in finished.items():
            self._make(self.root / "runs" / name / run)
        for path in self._entries or ():
            parts = path.split("/")
            if parts[0] == "runs" and len(parts) > 3 and path.endswith(".json") and _SCRATCH not in parts:
                home, run = self.root.joinpath(*parts[:-3]), parts[-3]
                if len(run) == 16 and run != finished.get("/".join(parts[1:-3])):
                    self._make(home / run / _SCRATCH)

    def _make(self, folder: Path) -> None:
        """
        Raises:
            UsageError: a file is in its way.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            name = folder.relative_to(self.root).as_posix()
            raise UsageError(
                f"{self.uri}: {name!r} is a folder, and a file here ({error.filename}); "
                "remove the file, also from the store where it has it"
            ) from error

    def _sweep(self, gone: str, entries: dict[str, Entry]) -> None:
        """Remove what was forgotten, and that it was last."""
        self._bucket.remove(path for path in entries if path.startswith(f"{gone}/") and path != f"{gone}/{_GONE}")
        self._bucket.remove([f"{gone}/{_GONE}"])

    def _get(self, name: str, entry: Entry) -> None:
        path = self.root / name
        self._make(path.parent)
        temporary = path.with_name(f"{atomic.TEMPORARY}{os.getpid()}@{socket.gethostname()}@{path.name}")
        try:
            self._bucket.get(name, temporary)
            temporary.replace(path)
        except FileNotFoundError:
            return  # removed since it was listed
        finally:
            temporary.unlink(missing_ok=True)
        self._know(name, entry.version)

    def _name(self, path: Path) -> str | None:
        """A file's path below the root; None where it stays on this machine."""
        name = path.relative_to(self.root).as_posix()
        return name if _is_shared(name) else None

    def _known(self) -> dict[str, str]:
        """The versions of the files that are here."""
        file = self.root / _KNOWN
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        found = {}
        for line in lines:
            with suppress(ValueError):  # cut off by a kill
                path, version = json.loads(line)
                found[path] = version
        return found

    def _know(self, name: str, version: str) -> None:
        """Note the version of a file; one short append, so that processes do not write into each other's lines."""
        handle = os.open(self.root / _KNOWN, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(handle, _line(name, version).encode())
        finally:
            os.close(handle)


def of_uri(uri: str) -> WorkingCopy:
    """The working copy of a dataset in a store, up to date.

    Raises:
        NotBuiltYet: a store of another kind than S3.
        UsageError: it is named in a roundabout way, there is no such bucket, no folder can be a copy of it, or s3fs is
            missing.
    """
    kind, _, rest = uri.partition(":")
    if kind not in ("s3", "s3a"):
        raise NotBuiltYet(f"datasets lie in local folders and on s3://, not on {kind}:// ({uri})")
    try:
        uri = objects.plain(f"s3://{rest.strip('/')}")
    except ValueError as error:
        raise UsageError(f"{uri}: {error}") from error
    digest = sha256(uri.encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = (cache / "m5tools" / "datasets" / digest / uri.rpartition("/")[2]).absolute()
    copy = _followed(uri, root)
    copy.refresh()
    if not (root / _COPY_OF).is_file():
        atomic.write_bytes(root / _COPY_OF, uri.encode())
    return copy


def found(root: Path) -> WorkingCopy | None:
    """What a folder is the working copy of; None where it is a dataset of its own."""
    told = root / _COPY_OF
    try:
        uri = told.read_text(encoding="utf-8")
    except OSError:
        return None
    return _followed(uri, root.absolute())


def holding(path: Path) -> WorkingCopy | None:
    """The working copy that a file lies in, of those that this process has opened."""
    follower = atomic.follower_of(path)
    return follower if isinstance(follower, WorkingCopy) else None


def _followed(uri: str, root: Path) -> WorkingCopy:
    copy = holding(root)
    if copy is None:
        copy = WorkingCopy(uri, root)
        atomic.follow(root, copy)
    return copy


def _is_shared(path: str) -> bool:
    parts = path.split("/")
    return parts[0] != "reports" and not path.endswith(".lock") and not any(part.startswith(".") for part in parts)


def _line(path: str, version: str) -> str:
    return f"{json.dumps([path, version], ensure_ascii=False)}\n"
