"""The small files of a folder in an object store, copied to this machine: the manifest and indexes of shards, a cut.

What reads them then reads files. The manifest is fetched at every opening, an index only where the copy here is not the
one that the manifest names.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Final

from m5tools import atomic, object_names
from m5tools.atomic import sha256_of
from m5tools.errors import UsageError
from m5tools.loader.cache import default_folder
from m5tools.shards.manifest import MANIFEST, ShardManifest
from m5tools.store import Store, is_remote, within

AT_A_TIME: Final = 16


def shard_folder(uri: str | Path, cache: Path | None = None) -> Path:
    """The local folder that holds the manifest and the indexes of a shard folder; a local folder is that itself.

    Args:
        uri: path, or URI of an object store.
        cache: where copies are kept; None = the usual place.

    Raises:
        UsageError: there is no shard folder, or the store does not answer.
    """
    if not is_remote(uri):
        return Path(within(uri, ""))
    folder = _folder(uri, cache)
    _whole(uri, folder, [MANIFEST])
    manifest = ShardManifest.read(folder)
    files = [file for several in manifest.splits.values() for file in several]
    stale = [f.index for f in files if not is_file(folder / f.index, f.index_sha256)]
    _whole(uri, folder, stale)
    return folder


def sizes(uri: str | Path) -> dict[str, int]:
    """Bytes of every file that lies in a folder, by name."""
    if is_remote(uri):
        return Store(str(uri)).sizes(str(uri))
    return {f.name: f.stat().st_size for f in Path(within(uri, "")).iterdir() if f.is_file()}


def cut_folder(uri: str | Path, cache: Path | None = None) -> Path:
    """The local folder that holds `products/*.parquet` of a cut; a local folder is that itself.

    Raises:
        UsageError: the store does not answer, has no such folder, or one of its objects can be no file here.
    """
    if not is_remote(uri):
        return Path(within(uri, ""))
    store, folder = Store(str(uri)), _folder(uri, cache)
    try:
        names = sorted(store.sizes(within(uri, "products")))
    except OSError as error:
        raise UsageError(f"{uri} is not the folder of a cut ({error}); give <dataset>/cuts/<name>") from error
    parts = [f"products/{name}" for name in names if name.endswith(".parquet")]
    object_names.refuse_others(parts, str(uri))
    for old in (folder / "products").glob("[!.]*"):
        if old.name not in names:
            old.unlink(missing_ok=True)
    _whole(uri, folder, parts)
    return folder


def copy(uri: str | Path, folder: Path, names: Sequence[str]) -> None:
    """Copy files of a remote folder to the same places in a local one.

    Raises:
        FileNotFoundError: one of them is not there.
        UsageError: the store does not answer, or not to us.
    """
    store = Store(str(uri))

    def one(name: str) -> None:
        atomic.write_bytes(folder / name, store.read(within(uri, name)))

    try:
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            list(pool.map(one, names))
    except FileNotFoundError:
        raise
    except PermissionError as error:
        raise UsageError(f"{uri} may not be read ({error}); see fsspec's configuration for keys") from error
    except OSError as error:
        raise UsageError(str(error)) from error


def is_file(path: Path, digest: str) -> bool:
    """Whether a file is here and has this SHA-256, in hex."""
    return path.is_file() and sha256_of(path) == digest


def _folder(uri: str | Path, cache: Path | None) -> Path:
    return (cache or default_folder()) / "folders" / sha256(str(uri).rstrip("/").encode()).hexdigest()[:32]


def _whole(uri: str | Path, folder: Path, names: Sequence[str]) -> None:
    try:
        copy(uri, folder, names)
    except FileNotFoundError as error:
        raise UsageError(f"{uri} is not a whole shard folder: {error} is missing; copy it again") from error
