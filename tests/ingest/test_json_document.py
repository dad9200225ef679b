"""JSON documents: arrays and objects of records, in chunks of any size, broken in any place."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from m5tools.errors import UsageError
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers import READERS, json_document, json_walk
from m5tools.ingest.readers.json_document import JsonDocument
from m5tools.ingest.readers.json_lines import JsonLines
from m5tools.ingest.readers.json_structure import Structure
from m5tools.ingest.sniff import sniff
from m5tools.vocabulary import RejectReason
from tests.ingest.reading import read, records

NESTED = [{"name": "colour", "value": 'a "b", {c} \\'}, {"name": "size", "value": "]["}]
PRODUCTS: list[dict[str, Any]] = [
    {"id": str(i), "title": f"Product {i}, {{new}}", "attributes": NESTED, "price": i / 4} for i in range(40)
]
WRITTEN = [json.dumps(product) for product in PRODUCTS]


def array(written: list[str], between: str = ",\n ") -> bytes:
    return f"[{between.join(written)}]".encode()


def keyed(written: list[str], between: str = ",\n ") -> bytes:
    return f"{{{between.join(f'{json.dumps(str(i))}: {one}' for i, one in enumerate(written))}}}".encode()


def with_key(products: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"_key": str(i), **product} for i, product in enumerate(products)]


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks smaller than records, so that every state is carried over from one to the next."""
    monkeypatch.setattr(json_walk, "BLOCK_BYTES", 100)
    monkeypatch.setattr(json_document, "BLOCK_BYTES", 700)
    monkeypatch.setattr(json_walk, "FEWEST_BYTES", 40)


@pytest.mark.parametrize("chunk_bytes", [1, 50, 300, 1 << 20])
def test_every_member_of_an_array_or_object_is_a_record(tmp_path: Path, chunk_bytes: int) -> None:
    reader = JsonDocument(chunk_bytes)
    for name, data, wanted in (("a", array(WRITTEN), PRODUCTS), ("o", keyed(WRITTEN), with_key(PRODUCTS))):
        (tmp_path / name).write_bytes(data)
        rows = read(reader, tmp_path / name)
        assert records(rows) == wanted
        assert all(data[row.offset :].startswith(row.raw) for row in rows)
        assert len(reader.chunks(str(tmp_path / name), name)) > 5 or chunk_bytes == 1 << 20


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.sampled_from('a"\\/{}[],:\n\u00e9\u4e2d\U0001f600')),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.sampled_from('k"{\\'), max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
RECORD = st.dictionaries(st.sampled_from(["id", "t", 'q"', "\\"]), JSON, max_size=4)
SPACE = st.text(st.sampled_from(" \t\r\n"), max_size=3)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), values=st.lists(RECORD, max_size=12), chunk=st.integers(1, 200), ascii_only=st.booleans())
def test_records_equal_those_of_a_parser_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, values: list[Any], chunk: int, ascii_only: bool
) -> None:
    path = tmp_path_factory.mktemp("json") / "a.json"
    space = [data.draw(SPACE) for _ in range(4)]
    one = data.draw(st.booleans())
    written = [json.dumps(v, ensure_ascii=ascii_only, indent=data.draw(st.sampled_from([None, 1]))) for v in values]
    if not one:
        written = [f"{json.dumps(str(i))}{space[3]}:{space[0]}{text}" for i, text in enumerate(written)]
    opening, closing = "[]" if one else "{}"
    text = space[0] + opening + space[1] + (space[2] + "," + space[1]).join(written) + space[2] + closing + space[3]
    path.write_bytes(text.encode())
    whole = json.loads(text)
    wanted = whole if one else ([{"_key": k, **v} for k, v in whole.items()] or [{}])
    assert records(read(JsonDocument(chunk), path)) == wanted


