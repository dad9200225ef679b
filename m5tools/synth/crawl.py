"""Runs the simulator: blocks in order, on one or many processes, into the same bytes."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final

import polars as pl
import pyarrow.parquet as pq

from m5tools.errors import StageFailed, UsageError
from m5tools.synth.block import TRUTH_SCHEMA, block
from m5tools.synth.config import SynthConfig
from m5tools.synth.media import Written, write_media
from m5tools.synth.tables import Tables
from m5tools.synth.world import World

FORMAT: Final = "m5tools.synth/1"
_BLOCK_TEXT: Final = 16_384  # products of a block when only text is made
_BLOCK_MEDIA: Final = 128
_MARKER = "synth.json"
_SEPARATOR: Final = {"json_lines": "\n", "m5product": ",\n"}
_SCRATCH = ".blocks"  # finished blocks that wait for their turn


@dataclass(frozen=True)
class SynthReport:
    """Counts of a finished crawl: `rows` = `products` + the sum of `rejects` (by reason).

    `tags` counts products that deserve a tag; `media_files` and `media_bytes` what was written under `crawl/media`.
    """

    rows: int
    products: int
    rejects: dict[str, int]
    tags: dict[str, int]
    media_files: int
    media_bytes: int


@dataclass(frozen=True)
class _Work:
    config: SynthConfig
    start: int
    stop: int
    file: str
    out: Path


@dataclass(frozen=True)
class _Done:
    """A finished block. Its text and truth wait in files: through the pool's pipe they would be copied by the process
    that has to keep up with all the others, and a worker killed within a message longer than a page leaves a half one
    that is waited for without end."""

    text: Path
    truth: Path
    written: Written
    products: int


def synthesize(
    out: Path, config: SynthConfig, *, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> SynthReport:
    """Write a simulated crawl with its truth.

    Writes `crawl/part-*.jsonl` (or `crawl/products.json`), `crawl/media/`, `truth.parquet` and `synth.json`. The bytes
    depend on `config` alone.

    Args:
        out: a folder that is new, empty, or holds an earlier simulated crawl, which is replaced.
        workers: processes to use.
        progress: called with (products done, products in all) after each block.

    Raises:
        UsageError: `out` holds something else, or `workers` is below 1.
        StageFailed: a worker was killed.
    """
    if workers < 1:
        raise UsageError(f"workers is {workers}; at least 1 is needed")
    out = Path(out)
    _make_room(out)
    root = out / "crawl"
    for folder in (root, out / _SCRATCH):
        folder.mkdir(parents=True)
    _describe(out, config, None)
    work = _plan(config, out)
    rows, products, written = 0, 0, Written()
    rejects: Counter[str] = Counter()
    tags: Counter[str] = Counter()
    with ExitStack() as stack:
        schema = pl.DataFrame(schema=TRUTH_SCHEMA).to_arrow().schema
        truth = stack.enter_context(pq.ParquetWriter(out / "truth.parquet", schema, compression="zstd"))
        delivery = stack.enter_context(_Delivery(root, config.layout))
        for piece, done in zip(work, _each(work, workers), strict=True):
            delivery.add(piece.file, done.text)
            told = pl.read_ipc(done.truth.read_bytes())
            done.truth.unlink()
            truth.write_table(told.with_columns(pl.col("row") + rows).to_arrow().cast(schema))
            rows += told.height
            products += done.products
            written += done.written
            rejects.update(told["reject_reason"].drop_nulls().to_list())
            tags.update(told.filter(outcome="product")["tags"].explode().drop_nulls().to_list())
            if progress is not None:
                progress(products, config.products)
    (out / _SCRATCH).rmdir()
    assert rows == products + rejects.total(), "every row is a product or a reject"
    report = SynthReport(
        rows=rows, products=products, rejects=dict(sorted(rejects.items())), tags=dict(sorted(tags.items())),
        media_files=written.files, media_bytes=written.bytes,
    )  # fmt: skip
    _describe(out, config, report)
    return report


def _make_room(out: Path) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError(f"{out} is a file; name a folder for the simulated crawl")
    if not any(out.iterdir()):
        return
    marker = out / _MARKER
    try:
        ours = json.loads(marker.read_text(encoding="utf-8"))["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError):
        ours = False
    if not ours:
        raise UsageError(f"{out} is not empty and was not made by the simulator; name another folder")
    for folder in ("crawl", _SCRATCH):
        shutil.rmtree(out / folder, ignore_errors=True)
    (out / "truth.parquet").unlink(missing_ok=True)


def _describe(out: Path, config: SynthConfig, report: SynthReport | None) -> None:
    """`counts` is null while the crawl is being written."""
    content = {
        "format": FORMAT,
        "seed": config.seed,
        "config": config.model_dump(mode="json"),
        "counts": None if report is None else asdict(report),
    }
    (out / _MARKER).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _plan(config: SynthConfig, out: Path) -> list[_Work]:
    """The blocks, a function of the configuration alone. Every file gets whole blocks, and at least one if possible."""
    files = config.files if config.layout == "json_lines" else 1
    size = min(_BLOCK_MEDIA if config.media else _BLOCK_TEXT, -(-config.products // files))
    starts = range(0, config.products, size)
    names = [f"part-{n * files // len(starts):03d}.jsonl" for n in range(len(starts))]
    if config.layout == "m5product":
        names = ["products.json"] * len(starts)
    return [
        _Work(config, start, min(start + size, config.products), name, out)
        for start, name in zip(starts, names, strict=True)
    ]


@lru_cache(maxsize=1)
def _world(config: SynthConfig) -> tuple[World, Tables]:
    world = World(config)
    return world, Tables(world)


def _make(work: _Work) -> _Done:
    world, tables = _world(work.config)
    made = block(world, tables, work.start, work.stop, work.file)
    written = write_media(world, made, work.out / "crawl") if work.config.media else Written()
    text = work.out / _SCRATCH / str(work.start)
    text.write_bytes(made.text.str.join(_SEPARATOR[work.config.layout]).cast(pl.Binary).item())
    truth = text.with_suffix(".truth")
    made.truth.write_ipc(truth)
    return _Done(text, truth, written, work.stop - work.start)


def _each(work: list[_Work], workers: int) -> Iterator[_Done]:
    """The finished blocks in order; few are in flight at a time, so memory does not grow with the crawl."""
    if workers == 1 or len(work) == 1:
        yield from map(_make, work)
        return
    spawn = multiprocessing.get_context("spawn")
    waiting: deque[Future[_Done]] = deque()
    try:
        with ProcessPoolExecutor(min(workers, len(work)), spawn) as pool:
            for piece in work:
                waiting.append(pool.submit(_make, piece))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise StageFailed("a worker was killed (out of memory?); run the same command with fewer --workers") from error


class _Delivery:
    """The files of the crawl: JSON lines, or one JSON object whose members arrive in pieces."""

    def __init__(self, root: Path, layout: str) -> None:
        self._root, self._whole = root, layout == "m5product"
        self._name = ""
        self._open: BinaryIO | None = None

    def __enter__(self) -> _Delivery:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def add(self, name: str, text: Path) -> None:
        """Append a block to a file of the crawl; the block's own file goes."""
        if name != self._name or self._open is None:
            self._close()
            self._name, self._open = name, (self._root / name).open("wb")
            if self._whole:
                self._open.write(b"{\n")
        elif self._whole:
            self._open.write(b",\n")
        with text.open("rb") as block_text:
            shutil.copyfileobj(block_text, self._open, 1 << 20)
        text.unlink()
        if not self._whole:
            self._open.write(b"\n")

    def _close(self) -> None:
        if self._open is not None:
            if self._whole:
                self._open.write(b"\n}\n")
            self._open.close()
            self._open = None
