"""How well numbers and units of attribute values are read (precision, recall on hand-labelled values) and how fast.

    python benchmarks/attribute_units.py DATA            (DATA: the folder of the real data sets)
    python benchmarks/attribute_units.py DATA --show   (100 values of Lazada and of Icecat as read, to look at)

Gold. WDC-PAVE and OA-Mine give attribute values as text, not numbers. Of the distinct (attribute, value) pairs that
hold a digit, 180 of each set are drawn (seed 20) and labelled by a person looking at them: `attribute_units/*.tsv` with
attribute, value, and the numbers ("40|45") and unit that the value states; a number alone where it names no unit; "-"
where the digits are a name or a code. A value *holds a number with a unit* when its label has both, also where words
stand around it ("5\" backsplash") or several are listed. A reading is right when numbers and unit are those of the
label. Precision: right readings of all readings, bare numbers and codes included. Recall: right readings of the values
that hold one.

Shops. `attribute_units/shops_*.tsv` hold values as shops of nine languages write them, made up and labelled in the same
way before they were read: language, attribute, value, label (units of several quantities are joined by ";", which no
reading has). The grammar was mended on the first file; the second was not looked at before it was reported.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow as pa

from m5tools.ingest.normalize.attributes import attributes
from m5tools.ingest.normalize.numbers import decimal_of

LABELS = Path(__file__).parent / "attribute_units"
SEED, DRAWN, SHOWN = 20, 180, 100
SHOPS = ("shops_mended", "shops_held_out")
GOLD = {
    "oa_mine": ["oa_mine_attributes/train.jsonl", "oa_mine_attributes/test.jsonl"],
    "wdc_pave": ["wdc_pave_attributes/train.jsonl"],
}


def with_digits(files: list[Path]) -> list[tuple[str, str]]:
    """The distinct (attribute, value) pairs of gold files that hold a digit."""
    found = set()
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            for name, values in json.loads(line)["target_scores"].items():
                found |= {(name, v) for v in values if v != "n/a" and re.search(r"\d", v)}
    return sorted(found)


def read(pairs: list[tuple[str, str]], decimal: str | None) -> pl.DataFrame:
    frame = pl.DataFrame(pairs, schema=["name_raw", "value_raw"], orient="row")
    return attributes(frame, pl.repeat(decimal, len(pairs), dtype=pl.String, eager=True))


class Score(NamedTuple):
    """What came of labelled values.

    Attributes:
        values, read, right: how many there are, were read, and were read rightly.
        holding, found: how many hold a number with a unit, and of how many it was read rightly.
        wrong, missed: those read wrongly, and those that hold one and were not read.
    """

    values: int
    read: int
    right: int
    holding: int
    found: int
    wrong: list[str]
    missed: list[str]

    def __str__(self) -> str:
        return (
            f"{self.values} values; read {self.read}, right {self.right}: precision {self.right / self.read:.3f}; "
            f"with number and unit {self.holding}, of them right {self.found}: recall {self.found / self.holding:.3f}\n"
            f"  wrong:  {'; '.join(self.wrong) or 'none'}\n  missed: {'; '.join(self.missed) or 'none'}"
        )


def scored(pairs: list[tuple[str, str]], labels: list[str], found: pl.DataFrame) -> Score:
    """Compare readings with labels."""
    read_any = right = holding = found_of_holding = 0
    wrong, missed = [], []
    for (attribute, value), label, row in zip(pairs, labels, found.iter_rows(named=True), strict=True):
        numbers, _, unit = label.partition(" ")
        expected = None if label == "-" else ([float(n) for n in numbers.split("|")], unit or None)
        given = None if row["form"] is None else (row["numbers"], row["unit"])
        if given is not None:
            read_any += 1
            right += given == expected
            if given != expected:
                wrong.append(f"{attribute}: {value} -> {given}, not {label}")
        if unit:
            holding += 1
            found_of_holding += given == expected
            if given is None:
                missed.append(value)
    return Score(len(pairs), read_any, right, holding, found_of_holding, wrong, missed)


def score(name: str, data: Path) -> Score:
    """The score of one of the two gold sets."""
    lines = [line.split("\t") for line in (LABELS / f"{name}.tsv").read_text(encoding="utf-8").splitlines()]
    drawn = sorted(random.Random(SEED).sample(with_digits([data / f for f in GOLD[name]]), DRAWN))
    assert [(a, v) for a, v, _ in lines] == drawn, "the labels are of another draw"
    return scored(drawn, [label for _, _, label in lines], read(drawn, "."))


def score_of_shops(name: str) -> Score:
    """The score of one of the two files of shops' values, each read in the locale of its language."""
    lines = [line.split("\t") for line in (LABELS / f"{name}.tsv").read_text(encoding="utf-8").splitlines()]
    frame = pl.DataFrame([line[1:3] for line in lines], schema=["name_raw", "value_raw"], orient="row")
    decimals = pl.Series([decimal_of(line[0]) for line in lines], dtype=pl.String)
    pairs = [(attribute, value) for _, attribute, value, _ in lines]
    return scored(pairs, [line[3] for line in lines], attributes(frame, decimals))


