"""Settings made to hurt: shipped YAML files that are damaged, and traps of YAML's own set into them."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Final

from m5tools.changes import split_change
from m5tools.cut.selection import Selection
from m5tools.documents import load
from m5tools.errors import M5Error
from m5tools.ingest.mapping import Mapping
from m5tools.pipeline import Pipeline
from m5tools.tag.policy import Policy

from . import poison_seeds as seeds
from .poison_mutate import mutated
from .poison_target import Target, whole_file

WORDS: Final = (
    b"!!int abc", b"!!int ''", b"!!float x", b"!!bool x", b"!!timestamp foo", b"!!null x", b"!!binary '@@@'", b"!!set {a, b}",
    b"!!omap [a: 1, b]", b"!!pairs [a: 1]", b"!!map [a]", b"!!seq {a: b}", b"!!str {=: a}", b"!!python/name:os.system", b"!a b",
    b"2024-99-99", b"2024-01-01T25:00:00Z", b"0001-01-01T00:00:00+23:59", b"2024-01-01 00:00:00 +99", b"9" * 5_000,
    b"0x" + b"f" * 5_000, b"1:" * 2_000 + b"1", b"1:1:" * 300 + b"1.0", b"0b_", b"0x_", b".nan", b"-.inf", b"1e+999",
    b'"\\ud800"', b'"\\UFFFFFFFF"', b'"\\0"', b"=", b"<<", b"<<: *a", b"&a", b"*a", b"&a [*a]", b"&a {<<: *a}", b"{*a : *a}",
    b"{<<: [*a, *a]}", b"? [a]", b"%YAML 9.9",
)  # fmt: skip


def _grown(first: bytes, each: bytes, times: int) -> bytes:
    lines = [b"a0: &a0 " + first]
    lines += [b"a%d: &a%d %s" % (i, i, each.replace(b"*a", b"*a%d" % (i - 1))) for i in range(1, times)]
    return b"\n".join(lines)


DOCUMENTS: Final = (
    _grown(b"{k: v}", b"{<<: [*a, *a]}", 30),
    _grown(b"{k: v}", b"{<<: *a, k: {<<: *a}}", 30),
    _grown(b"[1]", b"[*a, *a, *a]", 30),
    _grown(b"[1]", b"[*a]", 2_000),
    b"source: &a a\nformat: json_lines\nfields: &f {title: *a, <<: {brand: *a}}\nhtml: {<<: *f}\n",
    b"stages: &s\n- &i {stage: ingest}\n- <<: *i\n  sources: *s\n",
)


def _make(draws: random.Random) -> bytes:
    whole = [*seeds.whole("yaml"), *DOCUMENTS]
    data = mutated(draws.choice(DOCUMENTS) if draws.random() < 0.2 else whole_file("yaml", draws), draws, whole)
    places = [match.end() for match in re.finditer(rb"[:\-,\[{] ?", data[:100_000])]
    for _ in range(draws.choice((0, 0, 1, 2)) if places else 0):
        at = draws.choice(places)
        data = data[:at] + draws.choice(WORDS) + draws.choice((b"", b"\n", b", ")) + data[at:]
    return data


def _document(data: bytes, folder: Path) -> str:
    path = folder / "a.yaml"
    path.write_bytes(data)
    read = 0
    for model in (Mapping, Policy, Selection, Pipeline):
        try:
            load(path, model)
            read += 1
        except M5Error:
            continue
    return "read" if read else "refused"


def _change(data: bytes, folder: Path) -> str:
    split_change(f"a={data.decode('utf-8', 'surrogateescape')}")
    return "read"


SETTINGS: Final[dict[str, Target]] = {
    "YAML": Target("settings", _make, _document, 2),
    "--set": Target("settings", _make, _change, 1),
}
