"""Files that say what is not so: `m5 check` names each and how to make it anew, and nothing that reads believes them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from m5tools.dataset import open_dataset
from m5tools.errors import UsageError
from m5tools.loader.loader import Loader
from m5tools.manifest import FORMAT as DATASET_FORMAT
from m5tools.shards.manifest import FORMAT as SHARD_FORMAT
from tests.cli.conftest import M5, m5
from tests.golden.make import HERE

__all__ = ["m5"]

SHARDS = "shards/default"
_UNWATCHED = re.compile(
    r"runs/.*|dataset\.json|signals/image/made\.json|shards/\w+/(README\.md|DATASHEET\.md|SHA256SUMS|(croissant|lineage)\.json)"
)
"""Markers, manifest and papers, about which other tests are, and a note that is not believed: who finds it damaged
decodes anew (`tests/measure/test_earlier.py`)."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden dataset of the newest release; not to be changed."""
    folder = tmp_path_factory.mktemp("golden")
    with tarfile.open(sorted(HERE.glob("*.tar.xz"))[-1]) as archive:
        archive.extractall(folder, filter="data")
    return folder / "dataset"


@pytest.fixture
def dataset(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "dataset"))


def kinds(root: Path) -> list[Path]:
    """One file of every table and of every other kind that a stage writes."""
    found: dict[str, Path] = {}
    for file in sorted(p for p in root.rglob("*") if p.is_file()):
        name = file.relative_to(root).as_posix()
        if not _UNWATCHED.fullmatch(name):
            kind = re.sub(r"[^/]*-\d{5,6}", "part", name) if file.suffix in (".parquet", ".tar") else name
            found.setdefault(kind, file)
    return list(found.values())


def flip(file: Path) -> None:
    body = bytearray(file.read_bytes())
    body[len(body) // 2] ^= 1
    file.write_bytes(body)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
def test_every_kind_of_file_is_named_with_the_command_that_makes_it(
    m5: M5, dataset: Path, damage: Callable[[Path], None]
) -> None:
    files = kinds(dataset)
    assert len(files) > 45
    for file in files:
        damage(file)
    said = m5("check", dataset)
    assert said.code == 1
    lines = said.err.splitlines()
    for file in files:
        name = file.relative_to(dataset).as_posix()
        (line,) = [line for line in lines if line.startswith(f"{name}: ")] or [f"nothing about {name}"]
        assert re.search(rf"; run: m5 \w+ --dataset {re.escape(str(dataset))} .*--refresh$", line), line
    assert len(lines) == len(files)


def change(file: Path, place: tuple[str | int, ...], value: Any) -> None:
    body = json.loads(file.read_text(encoding="utf-8"))
    inside = body
    for step in place[:-1]:
        inside = inside[step]
    inside[place[-1]] = value(inside[place[-1]]) if callable(value) else value
    file.write_text(json.dumps(body), encoding="utf-8")


def marker(dataset: Path) -> Path:
    """One that lists files."""
    found = sorted((dataset / "runs" / "ingest").rglob("settle/*.json"))
    return next(file for file in found if json.loads(file.read_text())["outputs"])


def test_a_marker_made_to_fit_a_changed_file_is_found_out(m5: M5, dataset: Path) -> None:
    from m5tools.atomic import sha256_of

    file = marker(dataset)
    part = dataset / json.loads(file.read_text())["outputs"][0]["path"]
    flip(part)
    change(file, ("outputs", 0, "sha256"), sha256_of(part))
    said = m5("check", dataset)
    assert said.code == 1
    assert (
        "runs/ingest/shop-1: its completion markers are not those that dataset.json tells of; run: m5 ingest"
        in said.err
    )


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: change(file, ("outputs",), lambda files: files[1:])])
def test_a_marker_that_is_gone_or_silent_is_found_out(m5: M5, dataset: Path, damage: Callable[[Path], None]) -> None:
    damage(marker(dataset))
    said = m5("check", dataset)
    assert said.code == 1
    assert "runs/ingest/shop-1: its completion markers are not those" in said.err


