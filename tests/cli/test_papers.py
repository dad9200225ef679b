from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import yaml

from m5tools import documents, resources

from .conftest import M5


@pytest.fixture
def dataset(shop: Path, tmp_path: Path) -> Path:
    """A curated dataset to change."""
    return Path(shutil.copytree(shop / "dataset", tmp_path / "dataset"))


def papers_of(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir() if p.is_file()}


def card_of(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8")


def test_the_papers_are_those_that_shard_wrote(m5: M5, dataset: Path) -> None:
    folder = dataset / "shards" / "default"
    before = papers_of(folder)
    assert {"README.md", "croissant.json", "DATASHEET.md", "lineage.json", "SHA256SUMS"} <= before.keys()
    for lost in ("README.md", "croissant.json", "DATASHEET.md", "lineage.json", "SHA256SUMS"):
        (folder / lost).unlink()
    said = m5("papers", folder)
    assert said.code == 0, said.err
    assert "no licence is declared for 'shop'; 'license' in the mapping does" in said.out
    assert "questions in DATASHEET.md are left to you" in said.out
    assert papers_of(folder) == before
    assert m5("check", dataset).code == 0
    assert m5("check", folder).code == 0


def test_the_card_tells_of_the_crawl_and_of_no_folder(shop: Path) -> None:
    folder = shop / "dataset" / "shards" / "default"
    card = card_of(folder)
    head = yaml.safe_load(card.split("---\n")[1])
    assert "en" in head["language"]
    assert head["dataset_info"]["splits"][0]["name"] == "train"
    assert "`compare`" in card
    assert str(shop) not in "".join(p.read_text() for p in folder.iterdir() if p.suffix in (".md", ".json"))
    sheet = (folder / "DATASHEET.md").read_text()
    assert "no URL was asked" in sheet


def test_a_licence_that_is_declared_later_needs_no_second_ingest(m5: M5, dataset: Path, tmp_path: Path) -> None:
    mapping = tmp_path / "mine.yaml"
    body = documents.read(resources.folder("schemas") / "sources" / "synth.yaml")
    body |= {"license": "CC-BY-4.0", "homepage": "https://shop.example/"}
    mapping.write_text(yaml.safe_dump(body))
    state = json.loads((dataset / "dataset.json").read_text())
    (crawl,) = state["crawls"]
    state["stages"][f"ingest/{crawl['crawl_id']}"]["config"]["mapping"] = str(mapping)
    (dataset / "dataset.json").write_text(json.dumps(state))
    folder = dataset / "shards" / "default"
    assert "no licence is declared" not in m5("papers", folder).out
    assert yaml.safe_load(card_of(folder).split("---\n")[1])["license"] == "cc-by-4.0"
    assert json.loads((folder / "croissant.json").read_text())["license"] == [
        "https://spdx.org/licenses/CC-BY-4.0.html"
    ]
    assert "CC-BY-4.0" in (folder / "DATASHEET.md").read_text()
    assert json.loads((dataset / "dataset.json").read_text())["crawls"][0]["license"] == "CC-BY-4.0"
    assert m5("check", folder).code == 0
    mapping.unlink()  # what was declared stays
    m5("papers", folder)
    assert "CC-BY-4.0" in card_of(folder)


def test_shards_elsewhere_keep_their_lineage(m5: M5, dataset: Path, tmp_path: Path) -> None:
    there = Path(shutil.copytree(dataset / "shards" / "default", tmp_path / "published"))
    before = papers_of(there)
    (there / "README.md").unlink()
    assert m5("papers", there).code == 0
    assert papers_of(there) == before
    (there / "lineage.json").unlink()
    said = m5("papers", there)
    assert "where these shards come from is not recorded" in said.out
    assert "Not recorded" in card_of(there)


def test_shards_of_an_older_state_keep_theirs_too(m5: M5, dataset: Path) -> None:
    folder = dataset / "shards" / "default"
    before = papers_of(folder)
    state = json.loads((dataset / "dataset.json").read_text())
    state["stages"]["cut/default"]["fingerprint"] = "0" * 32
    (dataset / "dataset.json").write_text(json.dumps(state))
    assert m5("papers", folder).code == 0
    assert papers_of(folder) == before
    (folder / "lineage.json").unlink()
    said = m5("papers", folder)
    assert said.code == 2
    assert "is out of date because 'cut/default' changed" in said.err
    assert "run: m5 shard" in said.err


@pytest.mark.parametrize("command", ["papers", "shard"])
def test_what_people_wrote_is_not_lost_where_it_cannot_be_read(m5: M5, dataset: Path, command: str) -> None:
    folder = dataset / "shards" / "default"
    mine = (folder / "DATASHEET.md").read_text().replace("### Who paid for it?\n", "### Who paid for it?\n\nCafé.\n")
    (folder / "DATASHEET.md").write_bytes(mine.encode("cp1252", "replace"))
    before = papers_of(folder)
    again = ("shard", "--dataset", dataset, "--set", "samples_per_shard=7")
    said = m5("papers", folder) if command == "papers" else m5(*again)
    assert said.code != 0
    assert "DATASHEET.md is not UTF-8" in said.err
    assert papers_of(folder) == before
    if command == "papers":
        assert "DATASHEET.md is not UTF-8" in m5("check", folder).err


def test_no_shard_folder(m5: M5, dataset: Path, tmp_path: Path) -> None:
    assert m5("papers", tmp_path / "nothing").code == 2
    assert "its shard folders are" in m5("papers", dataset).err
