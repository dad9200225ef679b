"""Merged records on a real shop: its pictures listed by one seller, its tables by another.

    M5_REAL_DATA=… python -m benchmarks.merged_records

Magento's Luma is ingested twice, once by its mapping without attributes and once without media, as two sources that
list each product once. A cut with `merge: same_product` has to bring both together again. Printed is how many were
joined, whether a record holds what belongs to different products, and what a cut keeps that wants a picture and a
table, with merging and without; seconds are of the processor.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
import yaml

from m5tools.cut import Cut, CutConfig
from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.engine.local import run_stage
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.stage import Fetch
from m5tools.ingest.stage import Ingest, IngestConfig
from m5tools.measure.stage import Measure, MeasureConfig
from m5tools.resources import folder
from m5tools.split.stage import SplitConfig, SplitStage
from m5tools.survey.stage import Survey, SurveyConfig
from m5tools.tag.stage import Tag, TagConfig

DATA = Path(os.environ.get("M5_REAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")) / "magento_luma"
SELLERS = {"pictures": "attributes", "tables": "media"}
"""Who sells → what is left out of the mapping."""


def ingested(made: Path) -> Dataset:
    dataset = Dataset(made / "dataset")
    shipped = yaml.safe_load((folder("schemas") / "sources" / "magento.yaml").read_text(encoding="utf-8"))
    for seller, missing in SELLERS.items():
        mapping = made / f"{seller}.yaml"
        body = {key: value for key, value in shipped.items() if key != missing}
        mapping.write_text(yaml.safe_dump(body | {"unique_products": True}), encoding="utf-8")
        config = IngestConfig(
            source=seller, mapping=str(mapping), files=(f"{DATA}/**/products*.csv",), root=str(DATA),
            media_root=str(DATA / "media"),
        )  # fmt: skip
        run_stage(dataset, Ingest(config))
    return dataset


def kept(dataset: Dataset, made: Path, merge: bool) -> tuple[pl.DataFrame, float]:
    """The products of a cut that wants a picture and a table, and its processor time."""
    name = "merged" if merge else "apart"
    file = made / f"{name}.yaml"
    rules = {"cut": name, "require": ["image", "table"], "one_per": ["same_product"]}
    file.write_text(yaml.safe_dump(rules | ({"merge": "same_product"} if merge else {})), encoding="utf-8")
    started = time.process_time()
    run_stage(dataset, Cut(CutConfig(cut=str(file))))
    return dataset.read("cut_products", cut=name), time.process_time() - started


def main() -> None:
    if not DATA.is_dir():
        sys.exit(f"no real data at {DATA} (set M5_REAL_DATA)")
    with tempfile.TemporaryDirectory(prefix="m5-") as name:
        made = Path(name)
        dataset = ingested(made)
        stages = (
            Fetch(FetchConfig(download=False)), Survey(SurveyConfig()), Measure(MeasureConfig(languages=False)),
            Tag(TagConfig()), Compare(CompareConfig()), Dedup(DedupConfig()), SplitStage(SplitConfig(val=0, test=0)),
        )  # fmt: skip
        for stage in stages:
            run_stage(dataset, stage)
        products = dataset.read("products", columns=("product_id", "native_id", "source"))
        listed = products.height // len(SELLERS)
        merged, seconds = kept(dataset, made, merge=True)
        apart, alone = kept(dataset, made, merge=False)
        known = dict(products.select("product_id", "native_id").iter_rows())
        records = merged.drop_nulls("merged_from").select("product_id", "merged_from").rows()
        right = sum({known[i] for i in others} == {known[product]} for product, others in records)
        attributes, media = (dataset.read(t, cut="merged") for t in ("cut_attributes", "cut_media"))
        same = dataset.read("clusters").filter(relation="same_product")["cluster_id"].n_unique()
        print(f"{products.height:,} listings of {listed:,} products by two sellers; {same:,} same_product clusters")
        print(f"merged records: {len(records):,}, of them {right:,} hold one product and nothing else")
        with_it, without = (
            f"{merged.height:,} with merging ({seconds:.1f} s)",
            f"{apart.height:,} without ({alone:.1f} s)",
        )
        print(f"kept with a picture and a table: {with_it}, {without}")
        print(f"{attributes.height:,} attributes and {media.height:,} files in merged records")


if __name__ == "__main__":
    main()