def test_counts_that_were_edited_are_found_out(m5: M5, dataset: Path) -> None:
    change(dataset / "dataset.json", ("stages", "ingest/shop-1", "counts", "new"), 7_000)
    said = m5("check", dataset)
    assert said.code == 1
    assert "runs/ingest/shop-1: it counted other than dataset.json tells; run: m5 ingest" in said.err


def test_a_second_checksum_which_nobody_would_compare_is_found_out(m5: M5, dataset: Path) -> None:
    change(marker(dataset), ("outputs", 0, "xxh3"), "0" * 32)
    said = m5("check", dataset)
    assert said.code == 1
    assert ".json: not a completion marker; run: m5 ingest" in said.err


def test_a_manifest_that_lists_no_stage_is_found_out(m5: M5, dataset: Path) -> None:
    stages = json.loads((dataset / "dataset.json").read_text())["stages"]
    change(dataset / "dataset.json", ("stages",), {})
    said = m5("check", dataset)
    assert said.code == 1
    lines = said.err.splitlines()
    assert sorted(line.partition(": ")[0] for line in lines) == sorted(f"runs/{entry}" for entry in stages)
    assert all("was finished, and dataset.json does not tell of it; restore that or " in line for line in lines)
    (cut,) = [line for line in lines if line.startswith("runs/cut/")]
    assert cut.endswith(f"; run: m5 cut --dataset {dataset} --set cut=default")
    (ingest,) = [line for line in lines if line.startswith("runs/ingest/shop-1: ")]
    assert ingest.endswith(f"; run: m5 ingest --dataset {dataset} --set crawl_id=shop-1")
    (overlay,) = [line for line in lines if line.startswith("runs/overlay/")]
    _, shards, name = overlay.partition(": ")[0].removeprefix("runs/").split("/")
    assert overlay.endswith(f"; run: m5 overlay --dataset {dataset} --set shards={shards} --set name={name}")


def test_parts_of_a_crawl_that_was_taken_out_are_not_to_be_removed(m5: M5, dataset: Path) -> None:
    """Nor are those of a crawl that is being ingested beside others that are done."""

    def other(stages: dict[str, Any]) -> dict[str, Any]:
        return {"ingest/shop-2": {**stages["ingest/shop-1"], "inputs": {}, "run": "0" * 16}}

    change(dataset / "dataset.json", ("crawls",), lambda crawls: [*crawls, {**crawls[0], "crawl_id": "shop-2"}])
    change(dataset / "dataset.json", ("stages",), other)
    said = m5("check", dataset)
    assert said.code == 1
    assert "runs/ingest/shop-1: its run " in said.err
    assert "; run: rm" not in said.err
    home = dataset / "runs" / "ingest" / "shop-1"
    (run,) = [folder for folder in home.iterdir() if folder.is_dir()]
    (run / "scratch").mkdir()
    assert "ingest/shop-1: its run" not in m5("check", dataset).err
    assert "; run: rm" not in m5("check", dataset).err


def test_a_part_that_nobody_wrote_is_found_out(m5: M5, dataset: Path) -> None:
    parts = sorted((dataset / "tables" / "products" / "shop-1").glob("*.parquet"))
    shutil.copy(parts[0], parts[0].with_name("part-00009.parquet"))
    said = m5("check", dataset)
    assert said.code == 1
    assert "tables/products/shop-1/part-00009.parquet: no finished stage wrote it; run: rm " in said.err


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("partitions",), 2**40),
        (("partitions",), "4"),
        (("partitions",), 0),
        (("crawls",), lambda crawls: crawls * 2),
        (("crawls",), []),
        (("crawls", 0, "source"), "other"),
        (("stages", "ingest/shop-1", "inputs"), {"ingest/shop-0": ""}),
        (("crawls", 0, "crawl_id"), "../../x"),
        (("stages", "fetch", "run"), "../../../etc"),
        (("stages", "fetch", "inputs"), []),
        (("stages", "fetch"), None),
        (("stages",), [1]),
        (("format",), 0),
        (("format",), -1),
        (("format",), True),
        (("format",), "1"),
        (("crawls", 0, "media_root"), 5),
        (("crawls", 0, "media_root"), ["crawl"]),
        (("crawls", 0, "unique_products"), 1),
        (("crawls", 0, "many_sellers"), "no"),
        (("crawls", 0, "license"), None),
        (("crawls", 0, "homepage"), {}),
        (("crawls", 0, "terms"), 7),
        (("stages", "fetch", "stage"), "survey"),
        (("stages", "cut/default", "stage"), "cut/default"),
        (("stages",), lambda stages: stages | {"tag/./default": stages["tag/default"]}),
    ],
)
def test_a_manifest_that_cannot_be_true_is_one_line(
    m5: M5, dataset: Path, place: tuple[str | int, ...], value: Any
) -> None:
    change(dataset / "dataset.json", place, value)
    for command in (("check", dataset), ("status", "--dataset", dataset), ("audit", "--dataset", dataset)):
        said = m5(*command)
        assert said.code == 2, said
        assert "dataset.json is damaged (" in said.err, said
        assert "restore it or build the dataset anew" in said.err


