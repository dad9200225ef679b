"""The loaders that `loader_rate` compares, each as a function of a folder and a decoder, and the files they read."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

B, SIDE, WORKERS = 64, 224, 2


def fast(data: bytes) -> Any:
    """Our decoder: bytes → uint8 [3, 224, 224]."""
    from m5tools.loader.decode import Decoder

    square = np.empty((3, SIDE, SIDE), np.uint8)
    Decoder(SIDE, 1.0).picture(memoryview(data), square)
    return square


def pillow(data: bytes) -> Any:
    from PIL import Image

    small = Image.open(io.BytesIO(data)).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small).transpose(2, 0, 1)


DECODERS: dict[str, Callable[[bytes], Any]] = {"fast": fast, "pillow": pillow}


def m5(folder: Path, _: str) -> Iterator[Any]:
    from m5tools.loader.loader import Loader

    loader = Loader(
        folder / "shards", modalities=("image",), global_batch_size=B, image_size=SIDE, max_images=1, workers=WORKERS,
        threads=1,
    )  # fmt: skip
    return (batch.image.data for batch in loader)


class Decoded:
    """Sample of webdataset → picture (a class, so that it can be sent to a worker)."""

    def __init__(self, how: str) -> None:
        self.how = how

    def __call__(self, sample: dict[str, bytes]) -> Any:
        return DECODERS[self.how](sample["image_0.jpg"])


def stacked(pictures: list[Any]) -> Any:
    import torch

    return torch.from_numpy(np.stack(pictures))


def webdataset(folder: Path, how: str) -> Iterator[Any]:
    import torch
    import webdataset as wds

    tars = sorted(map(str, (folder / "shards").glob("*.tar")))
    samples = wds.WebDataset(tars, shardshuffle=False).map(Decoded(how)).batched(B, collation_fn=stacked, partial=False)
    return iter(torch.utils.data.DataLoader(samples, batch_size=None, num_workers=WORKERS))


def litdata(folder: Path, how: str) -> Iterator[Any]:
    import litdata as ld
    import torch

    class Pictures(ld.StreamingDataset):  # type: ignore[misc]
        def __getitem__(self, index: Any) -> Any:
            return torch.from_numpy(np.ascontiguousarray(DECODERS[how](super().__getitem__(index)["image"])))

    data = Pictures(str(folder / "litdata"), shuffle=True, drop_last=True)
    return iter(ld.StreamingDataLoader(data, batch_size=B, num_workers=WORKERS, drop_last=True))


def of_streaming() -> Any:
    """The package without its ready-made picture sets: those want torchvision, which PyPI has for another PyTorch."""
    sys.modules.setdefault("streaming.vision", ModuleType("streaming.vision"))
    import streaming

    return streaming


def streaming(folder: Path, how: str) -> Iterator[Any]:
    import torch

    streaming = of_streaming()

    class Pictures(streaming.StreamingDataset):  # type: ignore[misc]
        def __getitem__(self, index: Any) -> Any:
            return torch.from_numpy(np.ascontiguousarray(DECODERS[how](super().__getitem__(index)["image"])))

    data = Pictures(local=str(folder / "streaming"), shuffle=True, batch_size=B)
    return iter(torch.utils.data.DataLoader(data, batch_size=B, num_workers=WORKERS, drop_last=True))


class Rows:
    """Rows of a table → pictures (a class, so that it can be sent to a worker)."""

    def __init__(self, how: str) -> None:
        self.how = how

    def __call__(self, rows: dict[str, list[bytes]]) -> dict[str, list[Any]]:
        return {"image": [DECODERS[self.how](data) for data in rows["image"]]}


def pictures_of(rows: list[dict[str, Any]]) -> Any:
    return stacked([row["image"] for row in rows])


def hf(folder: Path, how: str) -> Iterator[Any]:
    import datasets
    import torch

    data = datasets.load_from_disk(str(folder / "hf")).with_transform(Rows(how))
    return iter(
        torch.utils.data.DataLoader(
            data, batch_size=B, shuffle=True, num_workers=WORKERS, drop_last=True, collate_fn=pictures_of
        )
    )


def ceiling(folder: Path, _: str) -> Iterator[Any]:
    import cv2
    import simplejpeg

    cv2.setNumThreads(1)
    data = members(folder)
    out = np.empty((B, 3, SIDE, SIDE), np.uint8)
    at = {"min_height": SIDE, "min_width": SIDE, "min_factor": 2}

    def decode(start: int, thread: int) -> None:
        for i in range(thread, B, WORKERS):
            rgb = simplejpeg.decode_jpeg(data[start + i], "RGB", **at)
            cv2.split(cv2.resize(rgb, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), list(out[i]))

    for start in range(0, len(data) - B + 1, B):
        threads = [threading.Thread(target=decode, args=(start, k)) for k in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        yield out


def members(folder: Path) -> list[bytes]:
    """All pictures, read at the places that the index names."""
    import pyarrow.parquet as pq

    found = []
    for tar in sorted((folder / "shards").glob("*.tar")):
        body = tar.read_bytes()
        for sample in pq.read_table(folder / "shards" / "index" / f"{tar.stem}.parquet")["members"].to_pylist():
            found += [body[m["offset"] : m["offset"] + m["length"]] for m in sample if m["modality"] == "image"]
    return found


def sample_of(pair: tuple[int, bytes]) -> dict[str, Any]:
    return {"json": json.dumps({"title": f"Picture {pair[0]}"}).encode(), "image": pair[1]}


def prepare(folder: Path, samples: int) -> int:
    """The shards, and the other sides' files of the same bytes; returns how many bytes."""
    import datasets
    import litdata as ld

    from benchmarks import loader_shards

    data = loader_shards.write(folder / "shards", samples)
    assert members(folder) == data
    ld.optimize(
        sample_of, list(enumerate(data)), str(folder / "litdata"), chunk_bytes="16MB", num_workers=1, verbose=False
    )
    rows = [sample_of(pair) for pair in enumerate(data)]
    with of_streaming().MDSWriter(out=str(folder / "streaming"), columns={"json": "bytes", "image": "bytes"}) as writer:
        for row in rows:
            writer.write(row)
    datasets.disable_progress_bars()
    datasets.Dataset.from_list(rows).save_to_disk(str(folder / "hf"))
    return sum(map(len, data))


BATCHES: dict[str, Callable[[Path, str], Iterator[Any]]] = {
    "ceiling": ceiling, "m5": m5, "webdataset": webdataset, "litdata": litdata, "streaming": streaming, "hf": hf,
}  # fmt: skip
