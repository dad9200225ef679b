"""`m5 audit`: where the report goes and what it refuses."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

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
        shelf = (gallery / "state-text-present-cbf2effb.html").read_text(encoding="utf-8")
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
