"""Every record set of the real data through its mapping: rows, products, rejects by reason, coverage field by field.

    M5_REAL_DATA=… python -m benchmarks.record_sets     # writes docs/evidence/record_sets.md

Rows are counted a second time by the standard library or pyarrow, which know nothing of m5tools.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.ingest.stage import Ingest, IngestConfig

REPOSITORY = Path(__file__).resolve().parent.parent
EVIDENCE = REPOSITORY / "docs" / "evidence" / "record_sets.md"
LONGEST_CELL = 1 << 27


def csv_rows(file: Path, delimiter: str = ",") -> int:
    csv.field_size_limit(LONGEST_CELL)
    with file.open(encoding="utf-8-sig", newline="") as text:
        return sum(1 for row in csv.reader(text, delimiter=delimiter) if row) - 1


def lines(file: Path) -> int:
    with file.open("rb") as data:
        return sum(1 for line in data if line.strip())


def zipped_lines(file: Path) -> int:
    with zipfile.ZipFile(file) as archive:
        return sum(1 for name in archive.namelist() for line in archive.read(name).split(b"\n") if line.strip())


def parquet_rows(file: Path) -> int:
    return int(pq.ParquetFile(file).metadata.num_rows)


def stems(folder: Path, ending: str) -> int:
    return sum(file.name.endswith(ending) for file in folder.rglob("*"))


@dataclass(frozen=True)
class RecordSet:
    """One source of the real data.

    Attributes:
        name: of the source.
        mapping: a shipped one.
        files: below the folder of the real data.
        count: counts the rows of one file (or folder) without m5tools.
        root: where companions are found.
    """

    name: str
    mapping: str
    files: str
    count: Callable[[Path], int]
    root: str | None = None

    def paths(self, data: Path) -> list[Path]:
        return sorted(data.glob(self.files))

    def rows(self, data: Path) -> int:
        return sum(map(self.count, self.paths(data)))

    def ingest(self, data: Path, dataset: Path) -> tuple[Dataset, dict[str, int]]:
        config = IngestConfig(
            source=self.name,
            mapping=self.mapping,
            files=(str(data / self.files),),
            root=str(data / self.root) if self.root else None,
        )
        made = Dataset(dataset)
        return made, run_stage(made, Ingest(config)).counts


SETS = (
    RecordSet("abt", "abt_buy", "abt_buy/abt.csv", lambda f: csv_rows(f, "|")),
    RecordSet("buy", "abt_buy", "abt_buy/buy.csv", lambda f: csv_rows(f, "|")),
    RecordSet("amazon", "amazon_googleproducts", "amazon_googleproducts/amazon.csv", lambda f: csv_rows(f, "#")),
    RecordSet("googleproducts", "amazon_googleproducts", "amazon_googleproducts/gp.csv", lambda f: csv_rows(f, "#")),
    RecordSet("promptcloud", "amazon_promptcloud", "amazon_promptcloud_1000/test_sample_1000.csv", csv_rows),
    RecordSet("lazada", "lazada", "brightdata_lazada/lazada-products.csv", csv_rows),
    RecordSet("shein", "brightdata", "brightdata_shein/shein-products.csv", csv_rows),
    RecordSet("icecat", "icecat", "icecat_spryker/product_concrete.csv", csv_rows, "icecat_spryker"),
    RecordSet("luma", "magento", "magento_luma/**/products*.csv", csv_rows, "magento_luma"),
    RecordSet("mwpd", "mwpd", "mwpd_categories/task2_train_val_with_labels.zip", zipped_lines),
    RecordSet("oa_mine", "oa_mine", "oa_mine_attributes/*.jsonl", lines),
    RecordSet("wdc_pave", "wdc_pave", "wdc_pave_attributes/train.jsonl", lines),
    RecordSet("product1m", "product1m", "product1m_dev_zh/product1m_dev_ossurl_v2.txt", lines),
    RecordSet("amazon_sample", "amazon_parquet", "amazon_parquet_sample/*.parquet", parquet_rows),
    RecordSet("webmall_1", "woocommerce", "webmall_shops_1_2/webmall_1.csv", csv_rows),
    RecordSet("webmall_2", "woocommerce", "webmall_shops_1_2/webmall_2.csv", csv_rows),
    RecordSet("tuxpaint", "tuxpaint_stamps", "tuxpaint_stamps", lambda f: stems(f, ".png")),
    RecordSet(
        "grocery", "grocery_fresh", "grocery_fresh/iconic-images-and-descriptions", lambda f: stems(f, "_Iconic.jpg")
    ),
)


def measured(source: RecordSet, data: Path) -> tuple[str, str]:
    """A row of the table of all sets, and the section about this one."""
    with tempfile.TemporaryDirectory(prefix="m5-") as folder:
        dataset, counts = source.ingest(data, Path(folder) / "dataset")
        rows, products = source.rows(data), counts["new"]
        assert rows == counts["rows"] == products + counts["rejects"], source.name
        reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(_reasons(dataset).items())) or "–"
        children = [f"{dataset.read(table).height:,}" for table in ("texts", "attributes", "media")]
        cells = [source.name, source.mapping, f"{rows:,}", f"{products:,}", reasons, *children]
        return _line(cells), _section(source, dataset)


def _reasons(dataset: Dataset) -> dict[str, int]:
    return dict(dataset.read("rejects").group_by("reason").len().iter_rows())


def _section(source: RecordSet, dataset: Dataset) -> str:
    fields = dataset.read("fields").sort("filled", "field", descending=[True, False])
    filled = fields.filter(pl.col("filled") > 0)
    lines = [f"## {source.name}", "", f"Columns of `products`: {columns(dataset)}.", ""]
    lines += [_line(["field", "filled", "becomes"]), _line(["---", "---:", "---"])]
    for row in filled.iter_rows(named=True):
        name = row["field"].replace("|", "\\|")
        share, becomes = row["filled"] / row["rows"], ", ".join(row["mapped_to"]) or "raw only"
        lines.append(_line([f"`{name}`", f"{share:.1%}", becomes]))
    blank = ", ".join(f"`{name}`" for name in fields.filter(pl.col("filled") == 0)["field"])
    return "\n".join([*lines, *(["", f"Always blank or not there: {blank}."] if blank else []), ""])


def columns(dataset: Dataset) -> str:
    products = dataset.read("products").drop("raw", "product_id", "crawl_id", "source", "content_hash")
    shares = {}
    for column in products.drop("origin_file", "origin_offset").iter_columns():
        filled = column.list.len() > 0 if column.dtype == pl.List(pl.String) else column.is_not_null()
        shares[column.name] = filled.sum() / max(1, len(column))
    return ", ".join(f"{name} {share:.1%}" for name, share in shares.items() if share)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    data = Path(os.environ.get("M5_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not data.is_dir():
        sys.exit(f"no real data at {data} (set M5_REAL_DATA)")
    here = [source for source in SETS if source.paths(data)]
    found = [measured(source, data) for source in here]
    head = ["set", "mapping", "rows", "products", "rejects", "texts", "attributes", "media"]
    lines = [
        "# Every record set of the real data",
        "",
        "Written by `python -m benchmarks.record_sets`. Rows are counted by the standard library or pyarrow; in every",
        "set they are the products and rejects together, which `tests/acceptance/test_record_sets.py` asserts.",
        "",
        _line(head),
        _line(["---", "---", "---:", "---:", "---", "---:", "---:", "---:"]),
        *(row for row, _ in found),
        "",
        *(section for _, section in found),
    ]
    EVIDENCE.parent.mkdir(parents=True, exist_ok=True)
    EVIDENCE.write_text("\n".join(lines), encoding="utf-8")
    print(f"{EVIDENCE}: {len(found)} sets")


if __name__ == "__main__":
    main()
