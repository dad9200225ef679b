"""The measuring stage on real files and rows: states and reasons, the guard, sound tracks, determinism."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.journal import Journal
from m5tools.measure.assets import Depth, measure
from m5tools.measure.stage import Measure, MeasureConfig
from m5tools.media import image
from m5tools.stage import Work
from m5tools.vocabulary import Modality, Reason, State

from ..media.files import encoded, sound_file, tone, video_file
from .test_image import photo

PLAIN = MeasureConfig(languages=False)
PRESENT, FAILED, ABSENT = int(State.PRESENT), int(State.FAILED), int(State.ABSENT)


def asset(folder: Path, name: str, modality: str, data: bytes, offset: int = 0) -> dict[str, Any]:
    """A file on disk, `offset` bytes of something else before it, and its row of `assets`; the id is its name."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x00" * offset + data)
    return {
        "asset_id": name,
        "modality": modality,
        "mime": "x",
        "uri": str(path),
        "offset": offset,
        "length": len(data),
    }


@pytest.fixture
def assets(tmp_path: Path) -> list[dict[str, Any]]:
    files = tmp_path / "files"
    frames = [photo(96, 64, seed) for seed in range(20)]
    whole = encoded(photo(), "JPEG")
    gone = asset(files, "image-gone", "image", whole)
    Path(gone["uri"]).unlink()
    return [
        asset(files, "image-good", "image", whole),
        asset(files, "image-packed", "image", whole, offset=512),
        asset(files, "image-blank", "image", encoded(np.full((300, 300, 3), 255, np.uint8), "PNG")),
        asset(files, "image-cut", "image", whole[: len(whole) // 2]),
        asset(files, "image-page", "image", b"<html><body>not found</body></html>"),
        asset(files, "image-empty", "image", b""),
        gone,
        asset(files, "sound-good", "audio", sound_file(tone())),
        asset(files, "sound-of-silence", "audio", sound_file(np.zeros(32_000, np.float32))),
        asset(files, "sound-picture", "audio", whole),
        asset(files, "sound-video", "audio", video_file(frames)),
        asset(files, "video-loud", "video", video_file(frames, sound=tone())),
        asset(files, "video-mute", "video", video_file(frames)),
        asset(files, "video-cut", "video", video_file(frames)[:2000]),
    ]


@pytest.fixture
def tables(assets: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    def product(number: int, **fields: Any) -> dict[str, Any]:
        return {"product_id": f"{number * 9973 % 65536:04x}{number:028x}", "crawl_id": "c1", "source": "shop",
                "content_hash": "0" * 32, "origin_file": "f", "origin_offset": 0, "category": [], **fields}  # fmt: skip

    products = [
        product(1, title="Korvano kettle red", brand="Korvano", description="Fine."),
        product(2, title="Veltek mug", brand="Veltek"),
        product(3, title="Veltek mug blue", brand="Korvano"),
        product(4),
        product(5, title="Veltek mug white", brand="Veltek"),
    ]
    attributes = [{"product_id": products[0]["product_id"], "crawl_id": "c1", "position": 0, "is_option": False,
                   "name_raw": "Color", "value_raw": "Red", "name": "color", "value": "Red"}]  # fmt: skip
    return {
        "products": products,
        "attributes": attributes,
        "assets": assets,
        "corpus_phrases": [],
        "corpus_attributes": [],
        "corpus_names": [],
        "corpus_categories": [],
        "corpus_values": [],
        "corpus_brands": [{"brand": "korvano", "products": 2}, {"brand": "veltek", "products": 2}],
    }


def states(dataset: Dataset, table: str) -> dict[str, tuple[int, str]]:
    rows = dataset.read(table, columns=["asset_id", "state", "reason"]).iter_rows()
    return {asset_id: (state, Reason(reason).word) for asset_id, state, reason in rows}


def test_every_file_ends_in_a_state_and_a_reason(make_dataset: Callable[..., Dataset], tables: Any) -> None:
    dataset = make_dataset(tables)
    counts = run_stage(dataset, Measure(PLAIN)).counts
    assert counts == {"items": 14, "failed": 7, "images": 7, "sounds": 4, "videos": 3, "products": 5}
    assert states(dataset, "signals_image") == {
        "image-good": (PRESENT, "none"),
        "image-packed": (PRESENT, "none"),
        "image-blank": (PRESENT, "none"),
        "image-cut": (FAILED, "truncated"),
        "image-page": (FAILED, "wrong_type"),
        "image-empty": (FAILED, "empty"),
        "image-gone": (FAILED, "missing_file"),
    }
    assert states(dataset, "signals_video") == {
        "video-loud": (PRESENT, "none"),
        "video-mute": (PRESENT, "none"),
        "video-cut": (FAILED, "truncated"),
    }
    assert states(dataset, "signals_audio") == {
        "sound-good": (PRESENT, "none"),
        "sound-of-silence": (PRESENT, "none"),
        "sound-picture": (FAILED, "wrong_type"),
        "sound-video": (FAILED, "wrong_type"),
        "video-loud": (PRESENT, "none"),
        "video-mute": (ABSENT, "not_listed"),
        "video-cut": (FAILED, "truncated"),
    }


def test_signals_of_failed_files_are_null_and_have_no_preview(
    make_dataset: Callable[..., Dataset], tables: Any
) -> None:
    dataset = make_dataset(tables)
    run_stage(dataset, Measure(PLAIN))
    failed = dataset.read("signals_image").filter(pl.col("state") == FAILED)
    assert failed.drop("asset_id", "state", "reason").null_count().row(0) == (failed.height,) * (failed.width - 3)
    for modality in ("image", "video", "audio"):
        present = dataset.read(f"signals_{modality}").filter(pl.col("state") == PRESENT)["asset_id"]
        assert sorted(dataset.read(f"previews_{modality}")["asset_id"]) == sorted(present)


def test_a_sound_track_names_its_video(make_dataset: Callable[..., Dataset], tables: Any) -> None:
    dataset = make_dataset(tables)
    run_stage(dataset, Measure(PLAIN))
    origin = dict(dataset.read("signals_audio", columns=["asset_id", "derived_from"]).iter_rows())
    assert origin["sound-good"] is None
    assert {origin[v] for v in ("video-loud", "video-mute", "video-cut")} == {"video-loud", "video-mute", "video-cut"}


def test_the_same_bytes_in_a_pack_and_loose_measure_the_same(make_dataset: Callable[..., Dataset], tables: Any) -> None:
    dataset = make_dataset(tables)
    run_stage(dataset, Measure(PLAIN))
    rows = {r.pop("asset_id"): r for r in dataset.read("signals_image").to_dicts()}
    assert rows["image-good"] == rows["image-packed"]
    preview = dataset.read("previews_image").filter(pl.col("asset_id") == "image-good")["preview"].item()
    assert 128 < max(image.decode(preview).rgb.shape) <= 256


def test_products_have_a_row_in_every_table(make_dataset: Callable[..., Dataset], tables: Any) -> None:
    dataset = make_dataset(tables)
    run_stage(dataset, Measure(PLAIN))
    ids = sorted(p["product_id"] for p in tables["products"])
    for table in ("signals_text", "signals_table", "signals_pair"):
        assert sorted(dataset.read(table)["product_id"]) == ids
        assert len(dataset.parts(table)) == 2
    mismatched = dataset.read("signals_pair").filter("foreign_brand_in_title")["product_id"].to_list()
    assert mismatched == [tables["products"][2]["product_id"]]


def test_units_and_workers_change_no_value(make_dataset: Callable[..., Dataset], tables: Any) -> None:
    one, other = make_dataset(tables), make_dataset(tables, name="other")
    run_stage(one, Measure(PLAIN))
    small = MeasureConfig(languages=False, images_per_unit=2, sounds_per_unit=3, videos_per_unit=2)
    run_stage(other, Measure(small), workers=2)
    assert len(other.parts("signals_image")) == 4
    for table in Measure.writes:
        key = "asset_id" if "asset_id" in one.scan(table).collect_schema() else "product_id"
        assert one.read(table).sort(key).equals(other.read(table).sort(key)), table
    again = make_dataset(tables, name="again")
    run_stage(again, Measure(PLAIN))
    assert digests(again) == digests(one)


def test_a_file_that_stopped_a_worker_is_recorded_and_not_opened(
    make_dataset: Callable[..., Dataset], tables: Any, tmp_path: Path
) -> None:
    dataset = make_dataset(tables)
    blamed: Mapping[str, Reason] = {
        "image-good": Reason.DECODER_CRASH,
        "video-loud": Reason.TIMEOUT,
        "sound-good": Reason.MEMORY_LIMIT,
    }
    for modality in (Modality.IMAGE, Modality.VIDEO, Modality.AUDIO):
        listed = dataset.read("assets").filter(pl.col("modality") == modality.value).sort("asset_id")
        work = Work(dataset, tmp_path / "scratch", blamed)
        measure(modality, listed, f"{modality}-00000", Depth(64, 60.0), work)
    assert states(dataset, "signals_image")["image-good"] == (FAILED, "decoder_crash")
    assert states(dataset, "signals_image")["image-packed"] == (PRESENT, "none")
    assert states(dataset, "signals_video")["video-loud"] == (FAILED, "timeout")
    audio = states(dataset, "signals_audio")
    assert audio["video-loud"] == (FAILED, "timeout")
    assert audio["sound-good"] == (FAILED, "memory_limit")


def test_the_journal_names_the_file_being_decoded_and_then_looked_at(
    make_dataset: Callable[..., Dataset], tables: Any, tmp_path: Path
) -> None:
    """What the supervisor will find when a decoder takes the worker down."""
    dataset, journal = make_dataset(tables), tmp_path / "journal"
    seen: list[str] = []

    class Watched(Work):
        def item(self, name: str) -> Any:
            seen.append(name)
            return super().item(name)

    work = Watched(dataset, tmp_path / "scratch", journal=journal)
    listed = dataset.read("assets").filter(pl.col("modality") == "image").sort("asset_id")
    measure(Modality.IMAGE, listed, "image-00000", Depth(64, 60.0), work)
    decoded = [asset_id for asset_id in listed["asset_id"] if asset_id != "image-gone"]
    assert seen == [*decoded, "image-blank", "image-good", "image-packed"]
    assert Journal.read(journal) == ""


def digests(dataset: Dataset) -> dict[str, str]:
    return {
        part.relative_to(dataset.root).as_posix(): hashlib.sha256(part.read_bytes()).hexdigest()
        for table in Measure.writes
        for part in dataset.parts(table)
    }
