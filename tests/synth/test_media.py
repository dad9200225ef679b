"""Every written file decodes, or fails to, as the truth says; and shows what its tags say."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import polars as pl
import pytest
import soundfile
from PIL import Image

from m5tools.synth import SynthConfig, synthesize
from m5tools.vocabulary import Reason, State

FAULT = dict.fromkeys(("missing_file", "empty", "undecodable", "wrong_type"), 0.06)
CONFIG = SynthConfig.model_validate(
    {
        "products": 160,
        "files": 1,
        "seed": 5,
        "own_audio": 0.4,
        "faults": {"image": {**FAULT, "truncated": 0.06, "partial": 0.2}, "video": FAULT, "audio": FAULT},
        "tags": dict.fromkeys(
            ("image_blank", "image_placeholder", "image_tiny", "video_static", "video_black", "audio_silent",
             "audio_clipped"), 0.1),
    }
)  # fmt: skip


class Unreadable(Exception):
    """Carries the reason."""


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synth")
    synthesize(out, CONFIG)
    return out


@pytest.fixture(scope="module")
def products(crawl: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    lines = (crawl / "crawl" / "part-000.jsonl").read_text("utf-8").splitlines()
    truth = pl.read_parquet(crawl / "truth.parquet").filter(outcome="product")
    return [(json.loads(lines[row["row"]]), row) for row in truth.iter_rows(named=True)]


def content(crawl: Path, path: str) -> bytes:
    file = crawl / "crawl" / path
    if not file.exists():
        raise Unreadable(Reason.MISSING_FILE)
    found = file.read_bytes()
    if not found:
        raise Unreadable(Reason.EMPTY)
    if found.startswith(b"<!DOCTYPE html"):
        raise Unreadable(Reason.WRONG_TYPE)
    return found


def picture(data: bytes) -> np.ndarray:
    try:
        image = Image.open(io.BytesIO(data))
    except OSError as error:
        raise Unreadable(Reason.UNDECODABLE) from error
    try:
        return np.asarray(image.convert("RGB"), np.int16)
    except OSError as error:
        raise Unreadable(Reason.TRUNCATED) from error


def clip(data: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        with av.open(io.BytesIO(data)) as container:
            frames = np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)]).astype(np.int16)
        with av.open(io.BytesIO(data)) as container:
            if not container.streams.audio:
                return frames, None
            return frames, np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    except av.FFmpegError as error:
        # An MP4 that begins as one was cut off before its index at the end.
        raise Unreadable(Reason.TRUNCATED if data[4:8] == b"ftyp" else Reason.UNDECODABLE) from error


def track(data: bytes) -> np.ndarray:
    try:
        wave: np.ndarray = soundfile.read(io.BytesIO(data))[0]
    except soundfile.LibsndfileError as error:
        raise Unreadable(Reason.UNDECODABLE) from error
    return wave


def outcome(results: list[Any]) -> tuple[int, int]:
    if not results:
        return State.ABSENT, Reason.NOT_LISTED
    faults = [result for result in results if isinstance(result, Reason)]
    if len(faults) < len(results):
        return State.PRESENT, Reason.NONE
    return State.FAILED, faults[0]


def tried(decode: Any, crawl: Path, paths: list[str] | None) -> Iterator[Any]:
    for path in paths or ():
        try:
            yield decode(content(crawl, path))
        except Unreadable as error:
            yield error.args[0]


def test_states_reasons_and_tags_are_what_the_files_show(
    crawl: Path, products: list[tuple[dict[str, Any], dict[str, Any]]]
) -> None:
    kinds: Counter[str] = Counter()
    for record, row in products:
        pictures = list(tried(picture, crawl, record.get("images")))
        clips = list(tried(clip, crawl, record.get("videos")))
        sounds = list(tried(track, crawl, record.get("audios")))
        assert (row["listed_images"], row["listed_videos"], row["listed_audios"]) == tuple(
            map(len, (pictures, clips, sounds))
        )
        broken = sum(isinstance(found, Reason) for found in pictures)
        assert (0 < broken < len(pictures)) == ("image.partial" in row["oddities"])
        inside = [found if isinstance(found, Reason) else found[1] for found in clips]
        inside = [found for found in inside if found is not None]
        if sounds:
            inside = [found for found in inside if not isinstance(found, Reason)]
            assert not inside, "a product with a sound file has a mute video"
        for modality, results in (("image", pictures), ("video", clips), ("audio", sounds or inside)):
            assert (row[f"state_{modality}"], row[f"reason_{modality}"]) == outcome(results)
            kinds[f"{modality} {row[f'reason_{modality}']}"] += 1

        tags = set(row["tags"])
        for image in (found for found in pictures if not isinstance(found, Reason)):
            assert (min(image.shape[:2]) < 64) == ("image.tiny" in tags)
            assert (image.std() < 2) == ("image.blank" in tags)
        for frames, _ in (found for found in clips if not isinstance(found, Reason)):
            assert (np.abs(np.diff(frames, axis=0)).mean() < 0.3) == ("video.static" in tags)
            assert (frames.mean() < 20) == ("video.black" in tags)
        for wave in (found for found in sounds or inside if not isinstance(found, Reason)):
            assert (np.abs(wave).max() < 0.01) == ("audio.silent" in tags)
            assert ((np.abs(wave) > 0.98).mean() > 0.05) == ("audio.clipped" in tags)
            assert 1.9 < len(wave) / 22_050 < 3.3 or 1.9 < len(wave) / 16_000 < 3.3
        kinds.update(tags)
    assert {f"image {code}" for code in (0, 1, 3, 15, 16, 17, 18)} <= set(kinds)
    assert {f"{modality} {code}" for modality in ("video", "audio") for code in (0, 1, 3, 15, 16, 18)} <= set(kinds)
    assert "video 17" in kinds
    assert sum(kind.startswith(("image.", "video.", "audio.")) for kind in kinds) == 7


def test_placeholders_are_one_file_and_relisted_offers_share_theirs(
    crawl: Path, products: list[tuple[dict[str, Any], dict[str, Any]]]
) -> None:
    placeholders = {
        (crawl / "crawl" / record["images"][0]).read_bytes()
        for record, row in products
        if "image.placeholder" in row["tags"]
    }
    assert len(placeholders) == 1
    first: dict[int, tuple[Any, ...]] = {}
    relisted = 0
    for record, row in products:
        shown = tuple(tuple(record.get(key) or ()) for key in ("images", "videos", "audios"))
        relisted += row["offer"] in first
        assert first.setdefault(row["offer"], shown) == shown
    assert relisted > 5


def test_noise_shows_another_product_where_the_truth_says_so(tmp_path: Path) -> None:
    """Beside a crawl without noise, the files of noisy modalities differ, and no others."""
    share = {"image": 0.4, "video": 0.4, "audio": 0.4}
    for name, noise in (("clean", {}), ("noisy", share)):
        settings = {"products": 60, "files": 1, "own_audio": 0.5, "noise": noise}
        synthesize(tmp_path / name, SynthConfig.model_validate(settings))
    truth = pl.read_parquet(tmp_path / "noisy" / "truth.parquet").filter(outcome="product")
    lines = (tmp_path / "noisy" / "crawl" / "part-000.jsonl").read_text("utf-8").splitlines()
    differing: Counter[str] = Counter()
    for row in truth.iter_rows(named=True):
        record, odd = json.loads(lines[row["row"]]), set(row["oddities"])
        heard = {"audio.stranger"} if not record.get("audios") else set()
        for key, why in (("images", {"image.stranger"}), ("videos", {"video.stranger", *heard}),
                         ("audios", {"audio.stranger"})):  # fmt: skip
            paths = [tmp_path / name / "crawl" / path for path in record.get(key) or () for name in ("clean", "noisy")]
            for clean, noisy in zip(paths[::2], paths[1::2], strict=True):
                if clean.exists() and not (key == "images" and "image.partial" in odd):
                    assert (clean.read_bytes() != noisy.read_bytes()) == bool(why & odd)
                    differing.update(why & odd)
        for modality in share:
            assert f"{modality}.stranger" not in odd or row[f"state_{modality}"] == State.PRESENT
    assert min(differing[f"{modality}.stranger"] for modality in share) > 5


def test_every_format_occurs(crawl: Path) -> None:
    found = {path.suffix for path in (crawl / "crawl" / "media").rglob("*.*")}
    assert found == {".jpg", ".png", ".webp", ".mp4", ".wav", ".mp3", ".flac", ".ogg"}
    modes = {Image.open(path).mode for path in (crawl / "crawl" / "media" / "images").rglob("*.png")
             if path.stat().st_size > 1000 and path.read_bytes()[:4] == b"\x89PNG"}  # fmt: skip
    assert modes == {"RGB", "RGBA"}


def test_without_media_the_links_are_remote_and_no_file_is_written(tmp_path: Path) -> None:
    report = synthesize(tmp_path, SynthConfig(products=60, media=False))
    assert report.media_files == 0
    assert not (tmp_path / "crawl" / "media").exists()
    assert "https://media.example/images/" in (tmp_path / "crawl" / "part-000.jsonl").read_text("utf-8")
