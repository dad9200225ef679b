"""A small shop with real media files, as the stages before `shard` would have left it: every kind of hole occurs."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from PIL import Image

from m5tools.vocabulary import MODALITIES, Modality, Reason, State, bit_mask

KINDS = (
    "text",
    "text picture",
    "text table three pictures",
    "text clip with sound track",
    "table sound",
    "everything",
    "broken picture",
    "withheld text",
)
CATEGORIES = (["Home", "Kettles"], ["Home", "Lamps"], ["Toys"], None)


def picture(seed: int, width: int = 90, height: int = 60) -> bytes:
    """A smooth JPEG."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def sound(seed: int, seconds: float = 0.5, rate: int = 22_050) -> bytes:
    """A tone as WAV."""
    wave = 0.5 * np.sin(2 * np.pi * (200 + 40 * seed) * np.arange(int(seconds * rate)) / rate)
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, rate, format="WAV")
    return buffer.getvalue()


def clip(seed: int, seconds: int = 3, rate: int = 16_000) -> bytes:
    """An MP4 of moving blocks at 5 frames a second, with a tone."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        frames = container.add_stream("mpeg4", rate=5, width=64, height=48, pix_fmt="yuv420p")
        track = container.add_stream("aac", rate=rate, layout="mono")
        for k in range(5 * seconds):
            rgb = np.full((48, 64, 3), 40 * seed % 256, np.uint8)
            rgb[:, 4 * k % 64 : 4 * k % 64 + 8] = 255
            container.mux(frames.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(frames.encode(None))
        wave = np.sin(2 * np.pi * 440 * np.arange(seconds * rate) / rate, dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return buffer.getvalue()


def product_id(i: int) -> str:
    return hashlib.sha256(b"product %d" % i).hexdigest()[:32]


@dataclass
class Shop:
    """Tables of a dataset of `count` products whose files lie under `folder`."""

    folder: Path
    count: int
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = "products attributes texts media fetched assets signals_image signals_video signals_audio tags roles"
        self.tables = {name: [] for name in (*names.split(), "cut_products")}
        self.folder.mkdir(parents=True, exist_ok=True)
        self._clips = [clip(seed) for seed in range(2)]
        for i in range(self.count):
            self._add(i, KINDS[i % len(KINDS)])

    def _add(self, i: int, kind: str) -> None:
        pid = product_id(i)
        present: set[Modality] = set()
        row = {"product_id": pid, "crawl_id": "c1", "source": "shop", "content_hash": pid, "origin_file": "a.jsonl"}
        row |= {"origin_offset": i, "category": CATEGORIES[i % 4], "brand": "Acme", "price": 9.5 if i % 3 else None}
        if "text" in kind or kind == "everything":
            row |= {"title": f"Kettle {i} — größe “L”", "description": f"Boils.\n№ {i}" if i % 2 else None}
            texts = [{"role": "title", "value": row["title"], "position": 0}]
            texts.append({"role": "bullet", "value": f"bullet {i}", "position": 1})
            self.tables["texts"] += [{"product_id": pid, "crawl_id": "c1", "language": "en", **t} for t in texts]
            present.add(Modality.TEXT)
        if "table" in kind or kind == "everything":
            present.add(Modality.TABLE)
            for k, (name, value, unit) in enumerate(
                [("capacity", f"{i} l", "l"), ("colour", "red", None), ("x", None, None)]
            ):
                attribute = {"name": name, "name_raw": name, "value": value, "unit": unit, "is_option": False}
                self.tables["attributes"].append({"product_id": pid, "crawl_id": "c1", "position": k, **attribute})
        pictures = {"text picture": 1, "text table three pictures": 3, "everything": 2}.get(kind, 0)
        for k in range(pictures):
            self._list(pid, Modality.IMAGE, k, picture(10 * i + k), f"{i}-{k}.jpg")
            present.add(Modality.IMAGE)
        if kind == "broken picture":
            self._list(pid, Modality.IMAGE, 0, picture(i)[:200], f"{i}.jpg")
            present.add(Modality.IMAGE)
        if kind == "table sound" or kind == "everything":
            self._list(pid, Modality.AUDIO, 0, sound(i), f"{i}.wav")
            present.add(Modality.AUDIO)
        if "clip" in kind or kind == "everything":
            self._list(pid, Modality.VIDEO, 0, self._clips[i % 2], f"{i}.mp4")
            present |= {Modality.VIDEO, Modality.AUDIO}
        withheld = {Modality.TEXT} if kind == "withheld text" else set()
        row |= {"title": "another product's title"} if withheld else {}
        present -= withheld
        self.tables["products"].append(row)
        self.tables["tags"].append({"product_id": pid, "tag": "table.sparse", "modality": "table", "signal": "filled"})
        self.tables["tags"][-1] |= {"policy": "default"}
        role = {"coarse": "query", "fine": "gallery"} if i % 5 == 0 else {"classification": "train"}
        self.tables["roles"].append({"product_id": pid, **role})
        state = [
            State.PRESENT if m in present else State.WITHHELD if m in withheld else State.ABSENT for m in MODALITIES
        ]
        reasons = {State.PRESENT: Reason.NONE, State.WITHHELD: Reason.POLICY, State.ABSENT: Reason.NOT_LISTED}
        self.tables["cut_products"].append(
            {
                "product_id": pid,
                "split": "test" if i % 5 == 0 else "train",
                "category": " > ".join(CATEGORIES[i % 4]) if CATEGORIES[i % 4] else None,
                "band": "head",
                "cluster": product_id(i - i % 10) if i % 10 < 2 else None,
                "present": bit_mask(tuple(present)),
                "state": [int(s) for s in state],
                "reason": [int(reasons[s]) for s in state],
                "withheld_by": ["title_table_mismatch" if m in withheld else "" for m in MODALITIES],
            }
        )

    def _list(self, pid: str, modality: Modality, position: int, data: bytes, name: str) -> None:
        """Write a file and list it under a product, as ingest, fetch and measure would."""
        path = self.folder / name
        path.write_bytes(data)
        asset = hashlib.sha256(data).hexdigest()
        media = {
            "product_id": pid,
            "crawl_id": "c1",
            "source": "shop",
            "position": position,
            "modality": modality.value,
        }
        self.tables["media"].append({**media, "location_raw": name, "location": name, "location_id": name})
        self.tables["fetched"].append({"location_id": name, "asset_id": asset, "state": 0, "reason": 0})
        if any(a["asset_id"] == asset for a in self.tables["assets"]):
            return
        self.tables["assets"].append(
            {
                "asset_id": asset,
                "modality": modality.value,
                "mime": {"image": "image/jpeg", "audio": "audio/wav", "video": "video/mp4"}[modality.value],
                "uri": str(path),
                "offset": 0,
                "length": len(data),
            }
        )
        fact = {"asset_id": asset, "state": 0, "reason": 0}
        known: dict[Modality, dict[str, Any]] = {
            Modality.IMAGE: {"width": 90, "height": 60},
            Modality.AUDIO: {"duration_s": 0.5},
            Modality.VIDEO: {"width": 64, "height": 48, "duration_s": 3.0},
        }
        self.tables[f"signals_{modality.value}"].append(fact | known[modality])
        if modality is Modality.VIDEO:
            self.tables["signals_audio"].append({**fact, "derived_from": asset, "duration_s": 3.0})
