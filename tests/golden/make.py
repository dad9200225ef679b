"""Writes the golden dataset of the version at hand: `python -m tests.golden.make` (in /tmp/golden, which it empties).

Once for every release, before it is tagged. What earlier releases wrote is never written again: it is what a user has.
Everything is generated, so no data of others is in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

from m5tools.dataset import Dataset
from m5tools.loader.loader import Loader
from m5tools.manifest import FORMAT as DATASET_FORMAT
from m5tools.schema import laws
from m5tools.shards.manifest import FORMAT as SHARD_FORMAT
from m5tools.synth import SynthConfig, synthesize

from ..conftest import REPOSITORY

HERE: Final = Path(__file__).resolve().parent
PLACE: Final = Path("/tmp/golden")
"""Where it is made: the dataset keeps the place of the media it was made from."""
_SMALL: Final = ("image_long_side=32", "max_frames=2", "samples_per_shard=8", "max_audio_seconds=0.5")


def tables_of(dataset: Dataset) -> dict[str, dict[str, object]]:
    """Rows, columns and a checksum of all values of every table that is there once, and of those that exist for several
    policies or cuts under `default`.
    """
    found: dict[str, dict[str, object]] = {}
    for name, law in sorted(laws().items()):
        kind = law.path.partition("{")[2].partition("}")[0]
        frame = dataset.read(name, **({kind: "default"} if kind else {}))
        if frame.height:
            values = "\n".join(sorted(map(repr, frame.rows())))
            digest = hashlib.sha256(values.encode("utf-8", "surrogatepass")).hexdigest()
            found[name] = {"rows": frame.height, "columns": frame.columns, "sha256": digest}
    return found


def samples_of(shards: Path) -> dict[str, dict[str, list[str | int]]]:
    """What the loader gives of every sample: split → product → which modalities are there, the bytes of its texts and
    attributes, the number of pictures, frames and sound samples.
    """
    given: dict[str, dict[str, list[str | int]]] = {}
    for split in ("train", "test"):
        loader = Loader(shards, split=split, global_batch_size=1, shuffle=False, drop_last=False, image_size=16)
        given[split] = {}
        for batch in loader:
            assert batch.valid.all()
            present = "".join("01"[int(bit)] for bit in batch.present[0].tolist())
            strings = [bytes(part.data.numpy()).decode() for part in (batch.text, batch.table)]
            sizes = [len(part.data) for part in (batch.image, batch.video, batch.audio)]
            given[split][batch.ids[0]] = [present, *strings, *sizes]
    return given


def main() -> None:
    """Make it, and say what is in it."""
    from m5tools import __version__

    target = HERE / f"{__version__}.tar.xz"
    if target.exists():
        raise SystemExit(f"{target} stands; what a release wrote is not written again")
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir()
    os.chdir(PLACE)
    synthesize(PLACE, SynthConfig(products=6, seed=11, own_audio=0.0))
    recipe = (REPOSITORY / "pipelines" / "demo.yaml").read_text(encoding="utf-8")
    (PLACE / "golden.yaml").write_text(recipe.partition("  - stage: audit")[0], encoding="utf-8")
    sets = ["dataset=dataset", "ingest.sources.0.files=['crawl/*.jsonl']", "ingest.sources.0.media_root=crawl"]
    sets += [f"shard.{setting}" for setting in _SMALL]
    _m5("run", "golden.yaml", "--workers", "0", *(word for change in sets for word in ("--set", change)))
    _m5("overlay", "--dataset", "dataset", "--set", "name=rare", "--set", "weights=square_root", "--workers", "0")
    dataset = Dataset("dataset")
    told = {
        "dataset format": DATASET_FORMAT,
        "shard format": SHARD_FORMAT,
        "tables": tables_of(dataset),
        "samples": samples_of(dataset.root / "shards" / "default"),
    }
    with tarfile.open(target, "w:xz", preset=9) as archive:
        for file in sorted(p for p in Path("dataset").rglob("*") if p.is_file()):
            info = archive.gettarinfo(file)
            info.mtime, info.uid, info.gid, info.uname, info.gname = 0, 0, 0, "", ""
            archive.addfile(info, io.BytesIO(file.read_bytes()))
    target.with_name(f"{__version__}.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    shutil.rmtree(PLACE)


def _m5(*arguments: str) -> None:
    with contextlib.chdir(PLACE):
        subprocess.run([sys.executable, "-m", "m5tools.cli.main", *arguments], check=True)


if __name__ == "__main__":
    main()
