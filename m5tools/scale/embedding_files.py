"""`embeddings/<name>/`: the vectors of products as Parquet, one row a product and modality, written part by part.

Beside the five modalities stands `fused`, the product's own vector. A part holds the products of a fixed number of
batches in the order of the shards, so the same network on the same shards gives the same bytes, however often a run
was stopped: what is there is kept, and the same command goes on behind the last whole part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from m5tools import atomic, schema
from m5tools.dataset import checked_name
from m5tools.errors import UsageError
from m5tools.loader.batch import Batch
from m5tools.manifest import MANIFEST as DATASET
from m5tools.scale.checkpoint import Trained
from m5tools.scale.embed import Embeddings, embed_batch, fingerprint
from m5tools.scale.source import ProductLoader, Products, Shards
from m5tools.store import is_remote, within
from m5tools.vocabulary import MODALITIES, Split

MANIFEST: Final = "embeddings.json"
FUSED: Final = "fused"
UNREADABLE: Final = "unreadable"
NOTHING_TO_READ: Final = "no tokens"

BATCH: Final = 64
BATCHES: Final = 64
"""Batches of one part: 4,096 products, about 20 MB at 192 numbers a vector."""

_NAMES: Final = (*(modality.value for modality in MODALITIES), FUSED)


class EmbeddingFiles(BaseModel):
    """`embeddings.json`.

    Attributes:
        model: fingerprint of the network (:func:`m5tools.scale.embed.fingerprint`).
        size: numbers in a vector, 0 as long as there is none.
        made_of: split → fingerprint of its products and their order.
        files: the parts, in order: name → products.
        vectors: rows of all parts.
        left_out: why → product ids without any vector, in order.
        state: where the next part begins (split, state of its loader); None where nothing is left to do.
    """

    model_config = ConfigDict(extra="forbid")

    format: int = 1
    model: str
    size: int = 0
    made_of: dict[str, str]
    files: dict[str, int] = {}
    vectors: int = 0
    left_out: dict[str, list[str]] = {UNREADABLE: [], NOTHING_TO_READ: []}
    state: tuple[str, dict[str, Any]] | None = None

    @property
    def products(self) -> int:
        """Products that have vectors."""
        return sum(self.files.values())


def default_folder(shards: str | Path, name: str | None) -> Path:
    """`<dataset>/embeddings/<name>` of the dataset that a shard folder lies in; the name is that of the shards.

    Raises:
        UsageError: it lies in none or in a store, or the name is none of a folder.
    """
    if is_remote(shards):
        raise UsageError(f"{shards} lies in a store, and vectors go to a folder of this machine; name it with --out")
    folder = Path(within(shards, "")).resolve()
    dataset = folder.parent.parent
    if not (dataset / DATASET).is_file():
        raise UsageError(f"{shards} lies in no dataset; say where the vectors go with --out")
    return dataset / "embeddings" / checked_name("embeddings", name or folder.name)


def write_embeddings(
    trained: Trained,
    shards: str,
    splits: Sequence[str],
    folder: Path,
    tick: Callable[[str, int, int], None],
    products: Products | None = None,
) -> EmbeddingFiles:
    """Write the vectors of whole splits, or go on where an earlier run stopped. One part is in memory at a time.

    Args:
        trained: the network.
        shards: shard folder, a path or a URI.
        splits: of it, in this order; named twice is written once.
        folder: where the parts go.
        tick: called with what is embedded, batches done, batches there are.
        products: where splits are opened instead of `shards`.

    Raises:
        UsageError: the folder holds vectors of another network or of other products, or the shards lack the frozen
            features that the network reads.
    """
    splits = tuple(dict.fromkeys(splits))
    trained, how = trained.at(shards), trained.config
    where = products or Shards(shards, how.cut, trained.tokenizer.config, how.image_size, how.seed)
    loaders = {s: where.open(s, MODALITIES, batch_size=BATCH, shuffle=False, drop_last=False) for s in splits}
    begun = EmbeddingFiles(
        model=fingerprint(trained),
        made_of={split: loader.fingerprint for split, loader in loaders.items()},
        state=(splits[0], {}),
    )
    found = _found(folder, begun)
    while found.state is not None:
        split, state = found.state
        found = _split(trained, loaders[split], split, state, found, folder, tick)
        later = list(splits)[list(splits).index(split) + 1 :]
        found = found.model_copy(update={"state": (later[0], {}) if later else None})
        atomic.write_json(folder / MANIFEST, found.model_dump(mode="json"))
    return found


def _found(folder: Path, begun: EmbeddingFiles) -> EmbeddingFiles:
    """What a folder holds already."""
    file = folder / MANIFEST
    if not file.is_file():
        return begun
    anew = f"remove {folder} and run 'm5 embed' again"
    try:
        found = EmbeddingFiles.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise UsageError(f"{file} is damaged; {anew}") from error
    remedy = f"give these another --name (or --out), or remove {folder}"
    if found.model != begun.model:
        raise UsageError(f"{folder} holds vectors of another network; {remedy}")
    there, asked = (",".join(split for split in Split if split in one.made_of) for one in (found, begun))
    if there != asked:
        raise UsageError(
            f"{folder} holds vectors of --split {there}, not of {asked}, and a folder is one choice of splits; {remedy}"
        )
    if found.made_of != begun.made_of:
        raise UsageError(f"{folder} holds vectors of other products, for the shards or the cut changed; {remedy}")
    if found.state is not None and found.state[0] not in begun.made_of:
        raise UsageError(f"{file} is damaged; {anew}")
    if (gone := next((name for name in found.files if not (folder / name).is_file()), None)) is not None:
        raise UsageError(f"{folder / gone} is missing; restore it, or {anew}")
    atomic.sweep(folder)
    return found


def _split(
    trained: Trained,
    loader: ProductLoader,
    split: str,
    state: dict[str, Any],
    found: EmbeddingFiles,
    folder: Path,
    tick: Callable[[str, int, int], None],
) -> EmbeddingFiles:
    """Write the parts of a split that are not there yet."""
    if state:
        loader.load_state_dict(state)
    number = sum(name.startswith(f"{split}-") for name in found.files)
    batches = iter(loader)
    while several := list(_embedded(trained, islice(batches, BATCHES), found.left_out)):
        name = f"{split}-{number:05d}.parquet"
        number += 1
        rows = _rows(Embeddings.join(several), found.model, trained.model.apart)
        _write(folder / name, rows)
        products = sum(int(one.present.any(1).sum()) for one in several)
        counts = {
            "files": {**found.files, name: products},
            "vectors": found.vectors + rows.num_rows,
            "size": several[0].fused.shape[1],
        }
        found = found.model_copy(update={**counts, "state": (split, loader.state_dict())})
        atomic.write_json(folder / MANIFEST, found.model_dump(mode="json"))
        tick(f"embedding {split}", min(number * BATCHES, len(loader)), len(loader))
    return found


def _embedded(trained: Trained, batches: Iterator[Batch], left_out: dict[str, list[str]]) -> Iterator[Embeddings]:
    for batch in batches:
        found = embed_batch(trained, batch)
        there = {found.ids[row] for row in np.flatnonzero(found.present.any(1))}
        for name, readable in zip(batch.ids, batch.valid.tolist(), strict=True):
            if name and name not in there:
                left_out[NOTHING_TO_READ if readable else UNREADABLE].append(name)
        yield found


def _rows(found: Embeddings, model: str, apart: bool) -> pa.Table:
    """Rows under the law of the table, product by product, modalities in their order, fused last.

    Args:
        apart: whether modalities have vectors of their own; else only the product has one.
    """
    there = np.column_stack([found.present & apart, found.present.any(1)])
    row, kind = np.nonzero(there)
    vectors = np.concatenate([found.z, found.fused[:, None]], axis=1)[row, kind]
    last = kind == len(MODALITIES)
    column = np.minimum(kind, len(MODALITIES) - 1)
    table = schema.conform(
        "embeddings",
        pa.table(
            {
                "product_id": pa.array(found.ids, pa.string()).take(pa.array(row)),
                "modality": pa.array(_NAMES).take(pa.array(kind)),
                "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]),
                "share": pa.array(found.share[row, column], mask=last),
                "mismatch": pa.array(1 - found.match[row, column], mask=last),
                "model": pa.repeat(pa.scalar(model), len(row)),
            }
        ),
    )
    fixed = pa.list_(pa.float32(), vectors.shape[1])
    field = pa.field("vector", fixed, nullable=False)
    place = table.schema.get_field_index("vector")
    return table.set_column(place, field, table["vector"].cast(fixed))


def _write(path: Path, rows: pa.Table) -> None:
    with atomic.whole_file(path) as temporary:
        dictionaries = ["product_id", "modality", "model"]
        pq.write_table(
            rows,
            temporary,
            compression="zstd",
            use_dictionary=dictionaries,
            write_statistics=["product_id", "modality"],
        )
