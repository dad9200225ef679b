"""What reads the manifest and the markers of a dataset: what is damaged is told, or nothing hangs on it."""

from __future__ import annotations

import json
import random
import tarfile
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from packaging.version import Version

from m5tools.dataset import Dataset
from m5tools.engine.verify import verify
from m5tools.manifest import MANIFEST
from tests.golden.make import HERE

from .poison_mutate import mutated
from .poison_target import Make, Target


@cache
def golden() -> dict[str, bytes]:
    """The golden dataset of the newest release, file by file."""
    with tarfile.open(
        max(HERE.glob("*.tar.xz"), key=lambda file: Version(file.name.removesuffix(".tar.xz")))
    ) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]


def damaged_json(name: str) -> Make:
    """Damage to a JSON file of the golden dataset, or another value in it."""

    def make(draws: random.Random) -> bytes:
        whole = golden()[name]
        return _other_values(whole, draws) if draws.random() < 0.5 else mutated(whole, draws, [whole])

    return make


def _other_values(data: bytes, draws: random.Random) -> bytes:
    """JSON that is whole, with a value in it that is not what it should be, or without one."""
    body = json.loads(data)
    place, at = body, None
    while isinstance(place, dict | list) and place and (at is None or draws.random() < 0.8):
        holder = place
        at = draws.choice(list(place)) if isinstance(place, dict) else draws.randrange(len(place))
        place = place[at]
    holder[at] = draws.choice((None, -1, 2**70, "", "../../x", [], {}, [None], "\0", 1e308, True, ["a"] * 3))
    if draws.random() < 0.1:
        del holder[at]
    return json.dumps(body).encode()


def _checked_dataset(name: str, data: bytes, folder: Path) -> str:
    """`m5 check` of a whole dataset of which one file, a manifest or a marker, is damaged."""
    root = folder / "dataset"
    for original, place in _unpacked(folder.parent):
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.hardlink_to(original)
    (root / name).unlink()
    (root / name).write_bytes(data)
    _, faults = verify(Dataset(root))
    if faults:
        return "told as damaged"
    wanted = _relied_on(name, golden()[f"dataset/{name}"])
    assert _relied_on(name, data) == wanted, "something that is relied on differs, and no fault is told"
    return "no fault"


def _relied_on(name: str, data: bytes) -> object:
    """What `m5 check` compares; settings and inputs of a stage, and where a crawl's media is, may be edited."""
    body = json.loads(data)
    if name != MANIFEST:
        outputs = [(o["path"], o["bytes"], o["sha256"], o["xxh3"]) for o in body["outputs"]]
        return outputs, {key: count for key, count in body["counts"].items() if count}
    told = ("stage", "run", "fingerprint", "counts")
    stages = {key: [entry[part] for part in told] for key, entry in body["stages"].items()}
    crawls = [(crawl["crawl_id"], crawl["source"]) for crawl in body["crawls"]]
    kinds = all(_is_of_its_kind(key, value) for crawl in body["crawls"] for key, value in crawl.items())
    return stages, body["partitions"], crawls, kinds, repr(body["format"])


def _is_of_its_kind(key: str, value: object) -> bool:
    """Whether what a crawl says of itself can be; words that nobody reads may be anything."""
    if key in ("unique_products", "many_sellers"):
        return isinstance(value, bool)
    if key in ("license", "homepage", "terms"):
        return isinstance(value, str)
    return key != "media_root" or value is None or isinstance(value, str)


@cache
def _unpacked(scratch: Path) -> tuple[tuple[Path, str], ...]:
    """The files of the golden dataset in a folder of this process, each with its place in the dataset."""
    folder = Path(mkdtemp(prefix="golden-", dir=scratch))
    found = []
    for name, data in sorted(golden().items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        found.append((path, name.removeprefix("dataset/")))
    return tuple(found)


def _marker() -> str:
    return min(n for n in golden() if n.startswith("dataset/runs/ingest/") and "/settle/" in n)


DATASETS: Final[dict[str, Target]] = {
    "dataset.json": Target("dataset", damaged_json("dataset/dataset.json"), partial(_checked_dataset, MANIFEST), 1),
    "completion marker": Target(
        "dataset", lambda d: damaged_json(_marker())(d),
        lambda data, folder: _checked_dataset(_marker().removeprefix("dataset/"), data, folder), 1,
    ),
}  # fmt: skip
