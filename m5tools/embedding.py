"""Vectors from outside the dataset: by a sentence-transformers model (extra `embed`), or from files such as `m5 embed`
writes; and what such a model or file holds, for that is part of what a stage depends on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from m5tools.errors import UsageError, number_of

AT_ONCE: Final = 64
"""Items that go through a model together."""

_KEY: Final = ("product_id", "modality")
_CHUNK: Final = 1 << 20
_OWNER: Final = "sentence-transformers"
"""Whose a model is on the hub when its name does not say."""


def encoded(model: str, items: Sequence[Any]) -> NDArray[np.float32]:
    """The vectors of texts or pictures: float32 [n, size], of length 1; [0, 1] of nothing.

    Args:
        model: path or name of a model that sentence-transformers can load.
        items: texts, or PIL pictures where the model takes some.

    Raises:
        UsageError: the extra is missing, or the model cannot be loaded.
    """
    if not items:
        return np.empty((0, 1), np.float32)
    vectors = _model(model).encode(list(items), batch_size=AT_ONCE, normalize_embeddings=True, show_progress_bar=False)
    return np.asarray(vectors, np.float32)


@cache
def _model(name: str) -> Any:
    """A model, loaded once in a process that needs it."""
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ImportError as error:
        raise UsageError(f"the model '{name}' needs the extra 'embed': pip install 'm5tools[embed]'") from error
    # Every worker's own would write into the stage's lines.
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(name, device="cpu")
    except (OSError, ValueError) as error:
        raise UsageError(f"sentence-transformers cannot load '{name}': {error}") from error


def vector_files(places: Sequence[str]) -> list[Path]:
    """The Parquet files among these, or in these folders.

    Raises:
        UsageError: there is none at a place.
    """
    paths = [found for place in places for found in (sorted(Path(place).rglob("*.parquet")) or [Path(place)])]
    for path in paths:
        if not path.is_file():
            raise UsageError(f"no vectors at {path}; give a Parquet file, or a folder that holds some")
    return paths


def stored(places: Sequence[str], ids: pl.Series, modalities: Sequence[str]) -> pl.DataFrame:
    """Vectors that were written before: `product_id`, `modality`, `vector` (list of float32), the first of each.

    Args:
        places: Parquet files, or folders of them, with these columns; lists of fixed or of any size.
        ids: products to look up.
        modalities: which of their vectors; `fused` is that of the whole product.

    Raises:
        UsageError: there is no such file, it holds no such vectors, or those of a modality differ in length.
    """
    files = vector_files(places)
    found = [_wanted(file, ids, modalities) for file in files]
    sizes: dict[str, int] = {}
    for file, rows in zip(files, found, strict=True):
        for modality, size in rows.select("modality", pl.col("vector").list.len()).unique(maintain_order=True).rows():
            if not size or sizes.setdefault(modality, size) != size:
                others = f", others {sizes[modality]}" if modality in sizes else ""
                raise UsageError(
                    f"{file}: a vector of '{modality}' has {size or 'no'} numbers{others}; give vectors of one model"
                )
    return pl.concat(found).unique(_KEY, keep="first", maintain_order=True)


def _wanted(file: Path, ids: pl.Series, modalities: Sequence[str]) -> pl.DataFrame:
    """Of a file of vectors those of some products."""
    vectors = pl.scan_parquet(file, glob=False).select(*_KEY, pl.col("vector").cast(pl.List(pl.Float32)))
    wanted = pl.col("product_id").is_in(ids.implode()), pl.col("modality").is_in(modalities)
    try:
        return vectors.filter(*wanted).collect()
    except pl.exceptions.PolarsError as error:
        if number_of(error) is not None:
            raise
        what = str(error).partition("\n")[0]
        raise UsageError(
            f"{file} holds no vectors ({what}); give Parquet with {', '.join(_KEY)} and vector, as 'm5 embed' writes it"
        ) from error


def fingerprint(place: str) -> str:
    """What a model or a file of vectors holds: sha256 over names and bytes below a path; for a name of the Hugging Face
    hub over its copy in the local cache. The name itself where there is neither."""
    path = Path(place)
    if not path.exists():
        cached = _in_cache(place)
        if cached is None:
            return place
        path = cached
    digest = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
        digest.update(f"{file.relative_to(path).as_posix()}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as data:
            while chunk := data.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _in_cache(name: str) -> Path | None:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        return None
    try:
        return Path(snapshot_download(name, local_files_only=True))
    except Exception:  # noqa: BLE001 - whatever the hub's client says, the model is not here
        return None if "/" in name else _in_cache(f"{_OWNER}/{name}")
