"""The dataset card (`README.md`): tells HF `datasets` which files and fields there are, and people what they hold.

HF datasets infers fields from the first five samples and refuses a tar whose samples differ in members, so the card
declares them all (`dataset_info.features`); members a sample lacks then become None. `data_files` must name the tars,
else the index is taken for the data. Sounds and clips are declared as plain bytes: HF's types for them need FFmpeg.
Numbers of samples are declared too (`dataset_info.splits`), and `datasets` refuses a copy that has lost some.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml
from pydantic import ValidationError

from m5tools import licences
from m5tools.errors import UsageError
from m5tools.shards import passages, record
from m5tools.shards.config import Encoding
from m5tools.shards.facts import Facts
from m5tools.shards.lineage import Lineage
from m5tools.shards.manifest import CROISSANT, DATASHEET, MANIFEST, ShardFile, ShardManifest
from m5tools.shards.writer import JSON_MEMBER
from m5tools.vocabulary import MODALITIES, Modality

TITLE: Final = "Products in five modalities"
_PICTURES: Final = ("jpg", "png", "gif", "bmp", "tif", "webp", "ico", "jp2", "j2k", "avif")
_SOUND: Final = "16 kHz, mono, ≤ {0.max_audio_seconds:g} s"
_SIZES: Final = ((3, "n<1K"), (4, "1K<n<10K"), (5, "10K<n<100K"), (6, "100K<n<1M"), (7, "1M<n<10M"), (8, "10M<n<100M"))
_TASKS: Final[dict[str, Modality | None]] = {
    "feature-extraction": None,
    "image-classification": Modality.IMAGE,
    "text-classification": Modality.TEXT,
    "text-retrieval": Modality.TEXT,
}
"""Tasks of the Hub's list that the index has roles for, and the modality that each needs; to classify asks for
categories as well."""

_TEXT: Final = """\
# {title}

Ordinary tars of samples; a sample is one product, its key the product id. **Not every product has every modality**:
a member that is not there is not there for a reason, which the index beside the tars records.

{splits}

## What is missing, and why

{missing}

A modality can be `absent` (the source lists none), `pending` (listed, not fetched), `failed` (could not be had or
read) or `withheld` (the cut keeps it back, usually because it is tagged as noise). Numbers are samples of all splits.

## The long tail

{tail}

## Sources and licences

{sources}

## How it was made

{stages}

## Members

| member | content |
|---|---|
| `json` | identifiers, title, description, price, category path, attributes as rows of name, value, unit, `listed_by` |
{members}

In the JSON `listed_by` and `merged_media` name the products that list an attribute or a file, where a record was merged
from several; elsewhere they are empty.

`index/<shard>.parquet` holds a row a sample: `present` (bit 0 image, 1 text, 2 table, 3 video, 4 audio), `state` and
`reason` of every modality, tags, category, and the byte offset, length and xxh3-64 checksum of every member.
`{croissant}` describes all files and the index by Croissant 1.1; `{datasheet}` answers what is known of the questions
of *Datasheets for Datasets*.

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

```python
import mlcroissant                               # the index
rows = mlcroissant.Dataset("PATH/{croissant}").records("samples")
```
"""


def _encoding(manifest: ShardManifest) -> Encoding:
    try:
        return Encoding.model_validate({name: manifest.config[name] for name in Encoding.model_fields})
    except (ValidationError, KeyError) as error:
        raise UsageError(
            f"{MANIFEST} does not tell how media were encoded; write the shards again: m5 shard"
        ) from error


def text(manifest: ShardManifest, facts: Facts, lineage: Lineage | None) -> str:
    """The card of shards.

    Args:
        manifest: of the shards.
        facts: counted from all of their indexes.
        lineage: where they come from; None where nobody has recorded it.
    """
    splits = manifest.in_order
    encoding = _encoding(manifest)
    body = _TEXT.format(
        title=TITLE,
        splits="\n".join(passages.splits(splits, facts)),
        missing="\n".join(passages.missing(facts)),
        tail="\n".join(passages.tail(facts)),
        sources="\n".join(passages.sources(lineage)),
        stages="\n".join(passages.stages(lineage)),
        members="\n".join(_members(encoding)),
        split=next(iter(splits), "train"),
        croissant=CROISSANT,
        datasheet=DATASHEET,
    )
    return f"---\n{yaml.safe_dump(_head(splits, facts, lineage), sort_keys=False)}---\n\n{body}"


def _head(splits: dict[str, tuple[ShardFile, ...]], facts: Facts, lineage: Lineage | None) -> dict[str, Any]:
    """The fields that the Hub and HF datasets read (github.com/huggingface/hub-docs, datasetcard.md)."""
    head: dict[str, Any] = {"pretty_name": TITLE}
    if languages := lineage.spoken if lineage else []:
        head["language"] = languages
    head |= _license(lineage)
    head["size_categories"] = [next((name for power, name in _SIZES if facts.total < 10**power), "100M<n<1B")]
    head["task_categories"] = [
        task
        for task, needs in _TASKS.items()
        if (needs is None or facts.has(needs)) and (facts.categories or not task.endswith("-classification"))
    ]
    head["tags"] = ["e-commerce", "webdataset", *("tabular" if m is Modality.TABLE else m.value for m in _had(facts))]
    if splits:
        files = [{"split": split, "path": f"{split}-*.tar"} for split in splits]
        head["configs"] = [{"config_name": "default", "data_files": files}]
        size = {split: sum(file.bytes for file in files) for split, files in splits.items()}
        head["dataset_info"] = {
            "features": features(facts.members),
            "splits": [
                {"name": split, "num_bytes": size[split], "num_examples": facts.samples[split]} for split in splits
            ],
            "download_size": sum(size.values()),
            "dataset_size": sum(size.values()),
        }
    return head


def _license(lineage: Lineage | None) -> dict[str, Any]:
    declared = lineage.licenses if lineage else []
    ids = licences.on_the_hub(declared)
    found: dict[str, Any] = {"license": ids[0] if len(ids) == 1 else ids}
    if ids == ["other"] and len(declared) == 1 and declared[0] is not None:
        found["license_name"] = re.sub(r"[^a-z0-9.-]+", "-", declared[0].lower())
        if page := licences.page(declared[0]):
            found["license_link"] = page
    return found


def _had(facts: Facts) -> list[Modality]:
    return [modality for modality in MODALITIES if facts.has(modality)]


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
