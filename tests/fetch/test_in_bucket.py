"""A media root in a store gives what a folder of the same files gives; nothing outside of it is asked for."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from m5tools import objects, store
from m5tools.bucket import Bucket
from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.errors import StageFailed, UsageError
from m5tools.fetch import in_bucket
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.local import look, look_as_any
from m5tools.fetch.stage import Fetch
from m5tools.media import guard, source
from m5tools.media.guard import DecodeError
from m5tools.vocabulary import Modality, Reason, State

from ..moto_server import Served, moto_server
from .test_stage import listed

ODD_NAMES = ("a%2e%2e b?x#y.png", "%2e%2e/secret.png", "ü.png", "a+b&c=d.png", "back\\slash.png", "x.png")
BesideEachOther = tuple[Path, str]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Served]:
    monkeypatch.setattr(store, "FIRST_WAIT_S", 0.001)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "here"))
    with moto_server(monkeypatch) as served:
        yield served


@pytest.fixture
def roots(tmp_path: Path, s3: Served) -> BesideEachOther:
    """The same files below a folder and below a prefix, with one beside each that must not be seen."""
    above = tmp_path / "disk"
    media = above / "deep" / "crawl"
    for number, name in enumerate(("p1/main.png", "p2/main.png", *ODD_NAMES)):
        (media / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 40, 0)).save(media / name)
    (media / "copy.png").write_bytes((media / "p1" / "main.png").read_bytes())
    (media / "empty.jpg").touch()
    (media / "page.jpg").write_text("<!doctype html><html><body>not found</body></html>")
    (media / "clip.mp4").write_bytes(b"\0\0\0\x18ftypisom" + random.Random(1).randbytes(5_000))
    for outside in ("secret.png", "deep/secret.png", "deep/crawl-2/secret.png"):
        (above / outside).parent.mkdir(exist_ok=True)
        (above / outside).write_bytes((media / "copy.png").read_bytes())
    fs = s3.fs()
    for file in above.rglob("*"):
        if file.is_file():
            fs.pipe_file(f"{s3.bucket}/{file.relative_to(above)}", file.read_bytes())
    return media, f"s3://{s3.bucket}/deep/crawl"


def with_root(dataset: Dataset, *roots: str | Path | None) -> Dataset:
    """A dataset of as many crawls, the first of which was the first."""
    with dataset.changing() as manifest:
        manifest["crawls"] = [
            {"source": "shop", "crawl_id": f"c{number}", "media_root": None if root is None else str(root)}
            for number, root in enumerate(roots, start=1)
        ]
        first = manifest["stages"]["ingest/c1"]
        manifest["stages"] |= {f"ingest/c{number}": first for number in range(2, len(roots) + 1)}
    return dataset


LOCATIONS = [
    "p1/main.png", "p2/main.png", "copy.png", *ODD_NAMES, "empty.jpg", "page.jpg", "gone.jpg", "p1", "p1/", "", ".",
    "./p1//main.png", "p1/../p2/main.png", "gone/../x.png", "p1/main.png/", "../crawl/x.png", "../../deep/crawl/x.png",
    "../secret.png", "../../secret.png", "p1/../../secret.png", "../crawl-2/secret.png", "..", "../..", "/etc/passwd",
    "/deep/crawl/x.png", "file:///etc/passwd", "FILE:x.png", "a\0b.jpg", "x" * 5_000, "x.png?versionId=1",
    "https://a.com/x.png", "s3://other/x.png", "%2e%2e/%2e%2e/secret.png", "P1/MAIN.PNG", "x.png\n", " x.png",
]  # fmt: skip


def test_every_location_ends_as_in_a_folder(roots: BesideEachOther, s3: Served) -> None:
    folder, uri = roots
    bucket, reasons = Bucket(uri), set()
    for location in LOCATIONS:
        before = len(s3.asked)
        here, there = (look(location, Modality.IMAGE, root) for root in (folder, bucket))
        assert replace(there, uri=None) == replace(here, uri=None), location
        assert (there.uri or uri).removeprefix(uri) == (here.uri or str(folder)).removeprefix(str(folder)), location
        for method, path in s3.asked[before:]:
            below = path.startswith(f"/{s3.bucket}/deep/crawl/")
            assert below or (method, path) == ("GET", f"/{s3.bucket}"), f"{location}: {method} {path}"
        if there.reason in (Reason.OUTSIDE_MEDIA_ROOT, Reason.NOT_FETCHED):
            assert s3.asked[before:] == [], location
        reasons.add(there.reason)
    assert {Reason.NONE, Reason.EMPTY, Reason.WRONG_TYPE, Reason.MISSING_FILE, Reason.OUTSIDE_MEDIA_ROOT} <= reasons


@pytest.mark.parametrize(
    ("location", "key"),
    [("a/b", "a/b"), ("a/../b", "b"), ("../crawl/b", "b"), ("..%2fb", "..%2fb"), ("", ""), ("a/..", ""),
     ("../b", None), ("../crawl-2/b", None), ("a/../../b", None), ("/b", None), ("../../../deep/crawl/b", None)],
)  # fmt: skip
def test_paths_are_followed_by_what_they_say(location: str, key: str | None) -> None:
    assert in_bucket.key_of(location, "s3://bucket/deep/crawl") == key
    assert in_bucket.key_of("../other-bucket/b", "s3://bucket") is None


def test_many_ranges_give_the_name_of_the_bytes(
    roots: BesideEachOther, s3: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, uri = roots
    monkeypatch.setattr(objects, "ONE_READ", 4_096)
    here, there = look("clip.mp4", Modality.VIDEO, folder), look("clip.mp4", Modality.VIDEO, Bucket(uri))
    assert (there.asset_id, there.length) == (here.asset_id, here.length)
    assert s3.asked.count(("GET", f"/{s3.bucket}/deep/crawl/clip.mp4")) == 2
    bucket = Bucket(uri)
    with objects.opened(bucket, "clip.mp4", 6_000) as file, pytest.raises(StageFailed, match="became shorter"):
        file.read()


def test_a_file_that_is_too_large_is_not_read(
    roots: BesideEachOther, s3: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "LIMITS", guard.Limits(bytes=5_000))
    for root in (roots[0], Bucket(roots[1])):
        assert look("clip.mp4", Modality.VIDEO, root).reason == Reason.TOO_LARGE
    assert [path for method, path in s3.asked if method == "GET" and path.endswith("clip.mp4")] == []


def test_the_first_root_that_has_it_counts_in_folders_and_stores_alike(roots: BesideEachOther, tmp_path: Path) -> None:
    folder, uri = roots
    near = tmp_path / "near"
    near.mkdir()
    (near / "x.png").write_bytes((folder / "copy.png").read_bytes())
    both = [near, Bucket(uri)]
    assert look_as_any("x.png", [Modality.IMAGE], both)[1].uri == str(near / "x.png")
    assert look_as_any("ü.png", [Modality.IMAGE], both)[1].uri == f"{uri}/ü.png"
    assert look_as_any("x.png", [Modality.IMAGE], both[::-1])[1].uri == f"{uri}/x.png"
    kind, found = look_as_any("clip.mp4", [Modality.IMAGE, Modality.VIDEO], both)
    assert (kind, found.state) == (Modality.VIDEO, State.PRESENT)


def places(names: list[str]) -> list[dict[str, object]]:
    return [listed(name, number) for number, name in enumerate(names)]


NAMES = ["p1/main.png", "p2/main.png", "copy.png", *ODD_NAMES, "empty.jpg", "page.jpg", "gone.jpg", "../secret.png"]


@pytest.mark.parametrize("at", ["folder", pytest.param("store", marks=pytest.mark.slow)])
def test_a_dataset_finds_the_same_files_in_a_folder_and_in_a_bucket(
    make_dataset: Callable[..., Dataset], roots: BesideEachOther, s3: Served, tmp_path: Path, at: str
) -> None:
    folder, uri = roots
    tables = {}
    for number, root in enumerate((folder, f"{uri}/")):
        dataset = with_root(make_dataset({"media": places(NAMES)}), root)
        if at == "store":
            kept = dataset.root.rename(tmp_path / f"whole-{number}")
            fs = s3.fs()
            for file in kept.rglob("*"):
                if file.is_file():
                    fs.pipe_file(f"{s3.bucket}/datasets/{number}/{file.relative_to(kept)}", file.read_bytes())
            dataset = Dataset(f"s3://{s3.bucket}/datasets/{number}")
        counts = run_stage(dataset, Fetch(FetchConfig(locations_a_unit=5))).counts
        assert counts == {"assets": 8, "failed": 4, "items": 13, "pending": 0}
        tables[root] = dataset.fetched.collect(), dataset.assets.collect()
        for asset in tables[root][1].iter_rows(named=True):
            data = source.read(dataset.root, asset["uri"], asset["offset"], asset["length"])
            assert data == (folder / Path(asset["uri"]).relative_to(Path(str(root)))).read_bytes()
        if at == "folder":
            dataset.root.rename(tmp_path / f"done-{number}")
    here, there = tables.values()
    assert here[0].equals(there[0])
    assert here[1].drop("uri").equals(there[1].drop("uri"))
    assert there[1]["uri"].str.starts_with(f"{uri}/").all()


def test_objects_are_asked_for_side_by_side(
    make_dataset: Callable[..., Dataset], roots: BesideEachOther, s3: Served
) -> None:
    together = threading.Barrier(8)

    def refuses(method: str, path: str) -> bool:
        if method == "HEAD" and together.n_waiting < 8 and not together.broken:
            together.wait(timeout=30)
        return False

    s3.refuses = refuses
    dataset = with_root(make_dataset({"media": places([f"gone-{n}.png" for n in range(8)])}), roots[1])
    assert run_stage(dataset, Fetch(FetchConfig())).counts["failed"] == 8
    assert not together.broken


def test_a_wrong_bucket_or_missing_keys_are_one_line(
    make_dataset: Callable[..., Dataset], roots: BesideEachOther, s3: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = with_root(make_dataset({"media": places(NAMES)}), "s3://no-such-bucket-here/crawl")
    with pytest.raises(StageFailed, match=r"^'fetch' failed: s3://no-such-bucket-here/crawl: there is no such bucket"):
        run_stage(dataset, Fetch(FetchConfig()))
    with_root(dataset, "gs://bucket/crawl")
    with pytest.raises(StageFailed, match=r"media_root gs://bucket/crawl: name a folder on this machine"):
        run_stage(dataset, Fetch(FetchConfig()))
    with_root(dataset, roots[1])
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    objects.folder_at.cache_clear()
    before = len(s3.asked)
    with pytest.raises(StageFailed, match=r"Unable to locate credentials; see the keys in AWS_"):
        run_stage(dataset, Fetch(FetchConfig()))
    assert len(s3.asked) == before
    objects.folder_at.cache_clear()


@pytest.mark.slow
def test_a_store_that_does_not_answer_stops_the_stage_and_nothing_is_taken_for_missing(
    make_dataset: Callable[..., Dataset], roots: BesideEachOther, s3: Served, tmp_path: Path
) -> None:
    uri = roots[1]
    dataset = with_root(make_dataset({"media": places(NAMES)}), uri)
    s3.refuses = lambda method, path: path.endswith("/p2/main.png")
    with pytest.raises(
        StageFailed, match=rf"^'fetch' failed: {uri}/p2/main.png: .* tries failed.*run the same command"
    ):
        run_stage(dataset, Fetch(FetchConfig(locations_a_unit=5)))
    assert "fetch" not in dataset.manifest()["stages"]
    s3.refuses = lambda method, path: False
    assert run_stage(dataset, Fetch(FetchConfig(locations_a_unit=5))).counts["failed"] == 4
    asset = dataset.assets.filter(pl.col("uri").str.ends_with("/p2/main.png")).collect().row(0, named=True)
    s3.refuses = lambda method, path: method == "GET"
    with pytest.raises(StageFailed, match="tries failed"):
        source.read(dataset.root, asset["uri"], 0, asset["length"])
    s3.refuses = lambda method, path: False
    s3.remove("deep/crawl/p2/main.png")
    with pytest.raises(DecodeError) as gone:
        source.read(dataset.root, asset["uri"], 0, asset["length"])
    assert gone.value.reason is Reason.MISSING_FILE
    with pytest.raises(UsageError, match="no such bucket"):
        source.read(dataset.root, "s3://no-such-bucket-here/x.png", 0, 1)
