"""What reads shards and their index: damage is told, and no sample is given that is not one."""

from __future__ import annotations

import io
import json
import random
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq

from m5tools.loader.batch import Batch
from m5tools.loader.loader import Loader
from m5tools.shards import check as shard_check
from m5tools.shards import skeleton
from m5tools.shards.readers import DAMAGE, by_header, by_webdataset, readable
from m5tools.vocabulary import Modality

from .poison_dataset import damaged_json, golden
from .poison_mutate import mutated, with_tar_sums
from .poison_target import Target

_FOLDER: Final = "dataset/shards/default/"
_TAR: Final = "train-000000.tar"
_INDEX: Final = "index/train-000000.parquet"


def _shard_folder(folder: Path, changes: dict[str, bytes]) -> Path:
    root = folder / "shards"
    for name, data in golden().items():
        if name.startswith(_FOLDER) and "/overlays/" not in name:
            path = root / name.removeprefix(_FOLDER)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(changes.get(name.removeprefix(_FOLDER), data))
    return root


def _tar_bytes(draws: random.Random) -> bytes:
    whole = golden()[_FOLDER + _TAR]
    data = mutated(whole, draws, [whole])
    if draws.random() < 0.7:  # as long as it was, or nobody opens it
        data = data[: len(whole)].ljust(len(whole), b"\0")
    return with_tar_sums(data) if draws.random() < 0.5 else data


def _index_bytes(draws: random.Random) -> bytes:
    """Damage to the file, or a whole file of a liar: other values, types, columns."""
    whole = [data for name, data in golden().items() if name.startswith(f"{_FOLDER}index/")]
    if draws.random() < 0.3:
        return mutated(whole[-1], draws, whole)
    table = pq.read_table(io.BytesIO(whole[-1]))
    rows = table.to_pylist()
    for _ in range(draws.randint(1, 3)):
        _lie(rows, draws)
    sink = io.BytesIO()
    try:
        lied = pa.Table.from_pylist(rows, table.schema if draws.random() < 0.7 else None)
        pq.write_table(lied, sink)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        pq.write_table(table.drop_columns(draws.choice(table.column_names)), sink)
    return sink.getvalue()


def _lie(rows: list[dict[str, Any]], draws: random.Random) -> None:
    """Change a value, of a sample or of one of its members; or lose or double a sample."""
    if draws.random() < 0.2 or not rows:
        rows[draws.randint(0, len(rows)) :] = rows[: draws.randint(0, 2)]
        return
    holder: dict[str, Any] = draws.choice(rows)
    if draws.random() < 0.5 and holder["members"]:
        holder = draws.choice(holder["members"])
    name = draws.choice(list(holder))
    value = holder[name]
    if isinstance(value, int) and not isinstance(value, bool):
        holder[name] = draws.choice((0, 1, -1, 2**31, 2**62, 2**63 - 1, 255, value + 1, value - 1, value * 2))
    elif isinstance(value, list):
        holder[name] = draws.choice(([], value * 2, value[:-1], None, [None, *value]))
    else:
        holder[name] = draws.choice((None, "", "../../etc/passwd", "x" * 5_000, "\0", 0.5))


def _tar(data: bytes, folder: Path) -> str:
    """The four ways to read a tar tell damage and raise nothing else."""
    path = folder / "a.tar"
    path.write_bytes(data)
    rows = pq.read_table(io.BytesIO(golden()[_FOLDER + _INDEX])).to_pylist()
    outcome = "read"
    for read in (by_header, by_webdataset):
        try:
            list(read(path))
        except DAMAGE:
            outcome = "told as damaged"
    list(readable(path))
    return outcome if not list(skeleton.differences(path, rows)) else "told as damaged"


def _delivers(root: Path, *, honest_index: bool = True) -> str:
    """A loader over a folder gives every sample as it was, or says why not.

    Args:
        root: the folder.
        honest_index: whether the index is as it was, so that it tells every changed byte of a tar.
    """
    loader = _loader(root)
    whole, rows = _whole(), 0
    for batch in loader:
        if batch.valid.all():
            rows += 1
            assert not honest_index or _told(batch) == whole[batch.ids[0]], f"{batch.ids[0]} came changed"
    if not loader.bad:
        assert not honest_index or rows == len(whole), f"{rows} of {len(whole)} samples, and none is told as bad"
        return "delivered"
    return "some samples bad" if rows else "all samples bad"


def _loader(root: Path) -> Loader:
    return Loader(
        root, split="train", global_batch_size=1, shuffle=False, drop_last=False, image_size=16, max_bad_share=1.0
    )


@cache
def _whole() -> dict[str, tuple[Any, ...]]:
    """What the loader gives of every undamaged sample."""
    with TemporaryDirectory() as folder:
        return {batch.ids[0]: _told(batch) for batch in _loader(_shard_folder(Path(folder), {}))}


def _told(batch: Batch) -> tuple[Any, ...]:
    return tuple(batch.present[0].tolist()), *(batch.part(modality).data.numpy().tobytes() for modality in Modality)


def _loader_tar(data: bytes, folder: Path) -> str:
    return _delivers(_shard_folder(folder, {_TAR: data}))


def _with_the_sum_of(index: bytes) -> bytes:
    """The manifest of a liar, who also put the checksum of the damaged index into it."""
    manifest = json.loads(golden()[_FOLDER + "dataset.json"])
    manifest["splits"]["train"][0]["index_sha256"] = sha256(index).hexdigest()
    return json.dumps(manifest).encode()


def _loader_index(data: bytes, folder: Path) -> str:
    root = _shard_folder(folder, {_INDEX: data, "dataset.json": _with_the_sum_of(data)})
    return _delivers(root, honest_index=False)


def _check_index(data: bytes, folder: Path) -> str:
    return _checked(_shard_folder(folder, {_INDEX: data, "dataset.json": _with_the_sum_of(data)}))


def _checked(folder: Path) -> str:
    # The seconds that HF datasets takes for an input are not ours.
    with mock.patch.object(shard_check, "has_datasets", return_value=False):
        report = shard_check.check(folder)
    return "no fault" if report.ok else "told as damaged"


def _manifest(data: bytes, folder: Path) -> str:
    return _delivers(_shard_folder(folder, {"dataset.json": data}))


def _check_manifest(data: bytes, folder: Path) -> str:
    return _checked(_shard_folder(folder, {"dataset.json": data}))


SHARDS: Final[dict[str, Target]] = {
    "tar": Target("shards", _tar_bytes, _tar, 4),
    "tar, loader": Target("shards", _tar_bytes, _loader_tar, 2),
    "index, loader": Target("shards", _index_bytes, _loader_index, 3),
    "index, m5 check": Target("shards", _index_bytes, _check_index, 2),
    "manifest, loader": Target("shards", damaged_json(_FOLDER + "dataset.json"), _manifest, 2),
    "manifest, m5 check": Target("shards", damaged_json(_FOLDER + "dataset.json"), _check_manifest, 1),
}  # fmt: skip
