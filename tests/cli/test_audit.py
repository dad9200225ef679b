"""`m5 audit`: where the report goes and what it refuses."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from ..conftest import REPOSITORY
from .conftest import M5


def test_audit_gives_the_path_of_its_page(m5: M5, shop: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(shop / "dataset", tmp_path / "dataset"))
    shutil.rmtree(copy / "reports")
    said = m5("audit", "-d", copy, "--cut", "default", "--shards", "default")
    assert said.code == 0, said.err
    page = Path(said.out.strip())
    assert page == copy / "reports" / "audit.html"
    assert page.read_text().lstrip().lower().startswith("<!doctype html")
    assert json.loads(page.with_suffix(".json").read_text())


def test_audit_draws_a_gallery_by_seed_and_leaves_it_out_if_told(m5: M5, shop: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(shop / "dataset", tmp_path / "dataset"))
    gallery = copy / "reports" / "gallery"
    drawn = []
    for seed in (1, 2):
        said = m5("audit", "-d", copy, "--examples", 3, "--seed", seed)
        assert said.code == 0, said.err
        (page,) = gallery.glob("*/state-text-present-cbf2effb.html")
        shelf = page.read_text(encoding="utf-8")
        drawn.append(set(re.findall(r'href="products/([0-9a-f]{32})\.html"', shelf)))
    assert [len(products) for products in drawn] == [3, 3]
    assert drawn[0] != drawn[1]
    assert m5("audit", "-d", copy, "--examples", 0).code == 0
    assert not gallery.exists()
    assert 'href="gallery/' not in (copy / "reports" / "audit.html").read_text(encoding="utf-8")


def test_audit_knows_which_policies_there_are(m5: M5, shop: Path) -> None:
    said = m5("audit", "-d", shop / "dataset", "--policy", "nosuch")
    assert said.code == 2
    assert "there is default" in said.err


def test_a_dataset_and_its_cut_side_by_side(m5: M5, shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "drift.html"
    said = m5("audit", "--compare", shop / "dataset", f"{shop / 'dataset'}#default", "--out", out)
    assert said.code == 0, said.err
    assert Path(said.out.strip()) == out
    found = json.loads(out.with_suffix(".json").read_text())
    assert found["products"]["only_b"] == 0
    assert found["products"]["both"] == found["b"]["products"] > 0


def test_the_comparison_stands_with_the_later_dataset(m5: M5, shop: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(shop / "dataset", tmp_path / "dataset"))
    said = m5("audit", "--compare", shop / "dataset", copy)
    assert Path(said.out.strip()) == copy / "reports" / "compare.html"
    found = json.loads((copy / "reports" / "compare.json").read_text())
    assert (found["moved"], found["movers"]) == (0, [])


def test_what_a_comparison_refuses(m5: M5, shop: Path) -> None:
    whole = shop / "dataset"
    for arguments, message in (
        (("--compare", whole), "requires 2 arguments"),
        (("--compare", whole, f"{whole}@nosuch"), "has no crawl 'nosuch'; there is"),
        (("--compare", whole, f"{whole}#nosuch"), "has no cut 'nosuch'; there is default"),
        (("--compare", "nosuch", whole), "nosuch is not a dataset"),
        (("--compare", whole, whole, "-d", whole), "names both sides itself"),
        (("--compare", whole, whole, "--out", "page.txt"), "ends in .html"),
        (("--compare", whole, whole, "--seed", 0), "leave them out, or give them to m5 audit --dataset"),
        (("--compare", whole, whole, "--examples", 24), "leave them out, or give them to m5 audit --dataset"),
        (("--compare", whole, whole, "--policy", "nosuch"), "no policy 'nosuch'"),
        (("-d", whole, "--out", "page.html"), "--out goes with --compare"),
        ((), "give --dataset FOLDER, or --compare A B"),
    ):
        said = m5("audit", *arguments)
        assert (said.code, said.err.count("\n")) == (2, 1), said.err
        assert message in said.err


@pytest.mark.parametrize("name", ["audit.html", "audit.json", "compare.html", "compare.json"])
def test_a_folder_in_the_place_of_a_report_is_named(m5: M5, shop: Path, tmp_path: Path, name: str) -> None:
    copy = Path(shutil.copytree(shop / "dataset", tmp_path / "dataset"))
    shutil.rmtree(copy / "reports")
    (copy / "reports" / name).mkdir(parents=True)
    said = m5("audit", "-d", copy) if name.startswith("audit") else m5("audit", "--compare", copy, copy)
    assert (said.code, said.err.count("\n")) == (2, 1), said.err
    assert f"{copy / 'reports' / name} cannot be written" in said.err
    assert "rename or remove it" in said.err
    assert [path.name for path in (copy / "reports").iterdir()] == [name], "nothing was begun"


def test_weights_say_what_they_do(m5: M5, shop: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(shop / "dataset", tmp_path / "dataset"))
    said = m5("overlay", "-d", copy, "--set", "name=root", "--set", "weights=square_root", "-w", "0")
    assert said.code == 0, said.err
    assert 'weights="square_root") is expected to draw:' in said.out
    assert "samples an epoch" in said.out
    said = m5("overlay", "-d", copy, "--set", "name=root", "--set", "weights=nosuch", "-w", "0")
    assert said.code == 2
    assert "class_balanced" in said.err


@pytest.mark.real_data
def test_two_real_catalogues(m5: M5, real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("M5_REAL_DATA", str(real_data))
    sides = [tmp_path / name for name in ("lazada", "shein")]
    for side in sides:
        recipe = REPOSITORY / "pipelines" / f"brightdata_{side.name}.yaml"
        said = m5("ingest", "-d", side, "--config", recipe, "-w", "0")
        assert said.code == 0, said.err
    assert m5("audit", "--compare", *sides).code == 0
    found = json.loads((sides[1] / "reports" / "compare.json").read_text())
    assert (found["products"]["only_a"], found["products"]["only_b"], found["products"]["both"]) == (1000, 1000, 0)
    gone = {share["name"] for share in found["fields"] if not share["b"]}
    assert {"breadcrumb", "gmv", "lazmall"} <= gone
    assert found["states"] == {"needs": "m5 tag"}
