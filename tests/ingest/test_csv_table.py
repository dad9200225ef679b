"""Delimited text as it comes: encodings, paddings, line ends, quotes that do not close."""

from __future__ import annotations

from pathlib import Path

import pytest

from m5tools.ingest.mapping import Mapping, TableLayout
from m5tools.ingest.readers import Row, csv_lines
from m5tools.ingest.readers.csv_table import CsvTable
from m5tools.ingest.readers.detect import telling
from m5tools.ingest.readers.encoding import encoding_of
from m5tools.ingest.sniff import sniff
from m5tools.vocabulary import RejectReason
from tests.ingest.reading import read, records

TEXTS = {
    "gb18030": "韩国黄金套盒正品蜗牛玻尿酸水乳精华套装",
    "cp932": "これは日本語の商品説明です。カメラ",
    "cp949": "한국 상품 설명입니다",
    "cp950": "景點編號與景點中文名稱",
    "cp1251": "Чайник электрический 500мл – для кухни и дачи",
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


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "É à Größe ÄÖÜ, «à la crème brûlée» ½ €"),
        ("cp1253", "Ηλεκτρικός βραστήρας για την κουζίνα, ανοξείδωτος ατσάλινος"),
        ("cp1255", "קומקום חשמלי למטבח ולמשרד עם פילטר"),
        ("cp1256", "غلاية كهربائية للمطبخ والمكتب مع مرشح"),
        ("koi8_r", "Чайник электрический для кухни и дачи"),
        ("cp1250", "Łyżka żółta, źdźbło; příliš žluťoučký kůň"),
        ("cp1254", "Çaydanlık ışıklı göstergeli, şık tasarım"),
    ],
)
def test_other_languages_are_not_taken_for_cyrillic(encoding: str, text: str) -> None:
    assert encoding_of(text.encode(encoding), whole=True) != "cp1251"


@pytest.mark.parametrize("language", TEXTS)
def test_utf_8_is_never_taken_for_anything_else(language: str) -> None:
    assert encoding_of(TEXTS[language].encode(), whole=True) == "utf-8"


def test_a_byte_that_is_no_utf_8_costs_its_row_alone(tmp_path: Path) -> None:
    lines = [f"{i},{TEXTS['utf-8']}\n".encode() for i in range(30)]
    lines[7] = lines[7].replace("韩".encode(), "韩".encode()[:-1])
    (tmp_path / "a.csv").write_bytes(b"id,title\n" + b"".join(lines))
    rows = read(CsvTable(), tmp_path / "a.csv")
    assert [row.reason for row in rows if row.reason] == [RejectReason.NOT_UTF8]
    assert rows[7].raw == lines[7].rstrip()
    assert records(rows) == [{"id": str(i), "title": TEXTS["utf-8"]} for i in range(30) if i != 7]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16", "utf-32", "iso2022_jp"])
def test_what_is_no_text_costs_its_row_and_what_was_replaced_before_does_not(tmp_path: Path, encoding: str) -> None:
    replaced = "" if encoding == "iso2022_jp" else "\ufffd"
    lines = [f"{i},日本語 {replaced}\n" for i in range(30)]
    parts = [f"id,title\n{''.join(lines[:7])}7,".encode(encoding), f"\n{''.join(lines[8:])}".encode(encoding)]
    if encoding in ("utf-16", "utf-32"):  # the second begins with no mark
        parts[1] = parts[1][len("".encode(encoding)) :]
    wrong = {"utf-16-le": b"\x00\xd8", "utf-16": b"\x00\xd8", "utf-32": b"\xff" * 4, "iso2022_jp": b"\xff"}
    (tmp_path / "a.csv").write_bytes(wrong[encoding].join(parts))
    rows = read(
        CsvTable(), tmp_path / "a.csv", Mapping(source="test", format="csv", table=TableLayout(encoding=encoding))
    )
    assert [row.reason for row in rows if row.reason] == [RejectReason.NOT_UTF8]
    assert records(rows) == [{"id": str(i), "title": f"日本語 {replaced}"} for i in range(30) if i != 7]


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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-16", "utf-8-sig"])
def test_a_mark_is_none_of_the_text_whatever_a_mapping_says(tmp_path: Path, encoding: str) -> None:
    mark = "" if encoding in ("utf-16", "utf-8-sig") else "\ufeff"
    (tmp_path / "a.csv").write_bytes(f"{mark}id,title\n1,Crème\n".encode(encoding))
    rows = read(
        CsvTable(), tmp_path / "a.csv", Mapping(source="test", format="csv", table=TableLayout(encoding=encoding))
    )
    assert records(rows) == [{"id": "1", "title": "Crème"}]


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
    rows = read(CsvTable(), tmp_path / "a.csv")
    assert [(row.reason, row.raw) for row in rows if row.reason] == [(RejectReason.NOT_PARSEABLE, b"1,a\0b")]
    assert records(rows) == [{"id": "2", "title": f"c{end}d"}, {"id": "3", "title": "e"}]


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


def table(folder: Path, text: str, **layout: object) -> list[Row]:
    (folder / "a.csv").write_bytes(text.encode())
    mapping = Mapping(source="test", format="csv", table=TableLayout.model_validate(layout) if layout else None)
    return read(CsvTable(), folder / "a.csv", mapping)


