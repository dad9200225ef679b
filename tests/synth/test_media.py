"""Every written file decodes, or fails to, as the truth says; and shows what its tags say."""

from __future__ import annotations

import contextlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import polars as pl
import pytest
import soundfile
from PIL import Image

from m5tools.synth import SynthConfig, synthesize
from m5tools.synth.mess import NEAR_MISSES
from m5tools.vocabulary import Reason, State

FAULT = dict.fromkeys(("missing_file", "empty", "undecodable", "wrong_type"), 0.06)
CONFIG = SynthConfig.model_validate(
    {
        "products": 300,
        "files": 1,
        "seed": 5,
        "own_audio": 0.4,
        "near_misses": 0.3,
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
    if found.lstrip().startswith((b"<!DOC", b"<html", b"<?xml", b"%PDF", b"GIF8", b"\x07")) or found.isascii():
        raise Unreadable(Reason.WRONG_TYPE)
    return found


def cut(data: bytes) -> bool:
    """By the end that each format has: a marker, a chunk, or the length written at the start."""
    if data.startswith(b"\xff\xd8"):
        return not data.endswith(b"\xff\xd9")
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data[-12:]
    if data.startswith(b"RIFF"):
        return int.from_bytes(data[4:8], "little") + 8 > len(data) + 1
    return data[4:8] == b"ftyp" and b"moov" not in data


def picture(data: bytes) -> np.ndarray:
    try:
        image = Image.open(io.BytesIO(data))
    except OSError as error:
        raise Unreadable(Reason.TRUNCATED if cut(data) else Reason.UNDECODABLE) from error
    try:
        return np.asarray(image.convert("RGB"), np.int16)
    except (OSError, SyntaxError) as error:
        raise Unreadable(Reason.TRUNCATED if cut(data) else Reason.UNDECODABLE) from error


def clip(data: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        with av.open(io.BytesIO(data)) as container:
            frames = np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)]).astype(np.int16)
        with av.open(io.BytesIO(data)) as container:
            if not container.streams.audio:
                return frames, None
            return frames, np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    except (av.FFmpegError, IndexError) as error:
        raise Unreadable(Reason.TRUNCATED if cut(data) else Reason.UNDECODABLE) from error


def track(data: bytes) -> np.ndarray:
    try:
        # No more than an hour: of some Ogg files libsndfile says 2 ** 32 frames too many, and reads what is there.
        wave: np.ndarray = soundfile.read(io.BytesIO(data), 60 * 60 * 48_000)[0]
    except soundfile.LibsndfileError as error:
        raise Unreadable(Reason.UNDECODABLE) from error
    return wave


