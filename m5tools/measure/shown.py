"""The picture that stands for a product where pictures and texts are compared: the first that decoded.

A picture of one slice belongs to products of any partition. So each slice reads its previews once and encodes each
picture once, however many products show it, and writes the vectors by partition; a partition reads its own of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from m5tools import atomic
from m5tools.dataset import Dataset
from m5tools.measure import similarity
from m5tools.partitions import partition_of
from m5tools.stage import Work
from m5tools.vocabulary import Modality, State

_VECTOR = pl.List(pl.Float32)


def choose(parts: Iterable[str], work: Work) -> None:
    """Note for each product the first of its pictures that decoded.

    Args:
        parts: the parts of `signals_image` that this run has written.
        work: where the note goes.
    """
    dataset = work.dataset
    files = [dataset.folder("signals_image") / f"{part}.parquet" for part in parts]
    with atomic.whole_file(_note(work)) as temporary:
        _first(dataset, files).write_parquet(temporary)


def _first(dataset: Dataset, files: list[Path]) -> pl.DataFrame:
    """`asset_id`, `product_id`, `partition`; sorted."""
    if not files:
        return pl.DataFrame(schema={"asset_id": pl.String, "product_id": pl.String, "partition": pl.Int64})
    usable = pl.scan_parquet(files, glob=False).filter(pl.col("state") == State.PRESENT.value).select("asset_id")
    places = dataset.scan("fetched").select("location_id", "asset_id").join(usable, on="asset_id", how="semi")
    listed = dataset.scan("media").filter(pl.col("modality") == Modality.IMAGE.value)
    found = listed.select("product_id", "position", "location_id").join(places, on="location_id")
    first = found.collect(engine="streaming").sort("product_id", "position", "asset_id")
    first = first.unique("product_id", keep="first", maintain_order=True).select("asset_id", "product_id")
    return first.with_columns(partition=partition_of(pl.col("product_id"), dataset.partitions).cast(pl.Int64)).sort(
        "asset_id", "product_id"
    )


def encode(part: str, model: str, work: Work) -> None:
    """Encode the chosen pictures of one slice.

    Args:
        part: of `previews_image`.
        model: path or name of a CLIP or SigLIP model.
        work: where the vectors go.
    """
    file = work.dataset.folder("previews_image") / f"{part}.parquet"
    if not file.is_file():  # a slice of broken pictures has none
        return
    chosen = pl.read_parquet(_note(work), glob=False)
    shown = pl.scan_parquet(file, glob=False).join(chosen.lazy(), on="asset_id", how="semi").sort("asset_id").collect()
    vectors = similarity.picture_vectors(model, shown["preview"])
    of_assets = shown.select("asset_id").with_columns(vector=pl.Series(vectors.tolist(), dtype=_VECTOR))
    rows = chosen.join(of_assets, on="asset_id").sort("partition", "product_id")
    path = _vectors(work, part)
    # A group of rows a partition: by their statistics a partition finds its own and skips the rest.
    with atomic.whole_file(path) as temporary, pq.ParquetWriter(temporary, rows.to_arrow().schema) as writer:
        for _, mine in rows.group_by("partition", maintain_order=True):
            writer.write_table(mine.to_arrow())


def vectors(partition: int, parts: Iterable[str], work: Work) -> pl.DataFrame:
    """`product_id`, `vector` of the products of a partition.

    Args:
        partition: which one.
        parts: of `previews_image`.
        work: where :func:`encode` put them.
    """
    files = [file for file in (_vectors(work, part) for part in parts) if file.is_file()]
    if not files:
        return pl.DataFrame(schema={"product_id": pl.String, "vector": _VECTOR})
    mine = pl.scan_parquet(files, glob=False).filter(pl.col("partition") == partition)
    return mine.select("product_id", "vector").collect()


def _note(work: Work) -> Path:
    return work.scratch / "shown.parquet"


def _vectors(work: Work, part: str) -> Path:
    return work.scratch / "shown" / f"{part}.parquet"
