"""The dataset card (`README.md`): tells HF `datasets` which files and fields there are, and people how to read.

HF datasets infers fields from the first five samples and refuses a tar whose samples differ in members, so the card
declares them all (`dataset_info.features`); members a sample lacks then become None. `data_files` must name the tars,
else the index is taken for the data. Sounds and clips are declared as plain bytes: HF's types for them need FFmpeg.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from m5tools import atomic
from m5tools.shards import record
from m5tools.shards.config import Encoding
from m5tools.shards.index import present_counts
from m5tools.shards.manifest import CARD, ShardManifest
from m5tools.shards.writer import JSON_MEMBER
from m5tools.vocabulary import MODALITIES, Modality, Split

_PICTURES = ("jpg", "png", "gif", "bmp", "tif", "webp", "ico", "jp2", "j2k", "avif")
_SOUND = "16 kHz, mono, ≤ {0.max_audio_seconds:g} s"
_TEXT = """\
# Products in five modalities

Ordinary tars of samples; a sample is one product, its key the product id. **Not every product has every modality**:
a member that is not there is not there for a reason, which the index beside the tars records.

| split | samples | shards | {modalities} |
|---|---:|---:|{rule}|
{rows}

## Members

| member | content |
|---|---|
| `json` | identifiers, title, description, price, category path, attributes as rows of name, value, unit, `listed_by` |
{members}

In the JSON `listed_by` and `merged_media` name the products that list an attribute or a file, where a record was merged
from several; elsewhere they are empty.

`index/<shard>.parquet` holds a row a sample: `present` (bit 0 image, 1 text, 2 table, 3 video, 4 audio), `state` and
`reason` of every modality, tags, category, and the byte offset, length and xxh3-64 checksum of every member.

## Reading

```python
from m5tools import Loader                      # masks, filters, exact resume, any number of ranks
loader = Loader("PATH", split="{split}", global_batch_size=64)
```

```python
from datasets import load_dataset               # members a sample lacks are None
samples = load_dataset("PATH", split="{split}", streaming=True)
```

```python
import glob, webdataset                          # members a sample lacks are no key: collate by hand
samples = webdataset.WebDataset(sorted(glob.glob("PATH/{split}-*.tar")), shardshuffle=False)
batches = samples.decode("pil").batched(64, collation_fn=list)
```
"""


class Facts:
    """What the card tells about the indexes, added up shard by shard."""

    def __init__(self) -> None:
        self.samples: Counter[str] = Counter()
        self.present: Counter[tuple[str, Modality]] = Counter()
        self.members: set[str] = set()

    def add(self, split: str, index: pa.Table) -> None:
        """Count one more index."""
        self.samples[split] += index.num_rows
        for modality, count in present_counts(index).items():
            self.present[split, modality] += count
        self.members.update(pc.unique(pc.struct_field(pc.list_flatten(index["members"]), "name")).to_pylist())


def write(folder: Path, manifest: ShardManifest, facts: Facts) -> Path:
    """Write the card; returns its path."""
    path = folder / CARD
    atomic.write_bytes(path, text(manifest, facts).encode())
    return path


def text(manifest: ShardManifest, facts: Facts) -> str:
    """The card of shards."""
    splits = {split.value: manifest.splits[split.value] for split in Split if split.value in manifest.splits}
    header: dict[str, Any] = {"pretty_name": "Products in five modalities"}
    if splits:
        files = [{"split": split, "path": f"{split}-*.tar"} for split in splits]
        header["configs"] = [{"config_name": "default", "data_files": files}]
        header["dataset_info"] = {"features": features(facts.members)}
    encoding = Encoding.model_validate({name: manifest.config[name] for name in Encoding.model_fields})
    body = _TEXT.format(
        modalities=" | ".join(m.value for m in MODALITIES),
        rule="---:|" * (len(MODALITIES) - 1) + "---:",
        rows="\n".join(_row(split, len(files), facts) for split, files in splits.items()),
        members="\n".join(_members(encoding)),
        split=next(iter(splits), "train"),
    )
    return f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n\n{body}"


def features(members: set[str]) -> list[dict[str, Any]]:
    """Every field of a sample in the notation of a Hugging Face card.

    Args:
        members: names of all members that occur.
    """
    media = sorted(members - {JSON_MEMBER}, key=_by_number)
    return [
        {"name": "__key__", "dtype": "string"},
        {"name": "__url__", "dtype": "string"},
        {"name": JSON_MEMBER, "struct": record.features()},
        *({"name": name, "dtype": _kind(name)} for name in media),
    ]


def _by_number(name: str) -> tuple[str, int, str]:
    kind, number, suffix = re.fullmatch(r"(\w+)_(\d+)\.(\w+)", name).groups()  # type: ignore[union-attr]
    return kind, int(number), suffix


def _kind(name: str) -> str:
    """`image` where Pillow, by which HF datasets decodes, reads the format."""
    return "image" if name.rpartition(".")[2] in _PICTURES else "binary"


def _members(how: Encoding) -> Iterator[str]:
    """What the card says of the media members."""
    if how.media == "untouched":
        yield "| `image_0.jpg` … | pictures as they were delivered, under the suffix of their format |"
        yield f"| `audio_0.mp3` … | sound as it was delivered; a film's track as FLAC, {_SOUND.format(how)} |"
    else:
        yield f"| `image_0.jpg` … | pictures, longest side ≤ {how.image_long_side} pixels |"
        yield f"| `audio_0.flac` | sound, {_SOUND.format(how)} |"
    match how.video_form:
        case "frames":
            yield f"| `video_0.jpg` … | frames of the clip, one a second, longest side ≤ {how.image_long_side} pixels |"
        case "clip":
            yield f"| `video_0.mp4` | clip without sound, ≤ {how.clip_seconds:g} s; `.mkv` where MP4 cannot hold it |"
        case _:
            yield "| `video_0.mp4` … | clip as it was delivered, its sound included |"


def _row(split: str, shards: int, facts: Facts) -> str:
    counts = " | ".join(f"{facts.present[split, m]:,}" for m in MODALITIES)
    return f"| {split} | {facts.samples[split]:,} | {shards:,} | {counts} |"
