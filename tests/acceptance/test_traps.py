"""The fourteen traps, each by its number, as a user meets it: files in, commands, tables out.

Where an acceptance test of its own holds a trap, it is named in `ELSEWHERE` and must be there. The page that sets them
beside what other tools do is `docs/guides/traps.md`.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from PIL import Image

from m5tools import schema
from m5tools.dataset import Dataset
from m5tools.vocabulary import Reason, State
from tests.dedup.shop import drawing, encoded, with_margin
from tests.fetch.server import Request, Server, picture, reply, serving

from . import line
from .delivery import TO_DUPLICATES, Item, attributes, curate, item, store

ELSEWHERE = {
    6: {
        "tests.acceptance.test_same_result": (
            "test_rows_shuffled_over_seven_files",
            "test_a_row_inserted_between_stages_changes_no_other_verdict",
        )
    },
    7: {"tests.faults.test_kills": ("test_every_stage_killed_at_a_change_of_a_file_ends_as_undisturbed",)},
    11: {
        "tests.acceptance.test_same_result": ("test_one_worker_writes_what_two_write",),
        "tests.engine.test_ray": ("test_a_recipe_that_loses_a_node_and_changes_the_engine_twice",),
    },
    12: {"tests.acceptance.test_append": ("test_a_crawl_appended_moves_nothing_old",)},
    14: {
        "tests.acceptance.test_noise": (
            "test_noise_weighs_least_in_losses_and_in_the_product",
            "test_what_is_absent_changes_nothing",
        ),
        "tests.scale.harmony.test_harmonized": ("test_noise_comes_last_in_both_families_and_in_the_vector",),
    },
}


def relations(dataset: Dataset) -> dict[frozenset[str], str]:
    """Relation by pair of titles' first words, or of native ids where there are any."""
    names = dict(dataset.read("products").select("product_id", pl.coalesce("native_id", "product_id")).iter_rows())
    edges = dataset.read("edges")
    return {
        frozenset((names[a], names[b])): r for a, b, r in edges.select("product_a", "product_b", "relation").iter_rows()
    }


KETTLE = {"material": "steel", "type": "kettle", "warranty": "two years", "lid": "hinged"}
SHIRT = {"material": "cotton", "fit": "regular", "neck": "crew", "sleeve": "short"}


@pytest.fixture(scope="module")
def edits() -> dict[str, bytes]:
    """One picture as other shops show it."""
    image = drawing(1)
    margins = {f"margin {percent} %": encoded(with_margin(image, percent / 100)) for percent in (5, 15, 40)}
    return {"itself": encoded(image), "q50": encoded(image, 50), "300 px": encoded(image.resize((300, 300))), **margins}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, scratch: Path, edits: dict[str, bytes]) -> Dataset:
    """One delivery with the traps 2 to 5 in it, through to duplicates."""
    folder = tmp_path_factory.mktemp("traps")
    sold = {"brand": "Acme"}
    items = [
        item("shoe-42", "Acme Nimbus running shoe 3310 men", SHIRT | {"size": "42"}, **sold),
        item("shoe-38", "Acme Nimbus running shoe 3310 men", SHIRT | {"size": "38"}, **sold),
        item("phone-128", "Acme Galaxy phone Z5 128 GB black", KETTLE, **sold),
        item("phone-256", "Acme Galaxy phone Z5 256 GB black", KETTLE, **sold),
        item("tv-55", "Acme Bravia television 4K 55 inch", {"panel": "OLED", "tuner": "twin", "legs": "metal"}, **sold),
        item("tv-65", "Acme Bravia television 4K 65 inch", {"panel": "OLED", "tuner": "twin", "legs": "metal"}, **sold),
    ]
    for colour, rgb in (("red", (190, 40, 40)), ("blue", (40, 80, 190))):
        shirt = store(folder, f"{colour}.jpg", encoded(drawing(3, rgb)))
        items.append(item(f"shirt-{colour}", "Acme tee shirt", SHIRT | {"color": colour}, images=[shirt], **sold))
    words = (
        "Acme steel kettle",
        "Cordless water boiler",
        "Tea maker of steel",
        "Boiler for tea",
        "Hot water jug",
        "Electric jug",
    )
    for (edit, data), title in zip(edits.items(), words, strict=True):
        shown = store(folder, f"kettle {edit}.jpg", data)
        items.append(
            item(f"kettle {edit}", title, KETTLE | {"plug": "type F"}, images=[shown], seller=f"Seller of {edit}")
        )
    blank = encoded(Image.new("RGB", (300, 300), "white"))
    for name, word in (("one", "Sturdy garden rake"), ("two", "Velvet curtain")):
        facts = {"lid": name, "type": word}
        items.append(
            item(f"broken-{name}", f"{word} broken", facts, images=[store(folder, f"b-{name}.jpg", blank[:90])])
        )
        items.append(item(f"blank-{name}", f"{word} blank", facts, images=[store(folder, f"w-{name}.jpg", blank)]))
    for number in range(3):
        path = store(folder, f"p{number}/main.jpg", encoded(drawing(20 + number)))
        items.append(item(f"main-{number}", f"Thing {number}", {"number": str(number)}, images=[path]))
    return curate(folder, scratch, items, TO_DUPLICATES)


