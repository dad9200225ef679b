"""Processor time, wall time and memory of `m5 audit --compare` for two datasets of so many products each.

    python -m benchmarks.audit_compare --products 1000000

Writes both datasets (products with long descriptions and raw fields, eight attributes, three listed pictures, states)
as the stages leave them, half of them in common, then compares them in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from m5tools.dataset import Dataset
from m5tools.manifest import FORMAT
from m5tools.partitions import part_name, partition_of
from m5tools.vocabulary import MODALITIES

ATTRIBUTES, PICTURES = 8, 3
TOGETHER = 50_000
"""Products that are made at a time."""


def build(root: Path, first: int, count: int, partitions: int) -> None:
    """Products `first` … as a dataset; what is alike about them depends on their number alone."""
    dataset = Dataset(root)
    with dataset.changing() as manifest:
        manifest["format"], manifest["partitions"] = FORMAT, partitions
        manifest["crawls"] = [{"source": "shop", "crawl_id": "c1", "media_root": None}]
    ids = [f"{n * 2654435761 % 2**32:08x}{n:024x}" for n in range(first, first + count)]
    home = pl.DataFrame({"product_id": ids}).with_columns(
        number=pl.int_range(first, first + count), home=partition_of(pl.col("product_id"), partitions)
    )
    words = np.random.default_rng(0).integers(0, 10**9, (4096, 40)).astype(str)
    texts = pl.Series([" ".join(row) for row in words])
    for i in range(partitions):
        mine = home.filter(pl.col("home") == i).drop("home").sort("product_id")
        n = mine["number"]
        text = texts.gather(n % 4096)
        table = mine.with_columns(
            crawl_id=pl.lit("c1"), source=pl.lit("shop"), native_id=n.cast(pl.String),
            title=("product " + n.cast(pl.String) + " " + text.str.slice(0, 40)), description=text,
            brand="brand " + (n % 5000).cast(pl.String), price=(n % 9973) / 100, currency=pl.lit("EUR"),
            category=pl.concat_list(pl.lit("all"), "c " + (n % 4096).cast(pl.Float64).sqrt().floor().cast(pl.String)),
            content_hash=n.cast(pl.String).str.zfill(32), origin_file=pl.lit("a"), origin_offset=n,
        )  # fmt: skip
        named = (("name", "title"), ("text", "description"), ("id", "native_id"))
        fields = [pl.struct(key=pl.lit(field), value=pl.col(column)) for field, column in named]
        dataset.write("products", f"c1/{part_name(i)}", _mapped(table.with_columns(raw=pl.concat_list(fields))))
        pairs = mine.select("product_id", "number", position=pl.int_ranges(0, ATTRIBUTES, dtype=pl.Int32)).explode(
            "position"
        )
        name = "name " + ((pl.col("number") % 200) * 0 + pl.col("position") * 40 + pl.col("number") % 40).cast(
            pl.String
        )
        value = (pl.col("number") % 977).cast(pl.String)
        pairs = pairs.with_columns(
            crawl_id=pl.lit("c1"), is_option=pl.lit(False), name=name, name_raw=name, value=value, value_raw=value
        )
        dataset.write("attributes", f"c1/{part_name(i)}", pairs.drop("number"))
        files = mine.select("product_id", "number", position=pl.int_ranges(0, PICTURES, dtype=pl.Int32)).explode(
            "position"
        )
        where = "https://shop.example/" + pl.col("number").cast(pl.String) + "/" + pl.col("position").cast(pl.String)
        files = files.with_columns(
            crawl_id=pl.lit("c1"), source=pl.lit("shop"), modality=pl.lit("image"), location_raw=where, location=where,
            location_id=pl.col("product_id").str.slice(0, 30) + pl.col("position").cast(pl.String).str.zfill(2),
        ).with_columns(pl.col("location_id").str.reverse())  # fmt: skip
        dataset.write("media", f"c1/{part_name(i)}", files.drop("number"))
        dead = (pl.col("number") % 50 == 0).cast(pl.UInt8)
        dataset.write("fetched", part_name(i), files.select("location_id", state=dead * 3, reason=dead * 7))
        states = mine.join(pl.DataFrame({"modality": [m.value for m in MODALITIES]}), how="cross")
        states = states.with_columns(
            state=dead * 3, reason=dead * 7, listed=pl.lit(1), usable=pl.lit(1), tags=pl.lit([], pl.List(pl.String))
        )
        dataset.write("modalities", part_name(i), states.drop("number"), policy="default")


def _mapped(table: pl.DataFrame) -> object:
    import pyarrow as pa

    arrow = table.drop("number").to_arrow(compat_level=pl.CompatLevel.oldest())
    at = arrow.schema.get_field_index("raw")
    raw = arrow["raw"].combine_chunks()
    pairs = raw.flatten()
    text = [pairs.field(k).cast(pa.string()) for k in range(2)]
    offsets = pa.array(raw.offsets.to_numpy(), pa.int32())
    return arrow.set_column(at, "raw", pa.MapArray.from_arrays(offsets, *text))


def compare(a: Path, b: Path) -> dict[str, float]:
    """Compare in this process, which did nothing before."""
    from m5tools.audit.compare import compare as make
    from m5tools.audit.compare import side_of, write

    began, worked = time.perf_counter(), time.process_time()
    found = make(side_of(str(a)), side_of(str(b)))
    write(found, b / "reports" / "compare.html")
    return {
        "wall_s": round(time.perf_counter() - began, 1),
        "processor_s": round(time.process_time() - worked, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "both": found.products.both,
        "compared": found.compared,
        "moved": found.moved,
        "page_kb": round((b / "reports" / "compare.html").stat().st_size / 1024),
    }


def main() -> None:
    """Build, compare, print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="keep the datasets here")
    parser.add_argument("--only", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        print(json.dumps(compare(*given.only)))
        return
    folder = given.folder or Path(tempfile.mkdtemp(prefix="m5-compare-"))
    partitions = max(1, 2 ** round(np.log2(max(1, given.products / TOGETHER))))
    for name, first, more in (("a", 0, 1), ("b", given.products // 2, 2)):
        if not Dataset(folder / name).exists:
            build(folder / name, first, given.products, partitions * more)
    command = [sys.executable, "-m", "benchmarks.audit_compare", "--only", str(folder / "a"), str(folder / "b")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ))
    print(json.dumps({"products": given.products, "partitions": partitions, **json.loads(done.stdout)}))
    if given.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
