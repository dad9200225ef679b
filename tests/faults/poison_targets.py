"""What reads bytes of strangers, one target each: feed it, hold its laws, say in a word what came of it.

A target gives its outcome, or raises :class:`M5Error` (the user is told in one line) or :class:`DecodeError` (the item
fails with a reason). Whatever else it raises is a fault.
"""

from __future__ import annotations

import io
import json
import random
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from unittest import mock
from zlib import crc32

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from m5tools.cut.selection import Selection
from m5tools.dataset import Dataset
from m5tools.documents import load as load_document
from m5tools.engine.verify import verify
from m5tools.errors import M5Error
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.parse import Chunked, parse
from m5tools.ingest.readers import READERS, Batch
from m5tools.ingest.readers.encoding import is_wide
from m5tools.ingest.sniff import sniff
from m5tools.loader.decode import Decoder
from m5tools.loader.loader import Loader
from m5tools.measure import audio as audio_signals
from m5tools.measure import image as image_signals
from m5tools.measure import video as video_signals
from m5tools.media import audio, image, video
from m5tools.media.guard import DecodeError
from m5tools.pipeline import Pipeline
from m5tools.shards import check as shard_check
from m5tools.shards import skeleton
from m5tools.shards.clip import cut_out
from m5tools.shards.readers import DAMAGE, by_header, by_webdataset, readable
from m5tools.tag.policy import Policy

from . import poison_seeds as seeds
from .poison_mutate import flipped, mutated, with_png_sums, with_tar_sums

Feed = Callable[[bytes, Path], str]
Make = Callable[[random.Random], bytes]

_BLANK: Final = b" \t\n\r\x0b\f\x1e"
_INGESTED: Final = 3
"""One input in so many goes through the whole parsing of ingest, which takes ten times as long as reading."""
_ABOUT: Final = Chunked("poison", "c1", "input")


@dataclass(frozen=True)
class Target:
    """One reader, decoder or index reader.

    Attributes:
        kind: "reader", "decoder", "shards" or "settings".
        make: an input, by draws.
        feed: gives it to the target in a folder that is empty before; returns the outcome.
        share: of all inputs of a soak, in parts.
    """

    kind: str
    make: Make
    feed: Feed
    share: int


def _of(kind: str) -> Make:
    def make(draws: random.Random) -> bytes:
        whole = seeds.whole(kind)
        return mutated(_one(kind, draws), draws, whole)

    return make


def _one(kind: str, draws: random.Random) -> bytes:
    """A whole file; half of them are such as the target wants."""
    return draws.choice(seeds.made(kind) if draws.random() < 0.5 else seeds.whole(kind))


def _inside(packing: str) -> Make:
    """Damage to what is packed, or to the packing."""

    def make(draws: random.Random) -> bytes:
        if draws.random() < 0.5:
            return _of(packing)(draws)
        return seeds.packed(packing, _of("json_lines")(draws))

    return make


def _pictures(draws: random.Random) -> bytes:
    data = _of("image")(draws)
    return with_png_sums(data) if data.startswith(b"\x89PNG") and draws.random() < 0.7 else data


def mapping_of(kind: str) -> Mapping:
    """The mapping that these files are read by."""
    return Mapping.model_validate({**seeds.yaml_mapping(), "format": kind})


def _read(kind: str, suffix: str, data: bytes, folder: Path) -> str:
    """Every row a product or a reject, with a place and a reason."""
    path = folder / f"input{suffix}"
    path.write_bytes(data)
    reader, mapping = READERS[kind], mapping_of(kind)
    rows = good = bad = 0
    for chunk in reader.chunks(str(path), path.name):
        if crc32(data) % _INGESTED:
            found = list(reader.batches(chunk, mapping))
            rows += sum(map(len, found))
            good += sum(len(batch.records) for batch in found)
            bad += sum(len(batch.refused) for batch in found)
            _lawful(found)
            continue
        parsed = parse(reader.batches(chunk, mapping), mapping, _ABOUT)
        rows += parsed.rows
        good += sum(batch.num_rows for batch in parsed.staged)
        bad += parsed.rejects.height
    assert rows == good + bad, f"{rows} rows, {good} products, {bad} rejects"
    wanted = _count(kind, suffix, data)
    assert wanted is None or rows == wanted, f"{rows} rows of {wanted}"
    if not rows:
        return "no row"
    return "good rows" if not bad else "good rows and rejects" if good else "rejects"