@pytest.mark.parametrize("said", [1, 2, 3, 5, 8])
def test_another_number_of_partitions_is_believed_by_nobody_and_the_command_mends_it(
    m5: M5, dataset: Path, said: int
) -> None:
    change(dataset / "dataset.json", ("partitions",), said)
    what = f"it says {said} partitions, and the tables were cut into 4; "
    for command in ("status", "audit", "survey"):
        refused = m5(command, "--dataset", dataset)
        assert refused.code == 2
        assert refused.err == f'm5: {dataset}/dataset.json: {what}set "partitions" in dataset.json back to 4\n'
    checked = m5("check", dataset)
    assert checked.code == 1
    (line,) = checked.err.splitlines()
    assert line.startswith(f"dataset.json: {what}run: sed ")
    subprocess.run(shlex.split(line.partition("; run: ")[2]), check=True)
    assert m5("check", dataset).code == 0


@pytest.mark.parametrize("damage", [Path.unlink, lambda part: shutil.copy(part, part.with_name("part-00004.parquet"))])
def test_a_part_lost_or_too_many_says_nothing_about_partitions(
    m5: M5, dataset: Path, damage: Callable[[Path], None]
) -> None:
    damage(dataset / "tables" / "products" / "shop-1" / "part-00003.parquet")
    said = m5("check", dataset)
    assert said.code == 1
    assert "partitions" not in said.err
    open_dataset(dataset)


def test_products_of_a_crawl_that_is_not_listed_are_not_read(m5: M5, dataset: Path) -> None:
    for table in ("products", "texts"):
        shutil.copytree(dataset / "tables" / table / "shop-1", dataset / "tables" / table / "shop-2")
    for command in ("status", "audit", "survey"):
        said = m5(command, "--dataset", dataset)
        assert said.code == 2
        assert "there are products of crawl 'shop-2', which it does not list; restore dataset.json" in said.err
    assert "tables/products/shop-2/part-00000.parquet: no finished stage wrote it; run: rm" in m5("check", dataset).err


def test_a_version_from_the_future_is_refused_with_what_to_do(m5: M5, dataset: Path) -> None:
    shards, overlay = dataset / SHARDS, dataset / SHARDS / "overlays" / "rare" / "overlay.json"
    change(overlay, ("format",), SHARD_FORMAT + 1)
    assert (
        f"has format {SHARD_FORMAT + 1}, this m5tools reads up to {SHARD_FORMAT}; update m5tools"
        in m5("check", shards).err
    )
    change(shards / "dataset.json", ("format",), SHARD_FORMAT + 1)
    assert "; update m5tools" in m5("check", shards).err
    with pytest.raises(UsageError, match="update m5tools"):
        Loader(shards)
    change(dataset / "dataset.json", ("format",), DATASET_FORMAT + 1)
    for command in (("check", dataset), ("status", "--dataset", dataset)):
        said = m5(*command)
        assert said.code == 2
        assert f"has format {DATASET_FORMAT + 1}, this m5tools reads up to {DATASET_FORMAT}; update m5tools" in said.err


