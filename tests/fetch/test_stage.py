"""Every listed location ends in a state and a reason; nothing outside the media root is touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from m5tools import schema
from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.local import look
from m5tools.fetch.stage import Fetch
from m5tools.vocabulary import Modality, Reason, State


@pytest.fixture
def root(tmp_path: Path) -> Path:
    media = tmp_path / "media"
    for name in ("p1", "p2", "p3"):
        (media / name).mkdir(parents=True)
        Image.new("RGB", (8, 8), (len(name), int(name[1]) * 40, 0)).save(media / name / "main.png")
    Image.new("RGB", (8, 8), (2, 40, 0)).save(media / "copy.png")
    (media / "empty.jpg").touch()
    (media / "page.jpg").write_text("<!doctype html><html><body>not found</body></html>")
    (tmp_path / "secret.png").write_bytes((media / "copy.png").read_bytes())
    (media / "link.png").symlink_to(tmp_path / "secret.png")
    return media


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("gone.jpg", Reason.MISSING_FILE), ("empty.jpg", Reason.EMPTY), ("page.jpg", Reason.WRONG_TYPE),
        ("p1", Reason.MISSING_FILE), ("../secret.png", Reason.OUTSIDE_MEDIA_ROOT), ("link.png", Reason.OUTSIDE_MEDIA_ROOT),
        ("p1/../../secret.png", Reason.OUTSIDE_MEDIA_ROOT), ("file:///etc/passwd", Reason.OUTSIDE_MEDIA_ROOT),
        ("/etc/passwd", Reason.OUTSIDE_MEDIA_ROOT), ("a\0b.jpg", Reason.MISSING_FILE), ("x" * 5_000, Reason.MISSING_FILE),
    ],
)  # fmt: skip
def test_what_cannot_be_had_has_a_reason(root: Path, location: str, reason: Reason) -> None:
    found = look(location, Modality.IMAGE, root)
    assert (found.state, found.reason, found.asset_id) == (State.FAILED, reason, None)


def test_urls_are_pending_and_other_kinds_are_refused(root: Path) -> None:
    assert look("https://a.com/x.jpg", Modality.IMAGE, root).state == State.PENDING
    assert look("p1/main.png", Modality.AUDIO, root).reason == Reason.WRONG_TYPE
    assert look("p1/main.png", Modality.IMAGE, None).reason == Reason.MISSING_FILE


def listed(location: str, product: int, position: int = 0) -> dict[str, object]:
    return {
        "product_id": f"{product:032x}", "crawl_id": "c1", "source": "shop", "position": position, "modality": "image",
        "location_raw": location, "location": location, "location_id": location.ljust(32, "-"),
    }  # fmt: skip


def test_files_are_named_by_their_bytes(make_dataset: Callable[..., Dataset], root: Path) -> None:
    places = ["p1/main.png", "p2/main.png", "p3/main.png", "copy.png", "gone.png", "https://a.com/x.png"]
    dataset = make_dataset({"media": [listed(place, i) for i, place in enumerate([*places, places[0]])]})
    with dataset.changing() as manifest:
        manifest["crawls"][0]["media_root"] = str(root)
    for size in (2, 100):
        counts = run_stage(dataset, Fetch(FetchConfig(locations_a_unit=size, download=False))).counts
        assert counts == {"assets": 3, "failed": 1, "items": 6, "pending": 1}
        fetched = dict(
            dataset.fetched.select(pl.col("location_id").str.strip_chars("-"), "asset_id").collect().iter_rows()
        )
        assert len({fetched[place] for place in places[:3]}) == 3, "files of one name in three folders are three files"
        assert fetched["copy.png"] == fetched["p1/main.png"]
        assert dataset.assets.collect()["mime"].unique().to_list() == ["image/png"]


def test_another_media_root_is_looked_into(make_dataset: Callable[..., Dataset], root: Path) -> None:
    dataset = make_dataset({"media": [listed("p1/main.png", 1)]})
    assert run_stage(dataset, Fetch(FetchConfig())).counts["failed"] == 1
    assert run_stage(dataset, Fetch(FetchConfig())).up_to_date
    with dataset.changing() as manifest:
        manifest["crawls"][0]["media_root"] = str(root)
    assert run_stage(dataset, Fetch(FetchConfig())).counts["failed"] == 0


def test_files_of_an_earlier_crawl_are_found_below_its_own_root(
    make_dataset: Callable[..., Dataset], root: Path, tmp_path: Path
) -> None:
    later = tmp_path / "later"
    (later / "p2").mkdir(parents=True)
    (later / "p2" / "main.png").write_bytes((root / "p3" / "main.png").read_bytes())
    dataset = make_dataset({"media": [listed(f"p{i}/main.png", i) for i in (1, 2)] + [listed("gone.png", 3)]})
    crawls = [("c1", str(root)), ("c2", str(later)), ("c3", None)]
    with dataset.changing() as manifest:
        manifest["crawls"] = [{"source": "shop", "crawl_id": crawl, "media_root": place} for crawl, place in crawls]
        manifest["stages"] |= {f"ingest/{crawl}": manifest["stages"]["ingest/c1"] for crawl, _ in crawls}
    dataset.write("products", "c1/part-00000", pl.DataFrame([product(i) for i in (1, 2, 3)]))
    dataset.write("products", "c1/part-00001", schema.empty("products"))
    assert run_stage(dataset, Fetch(FetchConfig())).counts == {"assets": 2, "failed": 1, "items": 3, "pending": 0}
    places = dataset.assets.collect()["uri"].to_list()
    assert set(places) == {str(root / "p1" / "main.png"), str(later / "p2" / "main.png")}


def product(number: int) -> dict[str, object]:
    return {
        "product_id": f"{number:032x}", "crawl_id": "c1", "source": "shop", "content_hash": "x", "origin_file": "a",
        "origin_offset": number,
    }  # fmt: skip


def test_a_wrong_listing_does_not_spoil_a_right_one(make_dataset: Callable[..., Dataset], root: Path) -> None:
    (root / "clip.mp4").write_bytes(b"\0\0\0\x18ftypisom" + b"\0" * 40)
    both = [listed("p1/main.png", 1), listed("clip.mp4", 2) | {"modality": "video"}]
    dataset = make_dataset({"media": [row | {"modality": kind} for row in both for kind in ("audio", row["modality"])]})
    with dataset.changing() as manifest:
        manifest["crawls"][0]["media_root"] = str(root)
    assert run_stage(dataset, Fetch(FetchConfig())).counts == {"assets": 2, "failed": 0, "items": 2, "pending": 0}
    assert set(dataset.assets.collect()["modality"]) == {"image", "video"}