def _lawful(batches: list[Batch]) -> None:
    """A good row can be written as JSON, a bad one says why; each has a place."""
    for batch in batches:
        assert len(batch.offsets) == len(batch.raws) == len(batch.records)
        assert min((*batch.offsets, 0)) >= 0
        for record in batch.records:
            with suppress(RecursionError):  # of which ingest makes a reject
                msgspec.json.encode(record)
        assert all(row.offset >= 0 and row.message and row.record is None for row in batch.refused)


def _count(kind: str, suffix: str, data: bytes) -> int | None:
    """How many rows there are, counted apart from the reader, where that is plain to see."""
    if kind == "pages" and suffix == ".html":
        return 1
    if kind != "json_lines" or suffix or is_wide(data[: 1 << 20]) or data.startswith(_PACKED):
        return None
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return sum(bool(line.strip(_BLANK)) for line in lines)


_PACKED: Final = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")


def _folder(data: bytes, folder: Path) -> str:
    """Stems with damaged text files beside pictures; names are damaged too."""
    inside = folder / "stems"
    inside.mkdir()
    parts = {"text": ".txt", "image": {".png": "main"}, "audio": {"_desc_es.ogg": "spoken"}}
    for number in range(3):
        name = data[number * 7 : number * 7 + 5].translate(None, b"/\0") or b"x"
        for suffix in (b".txt", b".png", b"_desc_es.ogg"):
            with open(bytes(inside) + b"/" + name + suffix, "wb") as file:  # noqa: PTH123 - a path of bytes
                file.write(data)
    mapping = Mapping.model_validate({**seeds.yaml_mapping(), "format": "folder", "parts": parts})
    reader = READERS["folder"]
    (chunk,) = reader.chunks(str(inside), "stems")
    parsed = parse(reader.batches(chunk, mapping), mapping, _ABOUT)
    stems = {file.name.split(".")[0] for file in inside.iterdir()}
    assert 0 < parsed.rows <= len(stems)
    return "good rows and rejects" if parsed.rejects.height else "good rows"


def _sniffed(suffix: str, data: bytes, folder: Path) -> str:
    path = folder / f"input{suffix}"
    path.write_bytes(data)
    found = sniff(path)
    (folder / "mapping.yaml").write_text(found.mapping, encoding="utf-8")
    load_document(folder / "mapping.yaml", Mapping)  # what is proposed can be used
    return found.format


def _image(data: bytes, _: Path) -> str:
    look = image_signals.look(image.decode(data, image_signals.DECODED))
    image_signals.rows([look])
    return "decoded"


def _audio(data: bytes, _: Path) -> str:
    audio_signals.signals(audio.decode(data, rate=None, max_s=5))
    audio.encode_flac(audio.decode(data, rate=16_000, max_s=2).samples, 16_000)
    return "decoded"


def _video(data: bytes, _: Path) -> str:
    video_signals.signals(video.decode(data, max_frames=4))
    return "decoded"


def _clip(data: bytes, _: Path) -> str:
    cut_out(data, 0.3)
    return "decoded"


def _delivered(data: bytes, _: Path) -> str:
    """A member of a shard that is not what its name says, through the loader's decoders."""
    decoder, given, reasons = Decoder(32, 1.0, 2), 0, []
    for decode in (decoder.frames, decoder.sound, decoder.record):
        try:
            decode(memoryview(data) if decode != decoder.sound else data)  # type: ignore[operator]
            given += 1
        except DecodeError as error:
            reasons.append(error.reason.word)
    return "decoded" if given else f"failed: {reasons[0]}"


