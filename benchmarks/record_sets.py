"""Every record set of the real data through its mapping: rows, products, rejects by reason, coverage field by field.

    python benchmarks/record_sets.py            # writes docs/evidence/record_sets.md

Rows are counted a second time by the standard library (or pyarrow), which knows nothing of m5tools.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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


def stems(folder: Path) -> int:
    return len({file.with_suffix("") for file in folder.rglob("*.png")})


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
    RecordSet("webmall_1", "woocommerce", "webmall_shops_1_2/webmall_1.csv", csv_rows),
    RecordSet("webmall_2", "woocommerce", "webmall_shops_1_2/webmall_2.csv", csv_rows),
    RecordSet("tuxpaint", "tuxpaint_stamps", "tuxpaint_stamps", stems),
)
