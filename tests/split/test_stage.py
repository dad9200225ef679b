"""The stage: categories held out whole, evaluation sets kept out, and what the cut makes of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from m5tools import hashing
from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.errors import UsageError
from m5tools.split import SplitConfig, SplitStage, evaluation, files
from m5tools.stage import Counts, Unit
from m5tools.vocabulary import State

_LONG = "this enamel mug was fired twice in a small kiln and holds three quarters of a pint of tea or soup"
_OTHER = "a lamp of folded paper for the desk whose light is soft warm and even over the whole of the page you read"


def _id(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()[:32]


def _product(name: object, **facts: Any) -> dict[str, Any]:
    common = {"crawl_id": "c1", "source": "shop", "content_hash": "0", "origin_file": "f", "origin_offset": 0}
    return {"product_id": _id(name), "category": ["Home", "Mugs"], **common, **facts}


def _variants(*names: object) -> list[dict[str, Any]]:
    ids = sorted(map(_id, names))
    return [{"relation": "variant", "cluster_id": ids[0], "product_id": i, "is_survivor": i == ids[0]} for i in ids]


def _tables(products: list[dict[str, Any]], clusters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    empty: dict[str, Any] = {
        name: [] for name in ("attributes", "media", "fetched", "bridges", "signals_image", "signals_video")
    }
    return {"products": products, "clusters": clusters or [], **empty}


def _picture(product: object, asset: str) -> dict[str, dict[str, Any]]:
    media = {"product_id": _id(product), "crawl_id": "c1", "source": "shop", "position": 0, "modality": "image"}
    where = {"location_raw": f"{product}.jpg", "location": f"{product}.jpg", "location_id": f"{product}.jpg"}
    fetched = {"location_id": f"{product}.jpg", "asset_id": asset, "state": State.PRESENT.value, "reason": 0}
    return {"media": media | where, "fetched": fetched}


def test_held_out_categories_are_whole(make_dataset: Callable[..., Dataset]) -> None:
    products = [_product(i, category=["Home", f"c{i % 23}"]) for i in range(460)]
    products += [_product("lost", category=[]), _product("huge", category=["Home", "c0"])]
    products += [_product(f"h{i}", category=["Home", "head"]) for i in range(200)]
    dataset = make_dataset(_tables(products, _variants(0, 1)))
    counts = run_stage(dataset, SplitStage(SplitConfig(hold_out="categories", val=0.15, test=0.15))).counts
    roles = dataset.read("roles")
    splits = (
        dataset.read("splits")
        .join(dataset.read("roles"), on="product_id")
        .join(roles, on="product_id")
        .join(dataset.read("products", columns=("product_id", "category")), on="product_id")
    )
    known = splits.with_columns(leaf=pl.col("category").list.last()).filter(pl.col("leaf").is_not_null())
    assert known.group_by("leaf").agg(pl.col("split").n_unique())["split"].unique().to_list() == [1]
    assert known.filter(pl.col("leaf").is_in(["c0", "c1"]))["split"].n_unique() == 1, "a variant joins two categories"
    assert known.filter(pl.col("leaf") == "head")["split"].unique().to_list() == ["train"]
    assert splits.filter(pl.col("category").list.len() == 0)["barred"].to_list() == ["no_category"]
    assert counts["no_category"] == 1
    assert 40 <= counts["test"] <= 160
    assert counts["classification_test"] == 0, "no class is in both"


def test_an_evaluation_set_is_kept_out(make_dataset: Callable[..., Dataset]) -> None:
    mine = [_product(i, title=f"Mug {i}") for i in range(40)]
    mine[0] |= {"gtin": "00012345678905"}
    mine[1] |= {"title": "Red enamel mug by Falcon"}
    mine[2] |= {"description": "Now in our shop: " + _LONG}
    mine[3] |= {"description": _OTHER}
    tables = _tables(mine, _variants(2, 9))
    tables["attributes"] = [
        {"product_id": _id(4), "crawl_id": "c1", "position": i, "name_raw": f"n{i}", "name": f"n{i}", "value": f"V{i}",
         "value_raw": f"V{i}", "is_option": False}
        for i in range(6)
    ]  # fmt: skip
    for i in (5, 6):
        for table, row in _picture(i, f"sha-{i}").items():
            tables[table].append(row)
    theirs = _tables([
        _product("e0", gtin="12345678905"), _product("e1", title="RED ENAMEL MUG, by Falcon"),
        _product("e2", description=_LONG), _product("e4"), _product("e5"), _product("e7", title="Mug 7"),
    ])  # fmt: skip
    theirs["attributes"] = [
        row | {"product_id": _id("e4"), "value": row["value"].lower()} for row in tables["attributes"]
    ]
    for table, row in _picture("e5", "sha-5").items():
        theirs[table].append(row)
    dataset, other = make_dataset(tables, 2, "mine"), make_dataset(theirs, 3, "other")
    config = SplitConfig(val=0.1, test=0.1, decontaminate=(str(other.root),))
    counts = run_stage(dataset, SplitStage(config)).counts
    rows = dataset.read("splits").join(dataset.read("roles"), on="product_id")
    splits = {i: (split, barred) for i, split, barred in rows.select("product_id", "split", "barred").iter_rows()}
    told = {i for i in range(40) if splits[_id(i)][1] == "contaminated"}
    expected = {i for i in (0, 1, 2, 4, 5, 9) if splits[_id(i)][0] != "test"}
    assert told == expected
    by = {name: n for name, n in counts.items() if name.startswith("contaminated_by")}
    assert by == {f"contaminated_by_{by}": n for by, n in {"identifier": 1, "image": 1, "table": 1, "text": 2}.items()}


def test_a_page_is_known_by_its_address_however_it_is_written(make_dataset: Callable[..., Dataset]) -> None:
    mine = [_product(i, url=f"https://shop.com/{i}") for i in range(40)]
    for place, url in enumerate(("HTTPS://Shop.com/p/A/?utm_source=mail#reviews", "p/2.html", "https://shop.com/")):
        mine[place] |= {"url": url}
    theirs = [_product(f"e{url}", url=url) for url in ("https://shop.com/p/A", "p/2.html", "https://shop.com/")]
    dataset, other = make_dataset(_tables(mine), 2, "mine"), make_dataset(_tables(theirs), 1, "other")
    counts = run_stage(dataset, SplitStage(SplitConfig(val=0.0, test=0.0, decontaminate=(str(other.root),)))).counts
    assert counts["contaminated"] == counts["contaminated_by_identifier"] == 1
    barred = dataset.read("roles").drop_nulls("barred")
    assert barred.select("product_id", "barred").rows() == [(_id(0), "contaminated")]


def test_what_many_share_is_nobodys_trace(make_dataset: Callable[..., Dataset]) -> None:
    mine = _tables([_product(i, description=_LONG) for i in range(30)])
    theirs = _tables([_product("e", description=_LONG)])
    dataset, other = make_dataset(mine, 2, "mine"), make_dataset(theirs, 1, "other")
    counts = run_stage(dataset, SplitStage(SplitConfig(decontaminate=(str(other.root),)))).counts
    assert "contaminated" not in counts


def test_tables_of_files_are_read_as_often_however_many_partitions(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = Dataset.scan
    seen: Counter[str] = Counter()

    def counted(self: Dataset, table: str, *, partition: int | None = None, **choices: str) -> pl.LazyFrame:
        if partition is None:
            seen[table] += 1
        return scan(self, table, partition=partition, **choices)

    def count_opened(why: str) -> Callable[[str], Dataset]:
        def opened(folder: str) -> Dataset:
            seen[why] += 1
            return Dataset(folder)

        return opened

    def reads(partitions: int) -> Counter[str]:
        tables = _tables([_product(i) for i in range(20)])
        mine, other = (make_dataset(tables, partitions, f"{name}-{partitions}") for name in ("mine", "other"))
        seen.clear()
        run_stage(mine, SplitStage(SplitConfig(decontaminate=(str(other.root),))))
        return Counter(seen)

    monkeypatch.setattr(Dataset, "scan", counted)
    monkeypatch.setattr(evaluation, "Dataset", count_opened("to read"))
    monkeypatch.setattr("m5tools.split.stage.Dataset", count_opened("to see whether it changed"))
    few, many = reads(2), reads(7)
    assert few == many
    assert few["to read"] == 2, "by the command, and by its units, which are another process where there are workers"
    assert few["to see whether it changed"] == 3, "for the name of the run, when it begins and when it ends"
    assert few["fetched"] == few["signals_image"] == few["signals_video"] == 2, "once of each dataset"


def test_an_evaluation_set_that_changed_is_compared_anew(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the same process has opened it before: it opens it once more."""
    read: list[str] = []

    def counted(folder: str) -> Dataset:
        read.append(folder)
        return Dataset(folder)

    monkeypatch.setattr(evaluation, "Dataset", counted)
    mine = make_dataset(_tables([_product(i, gtin=f"{i + 1:08d}") for i in range(20)]), 2, "mine")
    other = make_dataset(_tables([_product("e", gtin="00000001")]), 2, "other")
    stage = SplitStage(SplitConfig(val=0.0, test=0.0, decontaminate=(str(other.root),)))
    assert run_stage(mine, stage).counts["contaminated"] == 1
    read.clear()
    make_dataset(_tables([_product(f"e{i}", gtin=f"{i:08d}") for i in (1, 2)]), 2, "other")
    with other.changing() as manifest:
        manifest["stages"]["ingest/c1"]["fingerprint"] = "another"
    assert run_stage(mine, stage).counts["contaminated"] == 2
    assert read == [str(other.root)]