@cache
def _shards() -> dict[str, bytes]:
    """The golden dataset of the newest release, file by file."""
    import tarfile

    from tests.golden.make import HERE

    with tarfile.open(sorted(HERE.glob("*.tar.xz"))[-1]) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]


_FOLDER: Final = "dataset/shards/default/"
_TAR: Final = "train-000000.tar"
_INDEX: Final = "index/train-000000.parquet"


def _shard_folder(folder: Path, changes: dict[str, bytes]) -> Path:
    root = folder / "shards"
    for name, data in _shards().items():
        if name.startswith(_FOLDER) and "/overlays/" not in name:
            path = root / name.removeprefix(_FOLDER)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(changes.get(name.removeprefix(_FOLDER), data))
    return root


def _tar_bytes(draws: random.Random) -> bytes:
    whole = _shards()[_FOLDER + _TAR]
    data = mutated(whole, draws, [whole])
    if draws.random() < 0.7:  # as long as it was, or nobody opens it
        data = data[: len(whole)].ljust(len(whole), b"\0")
    return with_tar_sums(data) if draws.random() < 0.5 else data


def _index_bytes(draws: random.Random) -> bytes:
    """Damage to the file, or a whole file of a liar: other values, types, columns."""
    whole = [data for name, data in _shards().items() if name.startswith(f"{_FOLDER}index/")]
    if draws.random() < 0.3:
        return mutated(whole[-1], draws, whole)
    table = pq.read_table(io.BytesIO(whole[-1]))
    rows = table.to_pylist()
    for _ in range(draws.randint(1, 3)):
        _lie(rows, draws)
    sink = io.BytesIO()
    try:
        lied = pa.Table.from_pylist(rows, table.schema if draws.random() < 0.7 else None)
        pq.write_table(lied, sink)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        pq.write_table(table.drop_columns(draws.choice(table.column_names)), sink)
    return sink.getvalue()


def _lie(rows: list[dict[str, Any]], draws: random.Random) -> None:
    """Change a value, of a sample or of one of its members; or lose or double a sample."""
    if draws.random() < 0.2 or not rows:
        rows[draws.randint(0, len(rows)) :] = rows[: draws.randint(0, 2)]
        return
    holder: dict[str, Any] = draws.choice(rows)
    if draws.random() < 0.5 and holder["members"]:
        holder = draws.choice(holder["members"])
    name = draws.choice(list(holder))
    value = holder[name]
    if isinstance(value, int) and not isinstance(value, bool):
        holder[name] = draws.choice((0, 1, -1, 2**31, 2**62, 2**63 - 1, 255, value + 1, value - 1, value * 2))
    elif isinstance(value, list):
        holder[name] = draws.choice(([], value * 2, value[:-1], None, [None, *value]))
    else:
        holder[name] = draws.choice((None, "", "../../etc/passwd", "x" * 5_000, "\0", 0.5))


def _tar(data: bytes, folder: Path) -> str:
    """The four ways to read a tar tell damage and raise nothing else."""
    path = folder / "a.tar"
    path.write_bytes(data)
    rows = pq.read_table(io.BytesIO(_shards()[_FOLDER + _INDEX])).to_pylist()
    outcome = "read"
    for read in (by_header, by_webdataset):
        try:
            list(read(path))
        except DAMAGE:
            outcome = "told as damaged"
    list(readable(path))
    return outcome if not list(skeleton.differences(path, rows)) else "told as damaged"


def _delivers(root: Path, **more: Any) -> str:
    """A loader over a folder gives every sample or says why not."""
    options: dict[str, Any] = {"shuffle": False, "drop_last": False, "image_size": 16, "max_bad_share": 1.0, **more}
    loader = Loader(root, split="train", global_batch_size=2, **options)
    rows = bad = 0
    for batch in loader:
        rows += int(batch.valid.sum())
        bad += int((~batch.valid).sum())
    return "delivered" if not loader.bad else "some samples bad" if rows else "all samples bad"