@pytest.mark.parametrize(
    ("written", "title"),
    [
        (r'"5\" pipe, long"', '5" pipe, long'),
        (r'"from C:\temp\new, a \"copy\" of it"', r'from C:\temp\new, a "copy" of it'),
        (r'"{\"a\": \"x\\ny\", \"path\": \"C:\\\\\"}"', '{"a": "x\\ny", "path": "C:\\\\"}'),
        (r'"C:\dir\"', "C:\\dir\\"),  # RFC 4180: a backslash is a backslash
        (r'"{""a"": ""say \""hi\""""}"', r'{"a": "say \"hi\""}'),
    ],
)
def test_quotes_are_escaped_as_the_file_does_throughout(tmp_path: Path, written: str, title: str) -> None:
    rows = table(tmp_path, "id,title,price\n" + "".join(f"{i},{written},{i}\n" for i in range(6)))
    assert records(rows) == [{"id": str(i), "title": title, "price": str(i)} for i in range(6)]
    assert rows[2].raw == f"2,{written},2".encode()


@pytest.mark.parametrize("mark", ["\t", ",", "|"])
def test_json_without_quotes_around_it_keeps_its_backslashes(tmp_path: Path, mark: str) -> None:
    cell = r'{"a": "say \"hi\" to \\ all"}'
    rows = table(tmp_path, f"id{mark}attrs\n" + "".join(f"{i}{mark}{cell}\n" for i in range(6)))
    assert records(rows) == [{"id": str(i), "attrs": cell} for i in range(6)]


def test_a_quote_that_is_never_closed_costs_its_line_among_backslashes(tmp_path: Path) -> None:
    lines = [f'{i},"a \\"b\\" {i}, c",x' for i in range(20)]
    lines[7] = '7,"a \\"b\\",x'
    rows = table(tmp_path, "\n".join(["id,title,brand", *lines]))
    assert [row.raw.decode() for row in rows if row.reason] == [lines[7]]
    assert len(records(rows)) == 19


@pytest.mark.parametrize("mark", ["^", "~", ":", "\x01", "\x1f", "   "])
def test_a_rare_delimiter_counts_where_every_line_has_it(tmp_path: Path, mark: str) -> None:
    lines = [mark.join((str(i), "Red chair, nice; new" if i % 2 else "Lamp", f"{i}.5")) for i in range(6)]
    rows = table(tmp_path, "\n".join([mark.join(("id", "title", "price")), *lines]))
    assert records(rows) == [
        {"id": str(i), "title": "Red chair, nice; new" if i % 2 else "Lamp", "price": f"{i}.5"} for i in range(6)
    ]


def test_marks_in_texts_are_no_delimiters(tmp_path: Path) -> None:
    for text in ("https://a.example/{0}", "10:2{0}:30", "a ~ b", "x^2", "Lamp:  red   {0}"):
        rows = table(tmp_path, "name,text\n" + "".join(f"{i},{text.format(i)}\n" for i in range(6)))
        assert records(rows) == [{"name": str(i), "text": text.format(i)} for i in range(6)]
        rows = table(tmp_path, "text\n" + "".join(f"{text.format(i)}\n" for i in range(6)))
        assert records(rows) == [{"text": text.format(i)} for i in range(6)]


@pytest.mark.parametrize(
    ("first", "others"),
    [
        ("1,Lamp,https://a.example/1,5.9", ["2,Chair,https://a.example/2,6", "3,,https://a.example/3,7.5"]),
        ("A-1,Books,5", ["A-2,Games,6", "A-3,Books,7"]),
        ("Lamp one,Lamps", ["Lamp two,Lamps", "Chair,Chairs"]),
    ],
)
def test_a_table_without_names_keeps_its_first_row(tmp_path: Path, first: str, others: list[str]) -> None:
    rows = table(tmp_path, "\n".join([first, *others]))
    names = [f"column_{i + 1}" for i in range(first.count(",") + 1)]
    assert records(rows) == [dict(zip(names, line.split(","), strict=True)) for line in [first, *others]]


@pytest.mark.parametrize(
    "first", ["id,title,2019", "Zonk,Blubb,2019", "0,1,2", "sku,Blubb,https://a.example/1", ",Blubb,Zonk"]
)
def test_names_are_names_whatever_they_look_like(tmp_path: Path, first: str) -> None:
    rows = table(tmp_path, "\n".join([first, *(f"{i},Lamp {i},{i}" for i in range(5))]))
    assert len(records(rows)) == 5


def test_a_mapping_may_say_whether_there_are_names(tmp_path: Path) -> None:
    text = "1,a\n2,b\n"
    assert records(table(tmp_path, text)) == [{"column_1": "1", "column_2": "a"}, {"column_1": "2", "column_2": "b"}]
    assert records(table(tmp_path, text, header=True)) == [{"1": "2", "a": "b"}]
    assert len(records(table(tmp_path, "id,title\n1,a\n", header=False))) == 2


def test_the_line_of_names_is_no_product_where_it_comes_again(tmp_path: Path) -> None:
    rows = table(tmp_path, "id,title\n1,a\nid,title\n2,b\n")
    assert [row.reason for row in rows] == [None, RejectReason.NOT_A_PRODUCT, None]


def test_a_hole_of_nul_bytes_costs_the_row_it_is_in(tmp_path: Path) -> None:
    lines = [f"{i},Lamp {i}" for i in range(50)]
    text = "\n".join(["id,title", *lines[:20], "\0" * 4_096 + lines[20], *lines[21:]])
    rows = table(tmp_path, text)
    assert [row.message for row in rows if row.reason] == ["it holds NUL, which no text does"]
    assert len(records(rows)) == 49
    assert telling(str(tmp_path / "a.csv"), "a.csv")[0] == "csv"
    assert sniff(tmp_path / "a.csv").bad == 1
