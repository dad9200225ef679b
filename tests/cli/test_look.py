"""Commands that look: `sniff`, `show`, `status`, `check`, `explain`."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

import m5tools

from .conftest import M5

HOSTILE = "[red]Lamp[/red] [link=https://x.example]\x1b[31m\x07 [/]"


@pytest.fixture
def copy(shop: Path, tmp_path: Path) -> Path:
    """A curated dataset to damage."""
    return Path(shutil.copytree(shop / "dataset", tmp_path / "dataset"))


def flip(file: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


# sniff ----------------------------------------------------------------------------------------------------------------


def test_sniff_knows_json_lines(m5: M5, crawl: Path) -> None:
    said = m5("sniff", sorted(crawl.glob("*.jsonl"))[0])
    assert said.code == 0
    assert "format json_lines" in said.out
    assert "layout: synth" in said.out
    assert "--set mapping=synth" in said.out


def test_sniff_knows_a_csv(m5: M5, tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    file.write_text(
        "product_id,product_name,initial_price,final_price,category_tree,image_urls\n"
        '1,"[red]Mug[/red]",3,2,"[]","[]"\n2,,3,2,"[]","[]"\n'
    )
    said = m5("sniff", file)
    assert said.code == 0
    assert "format csv, 2 rows" in said.out
    assert "layout: brightdata" in said.out
    row = next(text for text in said.out.splitlines() if "product_name" in text)
    assert "50%" in row
    assert "[red]Mug[/red]" in row


def test_sniff_knows_a_folder(m5: M5, tmp_path: Path) -> None:
    for name in ("apple", "pear", "plum"):
        for ending in (".png", ".txt", ".ogg", "_desc_es.ogg"):
            (tmp_path / f"{name}{ending}").write_bytes(b"x")
    said = m5("sniff", tmp_path)
    assert said.code == 0
    assert "format folder" in said.out
    assert "layout: tuxpaint_stamps" in said.out


def test_sniff_looks_at_the_records_in_a_folder_of_pictures(m5: M5, tmp_path: Path) -> None:
    for name in ("products.jsonl", "a.png"):
        (tmp_path / name).write_text('{"id": 1}')
    said = m5("sniff", tmp_path)
    assert said.code == 0
    assert f"files={tmp_path / 'products.jsonl'}" in said.out
    assert "tuxpaint" not in said.out


def test_sniff_says_when_no_layout_fits(m5: M5, tmp_path: Path) -> None:
    file = tmp_path / "[red]rows.jsonl"
    file.write_text('{"a": 1}\n{"a": 2}\nbroken\n')
    said = m5("sniff", file)
    assert said.code == 0
    assert "3 rows looked at, 1 of them cannot be parsed" in said.out
    assert "none that is known" in said.out
    assert "\nfields:" in said.out


def test_sniff_saves_a_mapping_that_runs_as_it_is(m5: M5, tmp_path: Path) -> None:
    rows, mapping = tmp_path / "cups.csv", tmp_path / "cups.yaml"
    rows.write_text("nummer;titel;preis\n1;Tasse rot;3,50 €\n2;Tasse blau;4,50 €\n")
    said = m5("sniff", rows, "--write", mapping)
    assert said.code == 0
    assert f"--set mapping={mapping}" in said.out
    made = m5(
        "ingest", "-d", tmp_path / "ds", "--set", "source=cups", "--set", f"mapping={mapping}", "--set", f"files={rows}"
    )
    assert made.code == 0, made.err
    assert sorted(m5tools.open(tmp_path / "ds").read("products")["title"]) == ["Tasse blau", "Tasse rot"]
    again = m5("sniff", rows, "--write", mapping)
    assert (again.code, "exists" in again.err) == (2, True)


def test_sniff_writes_the_known_mapping_where_one_fits(m5: M5, crawl: Path, tmp_path: Path) -> None:
    assert m5("sniff", sorted(crawl.glob("*.jsonl"))[0], "--write", tmp_path / "mine.yaml").code == 0
    assert "source: synth" in (tmp_path / "mine.yaml").read_text()


def test_the_command_that_sniff_proposes_can_be_copied(m5: M5, crawl: Path, tmp_path: Path) -> None:
    """Also from a folder whose name looks like markup."""
    folder = tmp_path / "[red]"
    folder.mkdir()
    file = Path(shutil.copy(sorted(crawl.glob("*.jsonl"))[0], folder))
    assert f"--set {shlex.quote(f'files={file}')}" in m5("sniff", file).out


def test_the_command_for_a_layout_with_companions_names_their_folder(m5: M5, tmp_path: Path) -> None:
    names = [
        "Handle",
        "Title",
        "Body (HTML)",
        "Vendor",
        "Option1 Name",
        "Option1 Value",
        "Variant SKU",
        "Variant Price",
    ]
    rows = [
        [*names, "Image Src", "Status"],
        ["mug", "Mug", "<p>A</p>", "Acme", "Color", "Red", "M-R", "12.00", "a.jpg", "active"],
        ["mug", "", "", "", "", "Blue", "M-B", "13.00", "b.jpg", ""],
    ]
    table = tmp_path / "shop.csv"
    table.write_text("".join(",".join(row) + "\n" for row in rows))
    (command,) = (shlex.split(line)[1:] for line in m5("sniff", table).out.splitlines() if line.startswith("next:"))
    assert "mapping=shopify" in command
    command[command.index("DATASET")] = str(tmp_path / "ds")
    made = m5(*command[1:])
    assert made.code == 0, made.err
    assert m5tools.open(tmp_path / "ds").read("products")["title"].to_list() == ["Mug", "Mug"]


# show -----------------------------------------------------------------------------------------------------------------


def test_show_prints_every_table_that_names_the_product(m5: M5, shop: Path) -> None:
    product = (
        m5tools.open(shop / "dataset").products.select("product_id", "title", "native_id").collect().row(0, named=True)
    )
    said = m5("show", product["native_id"], "-d", shop / "dataset")
    assert said.code == 0
    for heading in ("products", "texts", "media", "fetched", "modalities/default", "splits"):
        assert heading in said.out.splitlines()
    assert product["product_id"] in said.out
    assert "state=present" in said.out


def test_show_as_json_is_what_python_shows(m5: M5, shop: Path) -> None:
    dataset = m5tools.open(shop / "dataset")
    product = dataset.products.select("product_id").collect().item(0, 0)
    said = m5("show", product, "-d", shop / "dataset", "--json")
    assert said.code == 0
    shown, known = json.loads(said.out), dataset.show(product)
    assert shown.keys() == known.keys()
    assert {table: len(rows) for table, rows in shown.items()} == {table: len(rows) for table, rows in known.items()}
    assert shown["products"][0]["title"] == known["products"][0]["title"]


def test_a_hostile_title_stays_text(m5: M5, tmp_path: Path) -> None:
    crawl, dataset = tmp_path / "crawl.jsonl", tmp_path / "dataset"
    crawl.write_text(
        json.dumps({"id": "h1", "title": HOSTILE, "attributes": [{"name": HOSTILE, "value": HOSTILE}]}) + "\n"
    )
    sets = ("source=shop", "mapping=synth", f"files={crawl}")
    assert m5("ingest", "-d", dataset, *(w for s in sets for w in ("--set", s)), "-w", 0).code == 0
    said = m5("show", "h1", "-d", dataset)
    assert said.code == 0
    assert "[red]Lamp[/red] [link=https://x.example]" in said.out
    assert not [c for c in said.out if c != "\n" and not c.isprintable()]
    raw = m5("show", "h1", "-d", dataset, "--json").out
    assert "\x1b" not in raw
    assert json.loads(raw)["products"][0]["native_id"] == "h1"


# status, explain ------------------------------------------------------------------------------------------------------


def test_status_lists_finished_stages(m5: M5, shop: Path) -> None:
    said = m5("status", "-d", shop / "dataset")
    assert said.code == 0
    done = {text.split()[0] for text in said.out.splitlines() if " done " in text}
    assert done == set(m5tools.open(shop / "dataset").manifest()["stages"])


def test_status_tells_of_shards_and_overlays_that_were_deleted(m5: M5, copy: Path) -> None:
    shards, table = copy / "shards" / "default", copy.parent / "scores.parquet"
    ids = pl.concat(pl.read_parquet(f, columns=["product_id"]) for f in sorted((shards / "index").glob("*.parquet")))
    ids.with_columns(score=pl.int_range(pl.len())).write_parquet(table)
    made = ("overlay", "-d", copy, "--set", "name=scores", "--set", f"table={table}", "-w", 0)
    assert m5(*made).code == 0

    def states() -> dict[str, str]:
        rows = [text.split() for text in m5("status", "-d", copy).out.splitlines()]
        return {row[0]: row[1] for row in rows if len(row) > 1}

    assert states()["overlay/default/scores"] == "done"
    shutil.rmtree(shards / "overlays" / "scores")
    assert states()["overlay/default/scores"] == "deleted"
    assert states()["shard/default"] == "done"
    assert m5(*made).code == 0
    assert states()["overlay/default/scores"] == "done"
    shutil.rmtree(shards)
    assert (states()["shard/default"], states()["overlay/default/scores"]) == ("deleted", "deleted")


def test_explain_cut_accounts_for_every_product(m5: M5, shop: Path) -> None:
    dataset = m5tools.open(shop / "dataset")
    kept, lost = (dataset.read(table, cut="default") for table in ("cut_products", "cut_losses"))
    said = m5("explain", "cut", "-d", shop / "dataset")
    assert said.code == 0
    assert f"{kept.height} of {kept.height + lost.height} products are kept, {lost.height} left out" in said.out
    first = dict(lost.group_by("rule").len().iter_rows())
    for rule, count in first.items():
        row = next(text for text in said.out.splitlines() if text.strip().startswith(f"{rule} "))
        alone, told, *bands = row.strip().removeprefix(rule).split()
        assert int(told) == count == sum(map(int, bands))
        assert int(alone) >= count
    for modality in m5tools.Modality:
        row = next(text.split() for text in said.out.splitlines() if text.split()[:1] == [modality.value])
        assert sum(map(int, row[1:])) == kept.height, "every product kept has one state of each modality"
    bands = [text.split() for text in said.out.splitlines() if text.split()[:1] in (["head"], ["middle"], ["tail"])]
    assert sum(int(row[1]) for row in bands) == kept.height + lost.height
    assert sum(int(row[2]) for row in bands) == kept.height
    assert "Gini of the category sizes" in said.out


def test_explain_cut_names_the_command_for_a_missing_cut(m5: M5, shop: Path) -> None:
    said = m5("explain", "cut", "-d", shop / "dataset", "--cut", "any")
    assert said.code == 2
    assert "m5 cut --dataset" in said.err


@pytest.mark.parametrize(
    "body", ["{", "[]", "{}", '{"selection": {"policy": "default"}}',
             '{"selection": {"policy": "default"}, "fingerprint": "f", "rules": [{"rule": "x"}]}'],
)  # fmt: skip
def test_explain_cut_refuses_a_damaged_note_with_the_remedy(m5: M5, copy: Path, body: str) -> None:
    note = copy / "cuts" / "default" / "cut.json"
    note.write_text(body)
    said = m5("explain", "cut", "-d", copy)
    assert said.code == 2
    assert f"{note} is damaged" in said.err
    assert f"run: m5 cut --dataset {copy} --refresh" in said.err
    assert said.err.count("\n") == 1


def test_explain_cut_says_when_an_older_release_made_it(m5: M5, copy: Path) -> None:
    note = copy / "cuts" / "default" / "cut.json"
    told = json.loads(note.read_text())
    del told["rules"]
    note.write_text(json.dumps(told))
    assert "was made by an older m5tools" in m5("explain", "cut", "-d", copy).err


def test_explain_shards_counts_the_samples_of_every_split(m5: M5, shop: Path) -> None:
    shards = shop / "dataset" / "shards" / "default"
    said = m5("explain", "shards", shards)
    assert said.code == 0
    told = {row[0]: int(row[1]) for text in said.out.splitlines() if (row := text.split())[:1] and row[0] != "split"}
    for split, samples in told.items():
        assert samples == sum(pq.read_metadata(f).num_rows for f in (shards / "index").glob(f"{split}-*.parquet"))
    assert "train" in told


def test_explain_shards_explains_an_epoch(m5: M5, shop: Path) -> None:
    pytest.importorskip("torch")
    shards = shop / "dataset" / "shards" / "default"
    asked = ("--batch-size", 4, "--world-size", 2, "--filter", "category IS NOT NULL")
    said = m5("explain", "shards", shards, *asked)
    assert said.code == 0, said.err
    told = json.loads(m5("explain", "shards", shards, *asked, "--json").out)
    epoch = told["epoch"]
    assert epoch["batches"] * 4 == epoch["delivered"] <= told["splits"]["train"]["samples"]
    assert f"{epoch['batches']} batches, {epoch['delivered']} of {epoch['samples']} samples" in said.out
    assert f"mixes over {epoch['samples']} samples" in said.out
    assert "2 ranks: the dearest has" in said.out
    assert sum(epoch["categories"].values()) == epoch["delivered"]
    assert list(epoch["held"]) == ["image", "text", "table", "video", "audio"]
    assert "epoch" not in m5("explain", "shards", shards).out


def test_explain_shards_counts_overlays(m5: M5, copy: Path) -> None:
    pytest.importorskip("torch")
    shards, table = copy / "shards" / "default", copy.parent / "scores.parquet"
    ids = pl.concat(pl.read_parquet(f, columns=["product_id"]) for f in sorted((shards / "index").glob("*.parquet")))
    ids.with_columns(score=pl.int_range(pl.len())).write_parquet(table)
    assert m5("overlay", "-d", copy, "--set", "name=scores", "--set", f"table={table}").code == 0
    said = m5("explain", "shards", shards, "--batch-size", 4, "--filter", "score % 2 = 0")
    assert said.code == 0, said.err
    assert "overlay scores: score\n" in said.out
    assert "shards with overlays scores" in said.out
    told = json.loads(m5("explain", "shards", shards, "--batch-size", 4, "--filter", "score % 2 = 0", "--json").out)
    assert told["overlays"] == {"scores": {"brings": ["score"], "shards": 0, "bytes": 0}}
    assert told["epoch"]["overlays"] == ["scores"]
    assert 0 < told["epoch"]["samples"] < told["splits"]["train"]["samples"]
    manifest = shards / "overlays" / "scores" / "overlay.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "base": "0" * 32}))
    for asked in ((), ("--batch-size", 4)):
        refused = m5("explain", "shards", shards, *asked)
        assert refused.code == 2
        assert f"{manifest} was made for other shards than these; run 'm5 overlay' again" in refused.err.replace(
            "\n", ""
        )


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("--world-size", 3), "multiple of 3"),
        (("--filter", "colour = 'red'"), "this filter does not work"),
        (("--filter", "category ="), "--filter: "),
        (("--modalities", "smell"), "no modality is called 'smell'"),
        (("--split", "none"), "no split 'none'"),
    ],
)
def test_explain_shards_refuses_in_one_line(m5: M5, shop: Path, asked: tuple[object, ...], message: str) -> None:
    pytest.importorskip("torch")
    said = m5("explain", "shards", shop / "dataset" / "shards" / "default", "--batch-size", 4, *asked)
    assert said.code == 2
    assert message in said.err


# check ----------------------------------------------------------------------------------------------------------------


def test_check_passes_what_is_whole(m5: M5, shop: Path) -> None:
    whole = m5("check", shop / "dataset")
    assert (whole.code, whole.err) == (0, "")
    assert "0 faults" in whole.out
    shards = m5("check", shop / "dataset" / "shards" / "default")
    assert (shards.code, shards.err) == (0, "")
    assert "0 faults" in shards.out


def test_check_names_the_damaged_file_of_a_dataset(m5: M5, copy: Path) -> None:
    damaged = sorted((copy / "tables" / "products").rglob("*.parquet"))[0]
    flip(damaged)
    gone = sorted((copy / "edges").rglob("*.parquet"))[0]
    gone.unlink()
    said = m5("check", copy)
    assert said.code == 1
    faults = said.err.splitlines()
    assert len(faults) == 2
    for file, remedy in ((damaged, "m5 ingest"), (gone, "m5 dedup")):
        line = next(text for text in faults if text.startswith(file.relative_to(copy).as_posix()))
        assert remedy in line


def test_check_names_the_damaged_tar(m5: M5, copy: Path) -> None:
    shards = copy / "shards" / "default"
    flip(shards / "train-000000.tar")
    said = m5("check", shards)
    assert said.code == 1
    assert said.err.startswith("train-000000.tar")
    assert said.err.count("\n") < 10, "one flipped bit is one member, not a list of every sample"


def test_damage_is_one_line_that_names_check(m5: M5, copy: Path) -> None:
    next((copy / "tables" / "products").rglob("*.parquet")).write_bytes(b"x")
    for command in (("show", "x"), ("audit",)):
        said = m5(*command, "-d", copy)
        assert said.code == 2
        assert f"m5 check {copy}" in said.err
        assert said.err.count("\n") == 1


def test_a_dataset_where_shards_are_wanted_names_its_shards(m5: M5, shop: Path) -> None:
    said = m5("explain", "shards", shop / "dataset")
    assert said.code == 2
    assert str(shop / "dataset" / "shards" / "default") in said.err


def test_compact_says_how_many_part_files_became_how_few(m5: M5, tmp_path: Path) -> None:
    for number in (1, 2):
        delivered = tmp_path / f"{number}.jsonl"
        delivered.write_text(f'{{"id": "{number}", "title": "Lamp {number}"}}\n')
        sets = ("source=shop", "mapping=synth", f"files=['{delivered}']", f"crawl_id=shop-{number}")
        told = [word for one in sets for word in ("--set", one)]
        assert m5("ingest", "-d", tmp_path / "ds", "-w", 0, *told).code == 0
    said = m5("compact", "-d", tmp_path / "ds")
    assert (said.code, said.out) == (0, f"{tmp_path / 'ds'}: 2 crawls merged, 32 part files became 16\n")
    again = m5("compact", "-d", tmp_path / "ds")
    assert again.out == f"{tmp_path / 'ds'}: no crawls with parts so small that several fill one\n"
    assert m5("check", tmp_path / "ds").code == 0
    assert m5("compact", "-d", tmp_path / "nowhere").code == 2