def _loader_tar(data: bytes, folder: Path) -> str:
    return _delivers(_shard_folder(folder, {_TAR: data}))


def _with_the_sum_of(index: bytes) -> bytes:
    """The manifest of a liar, who also put the checksum of the damaged index into it."""
    manifest = json.loads(_shards()[_FOLDER + "dataset.json"])
    manifest["splits"]["train"][0]["index_sha256"] = sha256(index).hexdigest()
    return json.dumps(manifest).encode()


def _loader_index(data: bytes, folder: Path) -> str:
    return _delivers(_shard_folder(folder, {_INDEX: data, "dataset.json": _with_the_sum_of(data)}))


def _check_index(data: bytes, folder: Path) -> str:
    return _checked(_shard_folder(folder, {_INDEX: data, "dataset.json": _with_the_sum_of(data)}))


def _checked(folder: Path) -> str:
    # The seconds that HF datasets takes for an input are not ours.
    with mock.patch.object(shard_check, "has_datasets", return_value=False):
        report = shard_check.check(folder)
    return "no fault" if report.ok else "told as damaged"


def _json_of(name: str) -> Make:
    def make(draws: random.Random) -> bytes:
        whole = _shards()[name]
        return _other_values(whole, draws) if draws.random() < 0.5 else mutated(whole, draws, [whole])

    return make


def _other_values(data: bytes, draws: random.Random) -> bytes:
    """JSON that is whole, with a value in it that is not what it should be."""
    body = json.loads(data)
    place, at = body, None
    while isinstance(place, dict | list) and place and (at is None or draws.random() < 0.8):
        holder = place
        at = draws.choice(list(place)) if isinstance(place, dict) else draws.randrange(len(place))
        place = place[at]
    holder[at] = draws.choice((None, -1, 2**70, "", "../../x", [], {}, [None], "\0", 1e308, True, ["a"] * 3))
    return json.dumps(body).encode()


def _manifest(data: bytes, folder: Path) -> str:
    return _delivers(_shard_folder(folder, {"dataset.json": data}))


def _check_manifest(data: bytes, folder: Path) -> str:
    return _checked(_shard_folder(folder, {"dataset.json": data}))


def _dataset(name: str, data: bytes, folder: Path) -> str:
    """`m5 check` of a dataset whose manifest, or one of whose markers, is damaged."""
    (folder / "dataset.json").write_bytes(_shards()["dataset/dataset.json"])
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    dataset = Dataset(folder)
    dataset.manifest()
    _, faults = verify(dataset)
    assert faults  # its tables are not there
    return "told as damaged"


def _marker() -> str:
    return min(n for n in _shards() if n.startswith("dataset/runs/ingest/") and "/settle/" in n)


def _document(data: bytes, folder: Path) -> str:
    path = folder / "a.yaml"
    path.write_bytes(data)
    read = 0
    for model in (Mapping, Policy, Selection, Pipeline):
        try:
            load_document(path, model)
            read += 1
        except M5Error:
            continue
    return "read" if read else "refused"


def _parquet_bytes(draws: random.Random) -> bytes:
    """Half of the damage in the footer, which tells where everything lies."""
    whole = seeds.whole("parquet")
    data = _one("parquet", draws)
    where = draws.random()
    if where < 0.4:
        whole_one = seeds.made("parquet")[-1]
        behind = len(whole_one) - 8 - int.from_bytes(whole_one[-8:-4], "little")
        return flipped(whole_one[:behind], draws) + whole_one[behind:]
    if where < 0.7 or len(data) < 12 or data[-4:] != b"PAR1":
        return mutated(data, draws, whole)
    (size,) = struct.unpack("<I", data[-8:-4])
    footer = mutated(data[-8 - size : -8], draws, whole)
    return data[: -8 - size] + footer + struct.pack("<I", len(footer)) + b"PAR1"


