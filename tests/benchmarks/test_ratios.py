"""What we cost beside a peer on the same input, by processor time: more than half of it is not lost unseen.

Ratios, not seconds, so neither a slow machine nor a busy one fails them; medians of runs in turn.
"""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import msgspec
import polars as pl
import pytest
from datasketch import MinHash, MinHashLSH

from benchmarks import ingest_rows
from benchmarks.ingest_rate import MAPPING
from benchmarks.shard_rate import build, pictures, shards
from benchmarks.text_duplicates import edited, found, truth
from m5tools.dataset import Dataset
from m5tools.dedup.evidence.near_texts import near_texts
from m5tools.engine.local import LocalEngine
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.ingest.stage import Ingest, IngestConfig
from m5tools.shards.config import ShardConfig
from m5tools.shards.stage import Shard

from .in_turn import ratio

pytestmark = pytest.mark.slow

NEAR_TEXTS, INGEST, SHARDS = 8.0, 0.5, 0.12
"""Least ratios, theirs by ours: about half of what these tests measured (20, 0.9 to 1.3, 0.2 to 0.3)."""
WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in "lmnrst"]


def texts(count: int) -> list[str]:
    """Texts of about 75 words; every fifth is another one edited."""
    draw = random.Random(5)
    made: list[list[str]] = []
    for i in range(count):
        made.append(edited(draw.choice(made), draw) if i % 5 == 4 else draw.choices(WORDS, k=draw.randrange(60, 90)))
    return [" ".join(text) for text in made]


def groups_of_datasketch(lines: list[str]) -> dict[int, int]:
    """Each text → the smallest one of its group, as people write it."""
    lsh = MinHashLSH(threshold=0.8, num_perm=128)
    group: dict[int, int] = {}
    for name, line in enumerate(lines):
        words = line.split()
        mine = MinHash(num_perm=128)
        mine.update_batch([" ".join(words[i : i + 5]).encode() for i in range(max(1, len(words) - 4))])
        others = [group[other] for other in lsh.query(mine)]
        group[name] = min([name, *others])
        lsh.insert(name, mine)
    return group


def test_near_texts_beside_datasketch() -> None:
    lines = texts(3_000)
    column = pl.Series(lines)
    near = truth(lines)
    groups = near_texts(column).groups
    ours = found(dict(zip(groups["row"].to_list(), groups["label"].to_list(), strict=True)))
    theirs = found(groups_of_datasketch(lines))
    assert len(ours & near) >= max(0.99 * len(near), len(theirs & near))
    assert ratio(lambda: near_texts(column), lambda: groups_of_datasketch(lines)) >= NEAR_TEXTS


def record(number: int, draw: random.Random) -> dict[str, object]:
    said = " ".join(draw.choices(WORDS, k=80))
    return {
        "id": f"P{number:06d}", "url": f"https://shop.example/p/{number}?utm_source=feed", "brand": draw.choice(WORDS),
        "title": " ".join(draw.choices(WORDS, k=7)), "description": f"<p>{said}</p><ul><li>Tea &amp; more</ul>",
        "category": "Home > Kitchen > Kettles", "price": f"${draw.randrange(100, 99_999) / 100}", "currency": "USD",
        "mpn": f"K-{draw.randrange(10**6)}", "seller": {"name": draw.choice(WORDS), "rating": 4.5},
        "images": [f"https://img.example/{number}-{i}.jpg" for i in range(3)], "crawled_at": "2026-11-01T08:00:00Z",
        "attributes": [{"name": name, "value": f"{draw.randrange(1, 400)} {unit}"} for name, unit in
                       (("Power", "W"), ("Weight", "kg"), ("Height", "mm"), ("Volume", "l"), ("Colour", "blue"))],
    }  # fmt: skip


def test_ingest_beside_row_dictionaries(tmp_path: Path) -> None:
    draw = random.Random(7)
    file, out = tmp_path / "records.jsonl", tmp_path / "rows"
    file.write_bytes(b"".join(msgspec.json.encode(record(i, draw)) + b"\n" for i in range(3_000)))
    out.mkdir()
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    stage = Ingest(IngestConfig(source="bench", mapping=str(tmp_path / "mapping.yaml"), files=(str(file),)))

    def ours() -> None:
        with Pool(0) as pool:
            LocalEngine(pool, Silent(), refresh=True).run(Dataset(tmp_path / "ours"), stage)

    measured = ratio(ours, lambda: ingest_rows.main(file, out))
    dataset = Dataset(tmp_path / "ours")
    for table, column in (("products", "native_id"), ("attributes", "value"), ("media", "location")):
        theirs = pl.read_parquet(out / f"{table}-*.parquet", columns=[column])[column].sort()
        assert dataset.read(table, columns=(column,))[column].sort().to_list() == theirs.to_list()
    assert measured >= INGEST


def test_shards_beside_tar(tmp_path: Path) -> None:
    draw = random.Random(9)
    (tmp_path / "files").mkdir()
    files = [tmp_path / "files" / f"{i:05d}.jpg" for i in range(4_000)]
    for file in files:
        file.write_bytes(b"\xff\xd8\xff" + draw.randbytes(20_000))
    names, tar = tmp_path / "names.txt", tmp_path / "peer.tar"
    names.write_text("\n".join(map(str, files)))
    dataset = build(tmp_path / "dataset", files)

    def ours() -> None:
        with Pool(0) as pool:
            LocalEngine(pool, Silent(), refresh=True).run(dataset, Shard(ShardConfig(media="untouched")))

    measured = ratio(ours, lambda: subprocess.run(["tar", "cf", tar, "-P", "-T", names], check=True))
    assert pictures(shards(dataset.root)) == pictures([tar])
    assert measured >= SHARDS
