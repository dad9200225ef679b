"""Workers that die of a file: killed from outside, by a fault in the decoder, at the memory limit, by hanging."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.measure import assets
from m5tools.measure.kept import Kept
from m5tools.measure.stage import Measure, MeasureConfig
from m5tools.media import image
from m5tools.media.guard import DecodeError, bounded, guarded
from m5tools.stage import Counts, Unit, Work
from m5tools.vocabulary import Modality, Reason

from ..media.files import encoded, photo
from .test_stage import asset, states

CORPUS = ("products", "attributes", "corpus_phrases", "corpus_attributes", "corpus_names", "corpus_categories",
          "corpus_values", "corpus_brands")  # fmt: skip
FILES = 40


def _crash() -> None:
    ctypes.string_at(0)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang() -> None:
    time.sleep(3600)


def _devour() -> None:
    held = np.empty(2**31, np.uint8)
    raise AssertionError(len(held))


ENDS: dict[str, tuple[Callable[[], None], Reason]] = {
    "segfault": (_crash, Reason.DECODER_CRASH),
    "killed": (_kill, Reason.DECODER_CRASH),
    "hang": (_hang, Reason.TIMEOUT),
    "devours": (_devour, Reason.MEMORY_LIMIT),
}


@dataclass(frozen=True)
class Mined(Measure):
    """Measures with a decoder that meets its end at certain files, and notes which files it was given."""

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        decode = image.decode

        def mined(data: bytes, *further: Any) -> image.Picture:
            marker = data.rsplit(b"|", 1)[-1].decode(errors="replace")
            with (work.dataset.root.parent / "seen").open("a") as seen:
                seen.write(f"{marker}\n")
            with guarded(data):
                if marker in ENDS:
                    ENDS[marker][0]()
            return decode(data, *further)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(assets.image, "decode", mined)
            return super().process(round_name, unit, work)


def test_a_worker_that_dies_costs_the_one_file(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    whole = encoded(photo(64, 48), "JPEG")
    rows, mines = [], {5: "segfault", 17: "killed", 18: "devours", 39: "hang"}
    for number in range(FILES):
        data = whole + b"|" + mines.get(number, f"good-{number:02}").encode()
        rows.append(asset(tmp_path / "files", f"image-{number:02}", "image", data))
    dataset = make_dataset({"assets": rows} | {table: [] for table in CORPUS})
    with Pool(1, item_limit_s=3.0) as pool:
        counts = LocalEngine(pool, Silent()).run(dataset, Mined(MeasureConfig(languages=False))).counts
    assert (counts["items"], counts["failed"]) == (FILES, len(mines))
    ends = states(dataset, "signals_image")
    for number in range(FILES):
        wanted = ENDS[mines[number]][1].word if number in mines else "none"
        assert ends[f"image-{number:02}"][1] == wanted
    seen = (tmp_path / "seen").read_text().split()
    assert seen.count("segfault") == seen.count("killed") == seen.count("hang") == 2
    # A batch of 32 that was not yet kept is done again: at most twice for each death in it.
    assert max(seen.count(f"good-{n:02}") for n in range(FILES) if n not in mines) <= 5


def test_memory_beyond_the_limit_is_refused() -> None:
    with bounded(2**28), pytest.raises(DecodeError, match="memory_limit"), guarded(b""):
        np.ones(2**29, np.uint8)
    assert np.ones(2**29, np.uint8)[-1] == 1


def test_an_entry_that_was_cut_off_is_dropped(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "folder" / "slice")
    first = [("signals_image", {"asset_id": "a", "state": 0, "share": 0.1, "pdq": b"\x00\xff", "none": None})]
    kept.add(["a"], first)
    kept.add(["b"], first)
    path = tmp_path / "folder" / "slice"
    path.write_bytes(path.read_bytes()[:-3])
    assert list(kept.entries()) == [(["a"], first)]
    kept.add(["c"], [])
    assert [ids for ids, _ in kept.entries()] == [["a"], ["c"]]
    kept.forget()
    assert list(kept.entries()) == []


def test_a_slice_goes_on_where_it_fell(
    make_dataset: Callable[..., Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [asset(tmp_path / "files", f"image-{n:02}", "image", encoded(photo(64, 48, n))) for n in range(FILES)]
    dataset, listed = make_dataset({}), pl.DataFrame(rows).sort("asset_id")
    depth, given = assets.Depth(8, 5.0), []
    decode = image.decode

    def failing(data: bytes, *further: Any) -> image.Picture:
        given.append(data)
        if len(given) == 35:
            raise KeyboardInterrupt
        return decode(data, *further)

    monkeypatch.setattr(assets.image, "decode", failing)
    with pytest.raises(KeyboardInterrupt):
        assets.measure(Modality.IMAGE, listed, "part", depth, Work(dataset, tmp_path / "scratch"))
    assets.measure(Modality.IMAGE, listed, "part", depth, Work(dataset, tmp_path / "scratch"))
    assert len(given) == 35 + FILES - 32
    found = dataset.read("signals_image")
    other = make_dataset({}, name="other")
    assets.measure(Modality.IMAGE, listed, "part", depth, Work(other, tmp_path / "scratch"))
    assert found.equals(other.read("signals_image"))
    assert not list((tmp_path / "scratch").rglob("*.msgpack"))