class _Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


@pytest.mark.parametrize("killed_in", evaluation.ROUNDS[1:])
def test_a_run_killed_after_files_were_kept_goes_on_from_them(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch, killed_in: str
) -> None:
    tables = _tables([_product(i, gtin=f"{i + 1:08d}") for i in range(20)])
    mine, undisturbed = (make_dataset(tables, 3, name) for name in ("mine", "undisturbed"))
    other = make_dataset(_tables([_product(f"e{i}", gtin=f"{i:08d}") for i in range(1, 9)]), 2, "other")
    stage = SplitStage(SplitConfig(val=0.0, test=0.0, decontaminate=(str(other.root),)))
    process, keep = evaluation.process, files.keep
    kept: list[tuple[str, str]] = []

    def dying(round_name: str, unit: Unit, *rest: Any) -> Counts:
        if round_name == killed_in and unit.args.get("partition") != 0:
            raise _Killed
        return process(round_name, unit, *rest)

    def noted(dataset: Dataset, folder: Path, kind: str) -> None:
        kept.append((folder.name, kind))
        keep(dataset, folder, kind)

    monkeypatch.setattr(files, "keep", noted)
    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "process", dying)
        with pytest.raises(_Killed):
            run_stage(mine, stage)
    assert "split" not in mine.manifest()["stages"]
    counts = run_stage(mine, stage).counts
    assert sorted(kept) == sorted((whose, kind) for whose in ("own", "set-0") for kind in files.KINDS), "each once"
    assert counts == run_stage(undisturbed, stage).counts
    assert counts["contaminated"] == 8
    for table in stage.writes:
        there, expected = ({p.name: p.read_bytes() for p in dataset.parts(table)} for dataset in (mine, undisturbed))
        assert there == expected