def test_every_value_of_a_hostile_text_keeps_its_structure(tmp_path: Path) -> None:
    text = ['\\\\\\"', "\\\\", '\\"', "[[[", "}}}", '\\"},{\\"id\\":\\"9\\"', "\\\\\\\\"]
    written = [f'{{"id": "{i}", "t": "{one}"}}' for i, one in enumerate(text * 9)]
    (tmp_path / "a").write_bytes(array(written, ","))
    for size in (1, 7, 64, 1 << 20):
        assert records(read(JsonDocument(size), tmp_path / "a")) == [json.loads(one) for one in written]


def test_structure_does_not_depend_on_how_it_is_fed() -> None:
    data = array(WRITTEN[:3]) + b'"\\\\\\"' + keyed(WRITTEN[:3]) + b"]]}"
    whole = Structure().feed(data)
    for size in (1, 2, 3, 7):
        structure, places, depths = Structure(), [], []
        for start in range(0, len(data), size):
            marks = structure.feed(data[start : start + size])
            places += [start + place for place in marks.places]
            depths += marks.depths
        assert (places, depths) == (whole.places, whole.depths)


BROKEN = {
    "a word": lambda text: text.replace(", {new}", '", new: "'),
    "a quote that is never closed": lambda text: text.replace("{new}\"", "{new}"),
    "a quote that is never opened": lambda text: text.replace('"Product', "Product"),
    "a bracket that is never closed": lambda text: text.replace("}]", "}"),
    "an object that is never closed": lambda text: text[:-1],
    "a bracket too many": lambda text: text.replace("}]", "}]]"),
    "an object that is never opened": lambda text: text[1:],
    "cut off in a string": lambda text: text[: text.index("new")],
    "cut off in an attribute": lambda text: text[: text.index("colour") - 10],
    "a byte that is no text": lambda text: text.replace("new", "\udcff"),
    "two commas": lambda text: text.replace('", "', '",, "', 1),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("chunk_bytes", [100, 900, 1 << 20])
@pytest.mark.parametrize("at", [1, 17, 39])
def test_a_broken_record_costs_exactly_itself(tmp_path: Path, name: str, chunk_bytes: int, at: int) -> None:
    written = [*WRITTEN]
    written[at] = BROKEN[name](written[at])
    for document, wanted in ((array, PRODUCTS), (keyed, with_key(PRODUCTS))):
        if name == "an object that is never closed" and document is keyed and at == 39:
            continue  # the bracket of the whole closes it: the record is whole, and the file cut off
        data = _bytes(document, written)
        (tmp_path / "a").write_bytes(data)
        rows = read(JsonDocument(chunk_bytes), tmp_path / "a")
        assert records(rows) == wanted[:at] + wanted[at + 1 :], document.__name__
        refused = [row for row in rows if row.reason]
        assert len(refused) == 1, (document.__name__, refused)
        assert refused[0].raw[:10] in data[refused[0].offset :][:11]


def test_an_object_closed_twice_is_a_record_and_a_bracket(tmp_path: Path) -> None:
    for at in (1, 17, 39):
        for document, wanted in ((array, PRODUCTS), (keyed, with_key(PRODUCTS))):
            rows = read_bytes(tmp_path, document([*WRITTEN[:at], WRITTEN[at] + "}", *WRITTEN[at + 1 :]]))
            assert records(rows) == wanted
            assert [row.raw for row in rows if row.reason] == [b"}"]


def _bytes(document: Any, written: list[str]) -> bytes:
    marked = document([one.replace("\udcff", "\x00BYTE\x00") for one in written])
    return marked.replace(b"\x00BYTE\x00", b"\xff")


def test_two_broken_records_side_by_side_are_two_rejects(tmp_path: Path) -> None:
    written = [*WRITTEN]
    written[5] = written[6] = '{"id": tru}'
    for document in (array, keyed):
        (tmp_path / "a").write_bytes(document(written))
        rows = read(JsonDocument(), tmp_path / "a")
        assert (len(records(rows)), len(rows)) == (38, 40)


def test_what_cannot_be_taken_up_again_is_one_reject_to_the_end(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(array([*WRITTEN[:3], '{"id": "no end', "x" * 500, "1", '"', "{"]))
    rows = read(JsonDocument(), tmp_path / "a")
    assert records(rows) == PRODUCTS[:3]
    assert [row.reason for row in rows[3:]] == [RejectReason.NOT_PARSEABLE]
    assert len(rows[3].raw) > 500


def test_a_file_cut_off_anywhere_keeps_the_records_before(tmp_path: Path) -> None:
    for data in (array(WRITTEN), keyed(WRITTEN)):
        ends = [
            i + 1 for i in range(len(data)) if data[i : i + 1] == b"}" and data[i + 1 : i + 2] in (b",", b"]", b"}")
        ]
        whole = records(read_bytes(tmp_path, data))
        for cut in range(1, len(data) - 1, len(data) // 50):
            rows = read_bytes(tmp_path, data[:cut])
            found = records(rows)
            assert found == whole[: len(found)]
            assert sum(row.reason is not None for row in rows) == 1
            assert len(found) >= sum(data[:end].count(b'"price"') and end <= cut for end in ends[2::3]) - 1


def read_bytes(folder: Path, data: bytes) -> list[Any]:
    (folder / "a").write_bytes(data)
    return read(JsonDocument(), folder / "a")


@pytest.mark.parametrize(
    ("text", "wanted", "refused"),
    [
        ('\ufeff[{"a": 1}, ]', [{"a": 1}], []),
        ('[{"a": 1}][{"a": 2}]', [{"a": 1}, {"a": 2}], []),
        ('[{"a": 1}]\n{"5": {"a": 2}}', [{"a": 1}, {"_key": "5", "a": 2}], []),
        ('{"id": 1, "attributes": {"a": 1}}', [{"id": 1, "attributes": {"a": 1}}], []),
        ('{\n"id": 1\n}\n{\n"id": 2\n}', [{"id": 1}, {"id": 2}], []),
        ('{"5": {"a": 2}, "6": 7, "7": null}', [{"_key": "5", "a": 2}], ["the value of '6'", "the value of '7'"]),
        ('[1, "x", [2], {}]', [{}], ["a int", "a str", "a list"]),
        ('"text"', [], ["a str"]),
        ("no JSON", [], ["not JSON"]),
        ('[{"a": 1}', [{"a": 1}], ["the input ends inside an array"]),
        ('[{"a": 1}]]', [{"a": 1}], ["not JSON"]),
        ("{}", [{}], []),
        ("", [], []),
    ],
)  # fmt: skip
def test_what_a_document_may_be(tmp_path: Path, text: str, wanted: list[Any], refused: list[str]) -> None:
    rows = read_bytes(tmp_path, text.encode())
    assert records(rows) == wanted
    assert [
        row.message[: len(start)] for row, start in zip((r for r in rows if r.reason), refused, strict=True)
    ] == refused


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32"])
def test_wide_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    assert records(read_bytes(tmp_path, array(WRITTEN).decode().encode(encoding))) == PRODUCTS


def test_the_other_kind_of_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "lines.json").write_text("\n".join(WRITTEN))
    with pytest.raises(UsageError, match=r"lines\.json holds JSON Lines.*format to json_lines"):
        read(JsonDocument(), tmp_path / "lines.json")
    (tmp_path / "array.jsonl").write_text(json.dumps(PRODUCTS))
    (row,) = read(JsonLines(), tmp_path / "array.jsonl")
    assert row.message.endswith("set the mapping's format to json")


def test_a_record_that_is_too_long_is_one_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_walk, "LONGEST_ROW", 2_000)
    monkeypatch.setattr(json_walk, "FIRST_CHECK", 500)
    written = [*WRITTEN]
    written[3] = json.dumps({**PRODUCTS[3], "title": "x" * 9_000})
    for document, wanted in ((array, PRODUCTS), (keyed, with_key(PRODUCTS))):
        rows = read_bytes(tmp_path, document(written))
        assert records(rows) == wanted[:3] + wanted[4:]
        assert [row.reason for row in rows if row.reason] == [RejectReason.TOO_LONG]


MEMORY = """
import re, sys
from pathlib import Path
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers.json_document import JsonDocument
reader, rows = JsonDocument(), 0
mapping = Mapping(source="test", format="json")
for chunk in reader.chunks(sys.argv[1], "a"):
    for batch in reader.batches(chunk, mapping):
        rows += len(batch)
print(rows, int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:

    record = json.dumps({"id": "1", "text": "some text, " * 90}).encode()
    peaks = {}  # of the program alone: getrusage would count what pytest held when it started it
    for megabytes in (20, 200):
        count = megabytes * 1_000_000 // len(record)
        with (tmp_path / "a").open("wb") as file:
            file.write(b"[" + record)
            for _ in range(count - 1):
                file.write(b"," + record)
            file.write(b"]")
        run = [sys.executable, "-c", MEMORY, str(tmp_path / "a")]
        rows, peak = map(int, subprocess.run(run, check=True, capture_output=True, text=True).stdout.split())
        assert rows == count
        peaks[megabytes] = peak
    assert peaks[200] < 1.2 * peaks[20]
    assert peaks[200] < 300


ONE, TWO = b'{"id": 1, "title": "a"}', b'{"id": 2, "title": "b"}'


@pytest.mark.parametrize(
    "text",
    [
        ONE + b",\n" + TWO + b",\n",
        b"[" + ONE + b"," + TWO + b",]",
        b"[" + ONE + b",," + TWO + b"]",
        b"[," + ONE + b"," + TWO + b"],\n",
        b"[" + ONE + b"],\n[" + TWO + b"]\n",
        b'{"x": ' + ONE + b', "y": ' + TWO + b",},",
        b'{"products": [' + ONE + b"," + TWO + b",],}",
        b"\x1e" + ONE + b"\n\x1e" + TWO + b"\n",
        b'\x1e{"id": 1,\n "title": "a"}\n\x1e{"id": 2,\n "title": "b"}\n',
    ],
)
def test_commas_and_marks_between_records_are_no_rows(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.json").write_bytes(text)
    found = sniff(tmp_path / "a.json")
    assert (found.rows, found.bad) == (2, 0)
    mapping = Mapping.model_validate(yaml.safe_load(found.mapping))
    rows = read(READERS[mapping.format], tmp_path / "a.json", mapping)
    assert [row.reason for row in rows] == [None, None]
    assert [json.loads(row.raw.removeprefix(b'"x": ').removeprefix(b'"y": '))["id"] for row in rows] == [1, 2]


def test_an_array_that_goes_on_behind_its_bracket_is_still_told(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"[" + ONE + b"], " + TWO + b"]")
    found = sniff(tmp_path / "a.json")
    assert (found.rows, found.bad) == (3, 1)


@pytest.mark.parametrize("wrapped", ["lines", "array", "keyed"])
def test_constants_that_python_writes_are_null(tmp_path: Path, wrapped: str) -> None:
    rows = [
        {"id": 1, "title": "NaN is no number", "price": math.nan, "range": [math.inf, -math.inf]},
        {"id": 2, "title": "a", "price": 1.5, "range": []},
    ]
    texts = {
        "lines": "".join(json.dumps(row) + "\n" for row in rows),
        "array": json.dumps(rows),
        "keyed": json.dumps({f"k{row['id']}": row for row in rows}),
    }
    (tmp_path / "a.json").write_text(texts[wrapped])
    reader = READERS["json_lines" if wrapped == "lines" else "json"]
    found = records(read(reader, tmp_path / "a.json"))
    expected = [{**rows[0], "price": None, "range": [None, None]}, rows[1]]
    assert found == [({"_key": f"k{row['id']}"} if wrapped == "keyed" else {}) | row for row in expected]