def test_1_short_titles_are_rows_of_their_own(tmp_path: Path, scratch: Path) -> None:
    rows: list[Item] = [{"title": title, "url": None} for title in ("USB cable", "Blue mug")]
    rows += [
        {"title": title, "attributes": attributes(colour=colour)} for title, colour in (("", "red"), (None, "blue"))
    ]
    four = curate(tmp_path / "four", scratch, rows, TO_DUPLICATES)
    assert four.read("products").height == 4
    assert four.read("edges").height == 0
    twice = curate(tmp_path / "twice", scratch, [rows[0], *rows], TO_DUPLICATES)
    assert twice.read("products").height == 5
    edges = twice.read("edges")
    cables = twice.read("products").filter(title="USB cable")["product_id"]
    assert edges.select("product_a", "product_b", "relation").rows() == [(*sorted(cables), "same_offer")]


@pytest.mark.parametrize("pair", [("shoe-42", "shoe-38"), ("phone-128", "phone-256"), ("tv-55", "tv-65")])
def test_2_another_size_is_a_variant(shop: Dataset, pair: tuple[str, str]) -> None:
    assert relations(shop)[frozenset(pair)] == "variant"


def test_3_another_colour_is_a_variant_and_an_edited_picture_the_same(shop: Dataset, edits: dict[str, bytes]) -> None:
    assert relations(shop)[frozenset(("shirt-red", "shirt-blue"))] == "variant"
    for edit in edits.keys() - {"itself"}:
        assert relations(shop)[frozenset(("kettle itself", f"kettle {edit}"))] == "same_product", edit


def test_4_nothing_is_equal_to_nothing(shop: Dataset) -> None:
    found = {frozenset(word for word in pair) for pair in relations(shop)}
    assert not any(word.startswith(("broken-", "blank-")) for pair in found for word in pair)
    names = dict(shop.read("products").select("native_id", "product_id").iter_rows())
    tags = shop.read("tags", policy="default").select("product_id", "tag").rows()
    for name in ("one", "two"):
        assert {tag for product, tag in tags if product == names[f"blank-{name}"]} & {
            "image.blank",
            "image.placeholder",
        }
        states = shop.read("modalities", policy="default").filter(product_id=names[f"broken-{name}"], modality="image")
        assert states["state"].item() == State.FAILED


def test_5_files_of_one_name_are_three_files(shop: Dataset) -> None:
    listed = shop.read("media").filter(pl.col("location_raw").str.ends_with("main.jpg"))
    fetched = listed.join(shop.read("fetched"), on="location_id")
    assert (fetched.height, fetched["asset_id"].n_unique(), fetched["product_id"].n_unique()) == (3, 3, 3)


@pytest.mark.parametrize("rows", [1_500, pytest.param(100_000, marks=pytest.mark.slow)])
def test_8_one_description_under_all_products_welds_nothing(rows: int, tmp_path: Path, scratch: Path) -> None:
    shared = "Welcome to our shop. We ship worldwide within three days and answer every question with pleasure."
    items = [
        {"id": str(i), "title": f"Thing {i * 7919:x}{i:x}", "description": shared, "brand": f"Maker {i % 97}"}
        for i in range(rows)
    ]
    dataset = curate(tmp_path, scratch, items, (*TO_DUPLICATES, "audit"))
    told = json.loads((tmp_path / "dataset" / "reports" / "audit.json").read_text())["hubs"]
    assert told["hubs"] > 0
    assert told["products"] >= rows
    counts = dataset.manifest()["stages"]["compare"]["counts"]
    assert counts["pairs_found"] <= 20 * rows
    assert dataset.read("clusters").group_by("relation", "cluster_id").len()["len"].max() in (None, 1)


