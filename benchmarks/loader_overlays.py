"""What overlays cost at opening: an index of a million samples with none, with a column, with sounds, with both.

The index is made as in `loader_index`; sounds come to a fifth of the samples that have none. Processor seconds of
opening and of the view with members, each run in a process of its own, the kinds in turn.

python -m benchmarks.loader_overlays --samples 1000000 --samples-per-shard 10000 --runs 5
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.loader_index import make
from m5tools import schema
from m5tools.atomic import sha256_of
from m5tools.shards.manifest import INDEX, OVERLAYS, OverlayManifest, ShardFile, ShardManifest
from m5tools.vocabulary import MODALITIES, Modality, Reason, State

KINDS = ("", "scores", "sounds", "scores,sounds")
BYTES = 40_000
"""Of a sound."""


def later_sounds(below: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, int]:
    """The index of an overlay over one shard, and the size of its tar."""
    has = (below["present"].to_numpy() >> Modality.AUDIO.bit & 1).astype(bool)
    new = ~has & (rng.random(len(has)) < 0.2)
    count, padded = int(new.sum()), 512 + -(-BYTES // 512) * 512
    offsets = pa.array(np.concatenate([[0], np.cumsum(new)]).astype(np.int32))
    fields = {
        "name": pa.array(["audio_0.flac"] * count),
        "modality": pa.array(["audio"] * count),
        "offset": pa.array(np.arange(count) * padded + 512),
        "length": pa.array(np.full(count, BYTES)),
        "width": pa.nulls(count, pa.int32()),
        "height": pa.nulls(count, pa.int32()),
        "duration_s": pa.array(np.full(count, 4, np.float32)),
        "xxh3": pa.array(rng.integers(0, 2**64, count, np.uint64)),
        "cost": pa.array(np.full(count, 900, np.int32)),
    }
    members = pa.StructArray.from_arrays(list(fields.values()), names=list(fields))
    codes = np.zeros((len(new), len(MODALITIES)), np.uint8)
    state, reason = codes + State.ABSENT, codes + Reason.NOT_LISTED
    state[new, Modality.AUDIO.bit], reason[new, Modality.AUDIO.bit] = State.PRESENT, Reason.NONE
    five = pa.array(np.arange(0, codes.size + 1, len(MODALITIES), dtype=np.int32))
    ends = np.cumsum(new) * padded
    columns = {name: below[name] for name in ("product_id", "shard", "split", "tags")} | {
        "start": pa.array(ends - new * padded),
        "end": pa.array(ends),
        "present": pa.array(new.astype(np.uint8) << Modality.AUDIO.bit),
        "state": pa.ListArray.from_arrays(five, state.reshape(-1)),
        "reason": pa.ListArray.from_arrays(five, reason.reshape(-1)),
        "audio_s": pa.array(np.full(len(new), 4, np.float32), mask=~new),
        "cost": pa.array(new * 900),
        "members": pa.ListArray.from_arrays(offsets, members),
        "assets": pa.ListArray.from_arrays(offsets, pa.array(["a" * 64] * count, pa.string())),
    }
    law = schema.law("shard_index").schema
    filled = {f.name: columns.get(f.name, pa.nulls(len(new), f.type)) for f in law}
    return pa.table([pc.cast(filled[f.name], f.type) for f in law], schema=law), count * padded + 1024


def lay(folder: Path) -> None:
    """Both overlays over a shard folder."""
    manifest, rng = ShardManifest.read(folder), np.random.default_rng(1)
    for name in ("scores", "sounds"):
        where, media = folder / OVERLAYS / name, name == "sounds"
        (where / INDEX).mkdir(parents=True)
        files = []
        for file in manifest.splits["train"]:
            below = pq.read_table(folder / file.index)
            if media:
                table, size = later_sounds(below, rng)
                with (where / file.tar).open("wb") as tar:
                    tar.truncate(size)
            else:
                table, size = below.select(["product_id"]).append_column("score", pa.array(rng.random(len(below)))), 0
            pq.write_table(table, where / file.index, compression="zstd")
            sha256 = sha256_of(where / file.index)
            files.append(ShardFile(tar=file.tar, samples=file.samples, bytes=size, index_sha256=sha256))
        modalities, columns = ((Modality.AUDIO,), ()) if media else ((), ("score",))
        OverlayManifest.of(manifest.content, modalities, columns, {"train": tuple(files)}, "", {}).write(where)


def figures(folder: Path, names: str) -> dict[str, float]:
    """Processor seconds in this process."""
    from m5tools.loader.catalog import Catalog

    used = [time.process_time()]
    catalog = Catalog.open(folder, "train", overlays=[name for name in names.split(",") if name])
    used.append(time.process_time())
    catalog.view(MODALITIES)
    used.append(time.process_time())
    return {"open the catalogue": used[1] - used[0], "view, with members": used[2] - used[1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--samples-per-shard", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="keep the made shards here")
    parser.add_argument("--once", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.once is not None:
        print(json.dumps(figures(asked.folder, asked.once)))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = asked.folder or Path(place) / "shards"
        if not folder.exists():
            make(folder, asked.samples, asked.samples_per_shard)
            lay(folder)
        command = [sys.executable, "-m", "benchmarks.loader_overlays", "--folder", str(folder), "--once"]
        found: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
        for _ in range(asked.runs + 1):
            for kind, runs in found.items():
                said = subprocess.run([*command, kind], check=True, capture_output=True).stdout
                runs.append(json.loads(said))
        print(f"{asked.samples:,} samples, {asked.runs} runs, processor s: median (least–most)")
        for kind, runs in found.items():
            for step in runs[0]:
                taken = [run[step] for run in runs[1:]]
                told = f"{statistics.median(taken):6.2f} ({min(taken):.2f}–{max(taken):.2f})"
                print(f"{kind or 'no overlay':16} {step:22} {told}")


if __name__ == "__main__":
    main()