def test_a_truncated_part_is_one_line_that_names_check(m5: M5, dataset: Path) -> None:
    for part in (dataset / "tables" / "products").rglob("*.parquet"):
        cut(part)
    product = "42ae1d5fdc4034ab84a5357f44808da2"
    for command in (
        ("show", product, "--dataset", dataset),
        ("audit", "--dataset", dataset),
        ("tag", "--dataset", dataset, "--refresh"),
    ):
        said = m5(*command)
        assert said.code in (1, 2)
        assert len(said.err.strip().splitlines()) == 1, said.err
        assert "m5 check" in said.err or "; run: m5 ingest" in said.err, said.err


@pytest.mark.parametrize(
    ("lie", "line"),
    [
        (
            lambda shards: shutil.copy(shards / "train-000000.tar", shards / "train-000099.tar"),
            "train-000099.tar: the manifest does not know this file; run: rm {shards}/train-000099.tar",
        ),
        (
            lambda shards: (shards / "README.md").write_text("# Mine"),
            "README.md: does not say what these shards are; run 'm5 papers' again",
        ),
        (lambda shards: (shards / "README.md").unlink(), "README.md: is missing; HF datasets needs it"),
        (
            lambda shards: change(shards / "dataset.json", ("made_with",), "0" * 16),
            "dataset.json: of another size; run: m5 shard --dataset {dataset} --set ",
        ),
        (lambda shards: flip(shards / "train-000000.tar"), "train-000000.tar: "),
        (
            lambda shards: (shards / "overlays" / "rare" / "x").touch(),
            "overlays/rare/x: the manifest does not know this file; run: rm {shards}/overlays/rare/x",
        ),
    ],
)
def test_lies_in_a_shard_folder_are_found_by_either_check_with_what_mends_them(
    m5: M5, dataset: Path, lie: Callable[[Path], Any], line: str
) -> None:
    shards = dataset / SHARDS
    lie(shards)
    wanted = line.format(shards=shards, dataset=dataset)
    for place, before in ((dataset, f"{SHARDS}/"), (shards, "")):
        said = m5("check", place)
        assert said.code == 1
        assert any(told.startswith(before + wanted) for told in said.err.splitlines()), said.err
        for told in said.err.splitlines():
            assert re.search(r"; run(: (m5|rm) | 'm5 papers')", told), told
        assert f"m5 check {shards}" in said.out or place == shards


def test_shards_that_were_moved_elsewhere_are_to_be_copied_again(m5: M5, dataset: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(dataset / SHARDS, tmp_path / "moved"))
    flip(moved / "train-000000.tar")
    said = m5("check", moved)
    assert said.code == 1
    assert all(line.endswith("; copy the folder anew from where it came") for line in said.err.splitlines()), said.err


def test_an_index_made_to_fit_its_manifest_is_found_out(m5: M5, dataset: Path) -> None:
    """Another index under the right checksum: the tar disagrees, and the content hash."""
    import polars as pl

    from m5tools.atomic import sha256_of

    shards = dataset / SHARDS
    index = shards / "index" / "train-000000.parquet"
    lied = pl.read_parquet(index).with_columns(product_id=pl.col("product_id").str.reverse())
    table = lied.to_arrow()
    import pyarrow.parquet as pq

    from m5tools import schema

    pq.write_table(schema.conform("shard_index", table), index)
    change(shards / "dataset.json", ("splits", "train", 0, "index_sha256"), sha256_of(index))
    said = m5("check", shards)
    assert said.code == 1
    assert "the content hash does not fit the shards it lists" in said.err
    assert "train-000000.tar" in said.err


def test_the_golden_dataset_has_no_fault(m5: M5, original: Path) -> None:
    assert open_dataset(original).partitions == 4
    assert m5("check", original).code == 0


def test_an_overlay_that_no_stage_wrote_is_told_though_its_manifest_says_nothing(m5: M5, dataset: Path) -> None:
    manifest = dataset / SHARDS / "overlays" / "new" / "overlay.json"
    manifest.parent.mkdir()
    manifest.write_text("{}")
    said = m5("check", dataset)
    assert said.code == 1
    told = f"{manifest.relative_to(dataset)}: no finished stage wrote it; run: rm {manifest}"
    assert said.err.splitlines() == [told]