def contrast(image: np.ndarray) -> float:
    """Levels between the lightest and the darkest spot of the picture, slopes of light aside."""
    grey = image.mean(axis=2) if image.ndim == 3 else image
    height, width = (side // 16 * 16 for side in grey.shape)
    spots = grey[:height, :width].reshape(16, height // 16, 16, width // 16).mean(axis=(1, 3))
    y, x = np.mgrid[:16, :16]
    plane = np.stack([np.ones(256), x.ravel(), y.ravel()], axis=1)
    rest = spots.ravel() - plane @ np.linalg.lstsq(plane, spots.ravel(), rcond=None)[0]
    return float(np.ptp(rest))


def shift(frames: np.ndarray) -> float:
    """How far the picture has moved from the first frame to the last, in pixels."""
    first, last = (frame.astype(np.float32) for frame in (frames[0], frames[-1]))
    window = cv2.createHanningWindow(first.shape[::-1], cv2.CV_32F)
    return float(np.hypot(*cv2.phaseCorrelate(first, last, window)[0]))


def level(wave: np.ndarray) -> float:
    """Median level of tenths of a second, dBFS: a click is no sound."""
    tenths = wave[: len(wave) // 20 * 20].reshape(20, -1)
    return float(20 * np.log10(np.median(np.sqrt((tenths**2).mean(axis=1))) + 1e-9))


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
            assert (contrast(image) < 8) == ("image.blank" in tags)
        for frames, _ in (found for found in clips if not isinstance(found, Reason)):
            if "video.static" in tags:
                assert "video.black" in tags or shift(frames) < 1.5
            else:
                assert np.abs(frames - frames[0]).mean(axis=(1, 2)).max() > 1
            nothing = frames.mean() < 26 and contrast(np.median(frames, axis=0)) < 6
            assert nothing == ("video.black" in tags)
        for wave in (found for found in sounds or inside if not isinstance(found, Reason)):
            assert (level(wave) < -52) == ("audio.silent" in tags)
            assert ((np.abs(wave) > 0.98).mean() > 0.01) == ("audio.clipped" in tags)
            assert 1.9 < len(wave) / 22_050 < 3.3 or 1.9 < len(wave) / 16_000 < 3.3
        kinds.update(tags)
    assert {f"image {code}" for code in (0, 1, 3, 15, 16, 17, 18)} <= set(kinds)
    assert {f"{modality} {code}" for modality in ("video", "audio") for code in (0, 1, 3, 15, 16, 18)} <= set(kinds)
    assert "video 17" in kinds
    assert sum(kind.startswith(("image.", "video.", "audio.")) for kind in kinds) == 7


def test_every_shop_has_its_own_placeholder_and_relisted_offers_share_their_files(
    crawl: Path, products: list[tuple[dict[str, Any], dict[str, Any]]]
) -> None:
    shown_by: dict[str, set[bytes]] = {}
    for record, row in products:
        if "image.placeholder" in row["tags"]:
            shown_by.setdefault(record["seller"], set()).add((crawl / "crawl" / record["images"][0]).read_bytes())
    assert all(len(files) == 1 for files in shown_by.values())
    opened = [Image.open(io.BytesIO(file)) for files in shown_by.values() for file in files]
    assert len({(image.size, image.format) for image in opened}) > 10
    assert {image.format for image in opened} == {"JPEG", "PNG", "WEBP"}
    drawings = [np.asarray(image.convert("L").resize((16, 16))).astype(np.int16) for image in opened]
    kinds: list[np.ndarray] = []
    for drawing in drawings:
        if all(np.abs(drawing - drawing.mean() - kind + kind.mean()).mean() > 4 for kind in kinds):
            kinds.append(drawing)
    assert 3 <= len(kinds) <= 5
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


def test_near_misses_show_and_sound(crawl: Path, products: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Dark, pale, small, slow and quiet, and something is there all the same."""
    seen: Counter[str] = Counter()
    for record, row in products:
        odd = set(row["oddities"]) & set(NEAR_MISSES)
        for image in (found for found in tried(picture, crawl, record.get("images")) if not isinstance(found, Reason)):
            assert ("image.dark" in odd) == (image.max() < 100)
            assert "image.pale" not in odd or (image.mean() > 200 and contrast(image) > 8)
            assert "image.small" not in odd or 64 <= min(image.shape[:2]) <= 80
        for found in tried(clip, crawl, record.get("videos")):
            if not isinstance(found, Reason):
                frames = found[0]
                assert "video.dark" not in odd or (frames.mean() < 100 and np.abs(frames[0] - frames[-1]).max() > 8)
                assert "video.slow" not in odd or 5 < shift(frames) < 20
        for wave in (found for found in tried(track, crawl, record.get("audios")) if not isinstance(found, Reason)):
            assert ("audio.quiet" in odd) == (-52 < level(wave) < -35)
        seen.update(odd if row["state_image"] == row["state_video"] == row["state_audio"] == 0 else ())
    assert min(seen[near] for near in NEAR_MISSES if near.startswith(("image", "video", "audio"))) > 3


def test_nothing_repeats_itself_byte_by_byte(
    crawl: Path, products: list[tuple[dict[str, Any], dict[str, Any]]]
) -> None:
    """Wrong types are of several kinds, files are cut anywhere, silence is seldom digital zero."""
    wrong, lengths, levels = set(), set(), []
    for record, row in products:
        for key, modality in (("images", "image"), ("videos", "video"), ("audios", "audio")):
            if modality == "audio" and not record.get(key):
                continue
            for path in record.get(key) or ():
                if row[f"reason_{modality}"] == Reason.WRONG_TYPE:
                    wrong.add((crawl / "crawl" / path).read_bytes().lstrip()[:5])
                if row[f"reason_{modality}"] == Reason.TRUNCATED:
                    lengths.add((crawl / "crawl" / path).stat().st_size)
                if modality == "audio" and "audio.silent" in row["tags"]:
                    levels.append(level(track((crawl / "crawl" / path).read_bytes())))
    assert {b"<!DOC", b"<html", b"<?xml", b'{"err', b"%PDF-", b"GIF89"} <= wrong
    assert max(lengths) > 4 * min(lengths)
    assert sum(found > -100 for found in levels) > len(levels) / 2


def test_every_format_occurs(crawl: Path) -> None:
    found = {path.suffix for path in (crawl / "crawl" / "media").rglob("*.*")}
    assert found == {".jpg", ".png", ".webp", ".mp4", ".wav", ".mp3", ".flac", ".ogg"}
    modes = set()
    for path in (crawl / "crawl" / "media" / "images").rglob("*.png"):
        with contextlib.suppress(OSError):
            modes.add(Image.open(path).mode)
    assert modes == {"RGB", "RGBA"}


def test_without_media_the_links_are_remote_and_no_file_is_written(tmp_path: Path) -> None:
    report = synthesize(tmp_path, SynthConfig(products=60, media=False))
    assert report.media_files == 0
    assert not (tmp_path / "crawl" / "media").exists()
    assert "https://media.example/images/" in (tmp_path / "crawl" / "part-000.jsonl").read_text("utf-8")
