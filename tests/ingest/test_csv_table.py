"""Delimited text as it comes: encodings, paddings, line ends, quotes that do not close."""

from __future__ import annotations

from pathlib import Path

import pytest

from m5tools.ingest.mapping import Mapping, TableLayout
from m5tools.ingest.readers import csv_lines
from m5tools.ingest.readers.csv_table import CsvTable
from m5tools.ingest.readers.encoding import encoding_of
from m5tools.vocabulary import RejectReason
from tests.ingest.reading import read, records

TEXTS = {
    "gb18030": "韩国黄金套盒正品蜗牛玻尿酸水乳精华套装",
    "cp932": "これは日本語の商品説明です。カメラ",
    "cp949": "한국 상품 설명입니다",
    "cp950": "景點編號與景點中文名稱",
    "cp1252": "Crème brûlée für Größe – señor",
    "utf-16-le": "Crème 韩国",
    "utf-16-be": "Crème 韩国",
    "utf-16": "Crème 韩国",
    "utf-8": "Crème 韩国",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_encodings_are_told_by_what_they_say(tmp_path: Path, encoding: str) -> None:
    text = f"id,title\n1,{TEXTS[encoding]}\n"
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    (row,) = read(CsvTable(), tmp_path / "a.csv")
    assert row.record == {"id": "1", "title": TEXTS[encoding]}
    assert row.raw in text.encode(encoding)


@pytest.mark.parametrize("language", TEXTS)
def test_utf_8_is_never_taken_for_anything_else(language: str) -> None:
    assert encoding_of(TEXTS[language].encode(), whole=True) == "utf-8"


def test_a_mapping_may_say_what_cannot_be_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes('1#####цена#####a#;#b\n2#####"x#####c\n3#####y\n'.encode("cp1251"))
    layout = TableLayout(encoding="windows-1251", delimiter="#####", columns=("id", "title", "labels"))
    rows = read(CsvTable(), tmp_path / "a.txt", Mapping(source="test", format="csv", table=layout))
    assert records(rows) == [
        {"id": "1", "title": "цена", "labels": "a#;#b"},
        {"id": "2", "title": '"x', "labels": "c"},
    ]
    assert [row.reason for row in rows] == [None, None, RejectReason.WRONG_FIELD_COUNT]
    with pytest.raises(ValueError, match="not an encoding"):
        TableLayout(encoding="utf-9")


def test_lines_above_the_names_are_rejects(tmp_path: Path) -> None:
    text = '"Report, 2011";;;\n\nall prices in EUR\nid;title;price;brand\n1;a;"1,5";x\n2;b;2;y\n3;c;3;z\n'
    (tmp_path / "a.csv").write_text(text)
    rows = read(CsvTable(), tmp_path / "a.csv")
    assert [row.message for row in rows[:2]] == ["above the line of column names"] * 2
    assert rows[2].record == {"id": "1", "title": "a", "price": "1,5", "brand": "x"}
    assert len(records(rows)) == 3


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_all_line_ends_and_nul_bytes(tmp_path: Path, end: str) -> None:
    (tmp_path / "a.csv").write_bytes(end.join(["id,title", "1,a\0b", '2,"c', 'd"', "3,e", ""]).encode())
    rows = records(read(CsvTable(), tmp_path / "a.csv"))
    assert rows == [{"id": "1", "title": "ab"}, {"id": "2", "title": f"c{end}d"}, {"id": "3", "title": "e"}]


def test_columns_without_a_name_of_their_own_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,image,,image\n1,a,b,c\n2,a,b,c,,\n")
    rows = read(CsvTable(), tmp_path / "a.csv")
    assert records(rows) == [{"id": i, "image": "a", "column_3": "b", "image_4": "c"} for i in "12"]


@pytest.mark.parametrize("at", [0, 7, 18])
def test_a_quote_that_is_never_closed_costs_its_line(tmp_path: Path, at: int) -> None:
    lines = [f'{i},"title, {i}",x' for i in range(20)]
    lines[at] = f'{at},"title,x'
    (tmp_path / "a.csv").write_text("\n".join(["id,title,brand", *lines]))
    rows = read(CsvTable(), tmp_path / "a.csv")
    assert [row["id"] for row in records(rows)] == [str(i) for i in range(20) if i != at]  # type: ignore[index]
    assert [row.raw.decode() for row in rows if row.reason] == [lines[at]]


def test_a_row_of_several_lines_that_is_ragged_is_one_reject(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,title,brand\n1,"a\nb, c\nd",x,y\n2,e,f\n')
    rows = read(CsvTable(), tmp_path / "a.csv")
    assert [row.reason for row in rows] == [RejectReason.WRONG_FIELD_COUNT, None]
    assert rows[0].raw == b'1,"a\nb, c\nd",x,y'


def test_a_line_without_end_is_one_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_lines, "LONGEST_LINE", 50)
    (tmp_path / "a.csv").write_text("id,title\n1,a\n2," + "x" * 500 + "\n3,c\n")
    rows = read(CsvTable(), tmp_path / "a.csv")
    assert [row.record for row in rows] == [{"id": "1", "title": "a"}, None, {"id": "3", "title": "c"}]
    assert len(rows[1].raw) == 50
