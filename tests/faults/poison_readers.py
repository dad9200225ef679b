"""The readers of deliveries: every row of a damaged file is a product or a reject, with a place and a reason."""

from __future__ import annotations

import random
import re
import struct
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final
from zlib import crc32

import msgspec

from m5tools.documents import load as load_document
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.parse import Chunked, parse
from m5tools.ingest.readers import READERS, Batch
from m5tools.ingest.sniff import sniff

from . import poison_seeds as seeds
from .poison_counts import counts
from .poison_mutate import flipped, mutated
from .poison_target import Make, Target, damaged, whole_file

_INGESTED: Final = 3
"""One input in so many goes through the whole parsing of ingest, which takes ten times as long as reading."""
_ABOUT: Final = Chunked("poison", "c1", "input")


def _inside(packing: str) -> Make:
    """Damage to what is packed, or to the packing."""

    def make(draws: random.Random) -> bytes:
        if draws.random() < 0.5:
            return damaged(packing)(draws)
        return seeds.packed(packing, damaged("json_lines")(draws))

    return make


def _parquet_bytes(draws: random.Random) -> bytes:
    """Half of the damage in the footer, which tells where everything lies."""
    whole = seeds.whole("parquet")
    data = whole_file("parquet", draws)
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


def _wacz(draws: random.Random) -> bytes:
    if draws.random() < 0.4:
        return damaged("wacz")(draws)
    names = (draws.choice(("archive/a.warc", "archive/../../a.warc", "/archive/a.warc")), "archive/b.warc.gz")
    return seeds.archive({names[0]: damaged("warc")(draws), names[1]: damaged("warc.gz")(draws)})


def _naming(kind: str) -> Make:
    """Damage to a file that names a codec, most often one that is no encoding of text."""

    def make(draws: random.Random) -> bytes:
        name = draws.choice(_CODECS)
        data = _NAMED.sub(lambda found: found[1] + name, damaged(kind)(draws))
        declaration = {"xml": b"<?xml version='1.0' encoding='%s'?>", "page": b'<meta charset="%s">'}.get(kind)
        return data if declaration is None else declaration % name + data.partition(b"?>")[2 * (kind == "xml")]

    return make


_CODECS: Final = (
    b"zlib", b"hex", b"idna", b"undefined", b"rot13", b"punycode", b"unicode_escape", b"utf-16", b"cp037", b"utf-7",
)  # fmt: skip
_NAMED: Final = re.compile(rb"""((?:charset|encoding)\s*=\s*["']?)[\w.:-]+""")


def _any_text(draws: random.Random) -> bytes:
    return damaged(draws.choice(("json_lines", "json", "csv", "tsv", "xml", "parquet", "zip", "gzip")))(draws)


def mapping_of(kind: str) -> Mapping:
    """The mapping that these files are read by."""
    return Mapping.model_validate({**seeds.yaml_mapping(), "format": kind})


def _read(kind: str, suffix: str, data: bytes, folder: Path) -> str:
    """Every row a product or a reject, with a place and a reason."""
    path = folder / f"input{suffix}"
    path.write_bytes(data)
    reader, mapping = READERS[kind], mapping_of(kind)
    rows = good = bad = unread = 0
    for chunk in reader.chunks(str(path), path.name):
        if crc32(data) % _INGESTED:
            found = list(reader.batches(chunk, mapping))
            rows += sum(map(len, found))
            good += sum(len(batch.records) for batch in found)
            bad += sum(len(batch.refused) for batch in found)
            unread += sum(_unread(row.message) for batch in found for row in batch.refused)
            _lawful(found)
            continue
        parsed = parse(reader.batches(chunk, mapping), mapping, _ABOUT)
        rows += parsed.rows
        good += sum(batch.num_rows for batch in parsed.staged)
        bad += parsed.rejects.height
        unread += sum(map(_unread, parsed.rejects["message"]))
    assert rows == good + bad, f"{rows} rows, {good} products, {bad} rejects"
    wanted = counts(kind, suffix, data)
    assert wanted is None or rows + unread in wanted, f"{rows} rows, {unread} more that a reject names, of {wanted}"
    if not rows:
        return "no row"
    return "good rows" if not bad else "good rows and rejects" if good else "rejects"


def _unread(message: str) -> int:
    """Rows beyond the first that one reject stands for: those of a damaged row group."""
    found = _RANGE.match(message)
    return int(found[2].replace(",", "")) - int(found[3].replace(",", "")) if found else 0


_RANGE: Final = re.compile(r"rows ([\d,]+) to (-?[\d,]+), from ([\d,]+) on: ")


def _lawful(batches: list[Batch]) -> None:
    """A good row can be written as JSON, a bad one says why; each has a place."""
    for batch in batches:
        assert len(batch.offsets) == len(batch.raws) == len(batch.records)
        assert min((*batch.offsets, 0)) >= 0
        for record in batch.records:
            with suppress(RecursionError):  # of which ingest makes a reject
                msgspec.json.encode(record)
        assert all(row.offset >= 0 and row.message and row.record is None for row in batch.refused)


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


def _reader(kind: str, seed: str, suffix: str = "", share: int = 6, make: Make | None = None) -> Target:
    return Target("reader", make or damaged(seed), partial(_read, kind, suffix), share)


READING: Final[dict[str, Target]] = {
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
    "XML that names a codec": _reader("xml", "xml", share=1, make=_naming("xml")),
    "HTML page that names a codec": _reader("pages", "page", ".html", 1, _naming("page")),
    "WARC that names a codec": _reader("pages", "warc", ".warc", 1, _naming("warc")),
    "folder": Target("reader", damaged("page"), _folder, 1),
    "sniff": Target("reader", _any_text, partial(_sniffed, ""), 2),
}