def test_a_run_that_another_polars_began_misses_nothing(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = make_dataset(_tables([_product(i, gtin=f"{i + 1:08d}") for i in range(20)]), 3, "mine")
    other = make_dataset(_tables([_product(f"e{i}", gtin=f"{i:08d}") for i in range(1, 9)]), 2, "other")
    stage = SplitStage(SplitConfig(val=0.0, test=0.0, decontaminate=(str(other.root),)))
    process, hashed = evaluation.process, pl.Expr.hash

    def dying(round_name: str, *rest: Any) -> Counts:
        if round_name == "compare":
            raise _Killed
        return process(round_name, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "process", dying)
        patch.setattr(pl.Expr, "hash", lambda key, seed=7: hashed(key, seed))
        patch.setattr(hashing, "probe", lambda: 7)
        with pytest.raises(_Killed):
            run_stage(mine, stage)
    assert run_stage(mine, stage).counts["contaminated"] == 8


@pytest.mark.parametrize("which", ["nowhere", "itself"])
def test_what_cannot_be_an_evaluation_set(make_dataset: Callable[..., Dataset], tmp_path: Path, which: str) -> None:
    dataset = make_dataset(_tables([_product(0)]))
    folder = dataset.root if which == "itself" else tmp_path / which
    with pytest.raises(UsageError, match="decontaminate"):
        run_stage(dataset, SplitStage(SplitConfig(decontaminate=(str(folder),))))