def test_9_a_column_of_nulls_and_one_poisoned_row(tmp_path: Path, scratch: Path) -> None:
    """The first file has no video at all, the second one in every row; a row of each is damaged."""
    items: list[Item | str] = [{"id": str(i), "title": f"Thing number {i}", "videos": None} for i in range(50)]
    items[25] = '{"id": "25", "title": "Thing", "videos": [[[[}'
    later = [json.dumps({"id": str(i), "title": f"Thing number {i}", "videos": [f"{i}.mp4"]}) for i in range(50, 100)]
    store(tmp_path, "later.jsonl", "\n".join([*later[:-1], later[-1][:-3]]).encode())
    dataset = curate(tmp_path, scratch, items, ())
    assert dataset.read("products").height == 98
    assert dataset.read("rejects")["reason"].to_list() == ["not_parseable"] * 2
    assert dataset.read("media")["modality"].to_list() == ["video"] * 49
    for table in ("products", "texts", "attributes", "media"):
        for part in dataset.parts(table):
            assert pq.read_schema(part).equals(schema.law(table).schema)


async def _endless(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" + picture(1))
    while True:
        writer.write(bytes(1 << 16))
        await writer.drain()


@pytest.fixture
def server() -> Iterator[Server]:
    routes: dict[str, Any] = {
        "/good.png": reply(picture(3)),
        "/to-metadata": reply(status=302, Location="http://169.254.169.254/latest/meta-data/"),
        "/to-six": reply(status=302, Location="http://[::1]:80/"),
        "/ten-gigabytes": reply(picture(2), Content_Length=10 * 2**30),
        "/endless": _endless,
    }
    with serving(Server(routes)) as running:
        yield running


def test_10_private_addresses_and_endless_bodies_are_refused(server: Server, tmp_path: Path, scratch: Path) -> None:
    hosts = ("127.0.0.1", "169.254.169.254", "[::1]", "localhost")
    inner = [server.url("/good.png", host) for host in hosts]
    closed = _reasons(curate(tmp_path / "closed", scratch, _listing(inner), ("fetch",)), inner)
    assert closed == [(State.FAILED, Reason.BLOCKED_ADDRESS)] * len(inner)
    assert not server.asked
    paths = ["/good.png", "/to-metadata", "/to-six", "/ten-gigabytes", "/endless"]
    urls = [server.url(path) for path in paths]
    opened = {"fetch__allow_networks": "[127.0.0.0/8]", "fetch__tries": 1, "fetch__largest_bytes": 1_000_000}
    dataset = curate(tmp_path / "opened", scratch, _listing(urls), ("fetch",), **opened)
    assert dataset.read("products").height == len(urls)
    assert _reasons(dataset, urls) == [
        (State.PRESENT, Reason.NONE),
        (State.FAILED, Reason.BLOCKED_ADDRESS),
        (State.FAILED, Reason.BLOCKED_ADDRESS),
        (State.FAILED, Reason.TOO_LARGE),
        (State.FAILED, Reason.TOO_LARGE),
    ]


def _listing(urls: Sequence[str]) -> list[Item]:
    return [{"id": str(i), "title": f"Thing number {i}", "images": [url]} for i, url in enumerate(urls)]


def _reasons(dataset: Dataset, urls: Sequence[str]) -> list[tuple[State, Reason]]:
    found = dataset.read("media").join(dataset.read("fetched"), on="location_id")
    by_url = {raw: (State(s), Reason(r)) for raw, s, r in found.select("location_raw", "state", "reason").iter_rows()}
    return [by_url[url] for url in urls]


def test_13_others_read_all_samples(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples that differ in members among the first five, by which HF datasets judges a tar."""
    import webdataset

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    shards = dataset / "shards" / "default"
    index = Dataset(dataset).read("shard_index").filter(split="train")
    members = {row["product_id"]: frozenset(m["name"] for m in row["members"]) for row in index.iter_rows(named=True)}
    assert len(set(list(members.values())[:5])) > 1
    tars = sorted(map(str, shards.glob("train-*.tar")))
    plain = {s["__key__"]: {k for k in s if k[:2] != "__"} for s in webdataset.WebDataset(tars, shardshuffle=False)}
    assert plain == members
    stream = datasets.load_dataset(str(shards), split="train", streaming=True, cache_dir=str(tmp_path))
    hf = {s["__key__"]: {k for k, v in s.items() if k[:2] != "__" and v is not None} for s in stream}
    assert hf == members
    assert ", 0 faults" in line.complete([*line.M5, "check", str(shards)], tmp_path)


@pytest.mark.parametrize("number", ELSEWHERE)
def test_the_others_have_tests_of_their_own(number: int) -> None:
    for module, names in ELSEWHERE[number].items():
        for name in names:
            assert callable(getattr(importlib.import_module(module), name))


def test_every_trap_has_its_test_and_its_place_on_the_page() -> None:
    here = {int(name.split("_")[1]) for name in globals() if name.startswith("test_") and name.split("_")[1].isdigit()}
    assert here | ELSEWHERE.keys() == set(range(1, 15))
    page = (Path(__file__).parents[2] / "docs" / "guides" / "traps.md").read_text(encoding="utf-8")
    for number in range(1, 15):
        assert f"\n## {number}. " in page