def _reader(kind: str, seed: str, suffix: str = "", share: int = 6, make: Make | None = None) -> Target:
    return Target("reader", make or _of(seed), partial(_read, kind, suffix), share)


def _wacz(draws: random.Random) -> bytes:
    if draws.random() < 0.4:
        return _of("wacz")(draws)
    names = (draws.choice(("archive/a.warc", "archive/../../a.warc", "/archive/a.warc")), "archive/b.warc.gz")
    return seeds.archive({names[0]: _of("warc")(draws), names[1]: _of("warc.gz")(draws)})


def _any_text(draws: random.Random) -> bytes:
    return _of(draws.choice(("json_lines", "json", "csv", "tsv", "xml", "parquet", "zip", "gzip")))(draws)


def _any_member(draws: random.Random) -> bytes:
    return _of(draws.choice(("image", "audio", "video", "json_lines")))(draws)


TARGETS: Final[dict[str, Target]] = {
    "JSON Lines": _reader("json_lines", "json_lines", share=10),
    "JSON": _reader("json", "json", share=10),
    "CSV": _reader("csv", "csv", share=8),
    "TSV": _reader("csv", "tsv", share=4),
    "XML": _reader("xml", "xml", share=8),
    "Parquet": _reader("parquet", "parquet", share=8, make=_parquet_bytes),
    "HTML page": _reader("pages", "page", ".html", share=6),
    "WARC": _reader("pages", "warc", ".warc", share=3),
    "WARC, compressed": _reader("pages", "warc.gz", ".warc.gz", share=2),
    "WACZ": _reader("pages", "wacz", ".wacz", 2, _wacz),
    **{packing: _reader("json_lines", packing, ".jsonl", 2, _inside(packing)) for packing in seeds.PACKINGS},
    "folder": Target("reader", _of("page"), _folder, 1),
    "sniff": Target("reader", _any_text, partial(_sniffed, ""), 2),
    "image": Target("decoder", _pictures, _image, 12),
    "audio": Target("decoder", _of("audio"), _audio, 8),
    "video": Target("decoder", _of("video"), _video, 4),
    "video, cut out": Target("decoder", _of("video"), _clip, 2),
    "loader's decoders": Target("decoder", _any_member, _delivered, 4),
    "tar": Target("shards", _tar_bytes, _tar, 4),
    "tar, loader": Target("shards", _tar_bytes, _loader_tar, 2),
    "index, loader": Target("shards", _index_bytes, _loader_index, 3),
    "index, m5 check": Target("shards", _index_bytes, _check_index, 2),
    "manifest, loader": Target("shards", _json_of(_FOLDER + "dataset.json"), _manifest, 2),
    "manifest, m5 check": Target("shards", _json_of(_FOLDER + "dataset.json"), _check_manifest, 1),
    "dataset.json": Target("shards", _json_of("dataset/dataset.json"), partial(_dataset, "dataset.json"), 2),
    "completion marker": Target(
        "shards", lambda d: _json_of(_marker())(d),
        lambda data, folder: _dataset(_marker().removeprefix("dataset/"), data, folder), 2,
    ),
    "YAML": Target("settings", _of("yaml"), _document, 2),
}  # fmt: skip


def given(name: str, seed: int, number: int) -> bytes:
    """The input of a target: the same for the same three."""
    return TARGETS[name].make(random.Random(f"{seed} {name} {number}"))


def outcome(name: str, data: bytes, scratch: Path) -> str:
    """What came of an input; an exception other than these two is a fault."""
    with TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as folder:
        try:
            return TARGETS[name].feed(data, Path(folder))
        except DecodeError as error:
            return f"failed: {error.reason.word}"
        except M5Error:
            return "refused in one line"