def lazada(data: Path) -> Iterator[tuple[str, str]]:
    for cell in pl.read_csv(data / "brightdata_lazada/lazada-products.csv", infer_schema=False)[
        "product_specifications"
    ]:
        for item in json.loads(cell or "[]") or []:
            if item.get("name") not in ("SKU", "Gtin", "MPN") and item.get("value"):
                yield item["name"], item["value"]


def icecat(data: Path) -> Iterator[tuple[str, str]]:
    for row in pl.read_csv(data / "icecat_spryker/product_abstract.csv", infer_schema=False).iter_rows(named=True):
        for number in range(1, 7):
            for language in ("", ".en_US", ".de_DE"):
                name, value = row.get(f"attribute_key_{number}{language}"), row.get(f"value_{number}{language}")
                if name and value:
                    yield name, value


def show(data: Path) -> None:
    for name, source in (("lazada", lazada), ("icecat", icecat)):
        pairs = sorted({(a, v) for a, v in source(data) if re.search(r"\d", v)})
        drawn = sorted(random.Random(SEED).sample(pairs, SHOWN))
        print(f"\n{name}: {len(pairs)} distinct pairs with a digit")
        for row in read(drawn, None).iter_rows(named=True):
            said = "text" if row["form"] is None else f"{row['form']} {row['numbers']} {row['unit'] or ''}"
            print(f"  {row['name_raw'][:36]:36} {row['value_raw'][:40]!r:44} {said}")


def rate(data: Path) -> None:
    """300,000 products with 1.3 attributes that hold numbers, from the four sets; half of the values distinct."""
    pairs = with_digits([data / f for files in GOLD.values() for f in files])
    pairs += [p for source in (lazada, icecat) for p in source(data) if re.search(r"\d", p[1])]
    draw = random.Random(SEED)
    products, batch = 300_000, 8_192
    rows = [draw.choice(pairs) for _ in range(int(1.3 * products))]
    fresh = (
        f"{draw.randint(1, 9999) / draw.choice((1, 10, 100)):g} {draw.choice(('g', 'mm', 'GB', 'oz', 'W'))}"
        for _ in rows
    )
    mixed = [(a, f if i % 2 else v) for i, ((a, v), f) in enumerate(zip(rows, fresh, strict=True))]
    for label, given in (("values of the sets", rows), ("half of them new numbers", mixed)):
        frame = pl.DataFrame(given, schema=["name_raw", "value_raw"], orient="row")
        parts = [frame.slice(at, batch) for at in range(0, frame.height, batch)]
        begun, used = time.perf_counter(), time.process_time()
        for part in parts:
            attributes(part)
        took, used = time.perf_counter() - begun, time.process_time() - used
        print(f"rate, {label}: {took / products * 1e6:.2f} µs a product, "
              f"{used / products * 1e6:.2f} µs of processor time ({frame.height} values in batches)")  # fmt: skip


def start() -> None:
    """What the first value of a process costs that only the grammar reads."""
    pa.array([1])  # imports pandas where it is installed
    frame = pl.DataFrame({"name_raw": ["length"], "value_raw": ["10 to 20 cm"]})
    used = time.process_time()
    attributes(frame)
    print(f"start: {(time.process_time() - used) * 1e3:.0f} ms of processor time, tables and patterns")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--show", action="store_true")
    given = arguments.parse_args()
    if given.show:
        show(given.data)
        return
    start()
    for name in GOLD:
        print(f"{name}: {score(name, given.data)}")
    for name in SHOPS:
        print(f"{name}: {score_of_shops(name)}")
    rate(given.data)


if __name__ == "__main__":
    main()
