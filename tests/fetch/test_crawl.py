"""The stage with URLs: packs, resuming by the URL, stopping at a deadline, asking again."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine, Result, run_stage
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.engine.verify import Fault, verify
from m5tools.fetch import exchange, plan, ranges
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.stage import PLAN, RANGES_A_FILE, Fetch
from m5tools.journal import Journal
from m5tools.media import guard, source
from m5tools.stage import Work
from m5tools.vocabulary import Reason, State

from .server import Request, Route, Server, picture, reply, serving

Make = Callable[..., Dataset]
SETTINGS: dict[str, Any] = {"allow_networks": ("127.0.0.0/8",), "retry_wait_s": 0.0}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server(), "127.0.0.1", "127.0.0.2", "127.0.0.3") as running:
        yield running


def fetch(**settings: Any) -> Fetch:
    return Fetch(FetchConfig(**{**SETTINGS, **settings}))


def run(dataset: Dataset, *, deadline: float | None = None, refresh: bool = False, **settings: Any) -> Result:
    with Pool(0) as pool:
        return LocalEngine(pool, Silent(), deadline=deadline, refresh=refresh).run(dataset, fetch(**settings))


def listing(urls: list[str], crawl: str = "c1") -> list[dict[str, object]]:
    return [
        {
            "product_id": f"{i * 7919 % 65_536:04x}{i:028x}", "crawl_id": crawl, "source": "shop", "position": 0,
            "modality": "image", "location_raw": url, "location": url,
            "location_id": hashlib.sha256(url.encode()).hexdigest()[:32],
        }
        for i, url in enumerate(urls)
    ]  # fmt: skip


def outcome(dataset: Dataset) -> dict[str, tuple[str, str]]:
    """State and reason of every location, by the path of its URL."""
    media = dataset.media.select("location_id", "location").unique()
    rows = dataset.fetched.join(media, on="location_id").select("location", "state", "reason").collect()
    return {
        location.partition("://")[2].partition("/")[2]: (State(state).word, Reason(reason).word)
        for location, state, reason in rows.iter_rows()
    }


def faults(dataset: Dataset) -> list[Fault]:
    """What is wrong with what fetch wrote; the tables it reads were laid there without an ingest."""
    return [f for f in verify(dataset)[1] if not f.path.startswith(("runs/ingest", "tables/media"))]


def contents(dataset: Dataset) -> dict[str, bytes]:
    """The files of tables and packs."""
    files = (f for top in ("tables", "packs") for f in sorted((dataset.root / top).rglob("*")) if f.is_file())
    return {f.relative_to(dataset.root).as_posix(): f.read_bytes() for f in files}


def pictures(server: Server, count: int) -> list[str]:
    """So many routes, every third of which has the bytes of another; gives their URLs."""
    server.routes |= {f"/{i}/main.png": reply(picture(i - i % 3 // 2), ETag=f'"{i}"') for i in range(count)}
    return [server.url(f"/{i}/main.png") for i in range(count)]


def far_away(server: Server) -> None:
    """Every answer takes as long as from a server that is far away: longer than a pack to close."""

    def late(answer: bytes) -> Route:
        async def send(request: Request, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.05)
            writer.write(answer)

        return send

    server.routes |= {path: late(answer) for path, answer in server.routes.items() if isinstance(answer, bytes)}


def test_a_folder_among_the_packs_that_is_none_of_theirs_is_passed_over(make_dataset: Make, server: Server) -> None:
    dataset = make_dataset({"media": listing(pictures(server, 3))})
    stray = dataset.root / "packs" / "1x" / "mine.tar"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"mine")
    run(dataset)
    assert {state for state, _ in outcome(dataset).values()} == {"present"}
    assert run(dataset, refresh=True).counts["assets"]
    assert stray.read_bytes() == b"mine"


def test_urls_become_assets_in_packs(make_dataset: Make, server: Server) -> None:
    urls = pictures(server, 9)
    server.routes |= {"/dead": reply(b"", 410), "/page": reply(b"<html>no</html>")}
    bad = ["ftp://127.0.0.1/a.png", "http://169.254.169.254/a", "FILE:///etc/passwd"]
    dataset = make_dataset({"media": listing([*urls, server.url("/dead"), server.url("/page"), *bad])})
    result = run(dataset, locations_a_pack=4)
    assert result.counts == {
        "answered": 11, "assets": 6, "barred": 2, "failed": 5, "items": 14, "pending": 0, "to_ask_again": 0,
    }  # fmt: skip
    assert fetch().remarks(dataset) == ["failed: 2 blocked_address, 1 dead_link, 1 outside_media_root, 1 wrong_type"]
    states = outcome(dataset)
    assert {states[f"{i}/main.png"] for i in range(9)} == {("present", "none")}
    assert [states[p][1] for p in ("dead", "page", "a.png", "a", "etc/passwd")] == [
        "dead_link", "wrong_type", "blocked_address", "blocked_address", "outside_media_root",
    ]  # fmt: skip
    for asset in dataset.assets.collect().to_dicts():
        data = source.read(dataset.root, asset["uri"], asset["offset"], asset["length"])
        assert hashlib.sha256(data).hexdigest() == asset["asset_id"]
        with tarfile.open(dataset.root / asset["uri"]) as pack:
            assert asset["asset_id"] + ".png" in pack.getnames()
    assert faults(dataset) == []
    assert run(dataset, locations_a_pack=4).up_to_date
    assert set(server.asked.values()) == {1}


def test_any_number_of_workers_writes_the_same_bytes(make_dataset: Make, server: Server) -> None:
    async def late(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(reply(picture(77)))

    urls = pictures(server, 40)
    server.routes["/0/main.png"] = late
    urls += [url.replace("127.0.0.1", f"127.0.0.{i}") for i in (2, 3) for url in urls[: 10 * i]]
    results = []
    for workers in (0, 2):
        dataset = make_dataset({"media": listing(urls)}, name=f"dataset-{workers}")
        run_stage(dataset, fetch(locations_a_unit=15, locations_a_pack=4, per_host=48), workers)
        results.append(contents(dataset))
    assert results[0] == results[1]
    assert len([name for name in results[0] if name.endswith(".tar")]) > 10


def test_a_reached_deadline_leaves_the_rest_pending(make_dataset: Make, server: Server) -> None:
    urls = pictures(server, 30)
    order = sorted(range(30), key=lambda i: hashlib.sha256(urls[i].encode()).hexdigest())
    dataset = make_dataset({"media": listing(urls)})
    stop = time.monotonic() + 2.0

    async def until_late(request: Request, writer: asyncio.StreamWriter) -> None:
        """Time is up in the middle of the tenth request, which may still end."""
        await asyncio.sleep(max(0.0, stop - time.monotonic() + 0.05))
        writer.write(reply(picture(200)))

    server.routes[f"/{order[9]}/main.png"] = until_late
    first = run(dataset, deadline=stop, per_host=1, locations_a_pack=4)
    assert first.finished
    assert first.counts["pending"] == first.counts["to_ask_again"] >= 20
    assert first.counts["pending"] + first.counts["answered"] == 30
    assert run_stage(dataset, fetch(per_host=1, locations_a_pack=4)).counts["pending"] == 0
    assert set(server.asked.values()) - {1} <= {2}
    assert [path for path, times in server.asked.items() if times > 1] == ["/robots.txt"]
    assert run(dataset, per_host=1, locations_a_pack=4).up_to_date


def test_nothing_is_asked_after_the_deadline_and_local_files_are_still_looked_at(
    make_dataset: Make, server: Server, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(picture(1))
    dataset = make_dataset({"media": listing([*pictures(server, 3), "a.png"])})
    with dataset.changing() as manifest:
        manifest["crawls"][0]["media_root"] = str(tmp_path)
    result = run(dataset, deadline=time.monotonic() - 1)
    assert result.finished
    assert result.counts == {"answered": 0, "assets": 1, "failed": 0, "items": 4, "pending": 3, "to_ask_again": 3}
    assert not server.requests
    assert run(dataset).counts["pending"] == 0


def test_passing_failures_are_asked_again_by_later_runs_but_not_for_ever(make_dataset: Make, server: Server) -> None:
    server.routes |= {"/a": reply(b"", 503), "/b": reply(b"", 404), "/c": reply(picture(1))}
    dataset = make_dataset({"media": listing([server.url(p) for p in ("/a", "/b", "/c")])})
    for again in (1, 1, 0):
        result = run(dataset, tries=1)
        assert not result.up_to_date
        assert result.counts["to_ask_again"] == again
    assert run(dataset, tries=1).up_to_date
    assert (server.asked["/a"], server.asked["/b"], server.asked["/c"]) == (3, 1, 1)
    assert outcome(dataset)["a"] == ("failed", "http_error")
    server.routes["/a"] = reply(picture(2))
    assert run(dataset, tries=1, refresh=True).counts["assets"] == 2
    assert outcome(dataset)["a"] == ("present", "none")


@pytest.mark.parametrize(
    ("robots", "address", "told", "advice"),
    [
        (reply(b"User-agent: *\nDisallow: /"), "127.0.0.1", "barred", "nothing was sent"), (reply(b"", 503), "127.0.0.1", "barred", "nothing was sent"),
        (reply(b"", 404), "127.0.0.9", "unreachable", "no server could be reached"), (reply(b"", 404), "10.0.0.1", "barred", "nothing was sent"),
        (reply(b"", 404), "127.0.0.1", "answered", "no listed file could be had"),
    ],
)  # fmt: skip
def test_a_run_that_sent_nothing_does_not_say_that_it_asked(
    make_dataset: Make, server: Server, robots: bytes, address: str, told: str, advice: str
) -> None:
    server.routes["/robots.txt"] = robots
    dataset = make_dataset({"media": listing([server.url(f"/{i}.png", address) for i in range(3)])})
    counts = run(dataset, tries=1).counts
    found = {name: counts.get(name, 0) for name in ("answered", "barred", "unreachable", "kept")}
    assert found == {"answered": 0, "barred": 0, "unreachable": 0, "kept": 0, told: 3}
    assert (fetch().advice(counts) or "").startswith(advice)
    assert set(server.asked) <= (
        {"/robots.txt", *(f"/{i}.png" for i in range(3))} if told == "answered" else {"/robots.txt"}
    )


def test_bytes_of_no_known_type_that_were_kept_once_are_none_any_more(
    make_dataset: Make, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.routes |= {"/a": reply(bytes(5_000), ETag='"a"'), "/b": reply(picture(1))}
    dataset = make_dataset({"media": listing([server.url("/a"), server.url("/b")])})
    with monkeypatch.context() as earlier:
        earlier.setattr(exchange, "judged", lambda head, modality: guard.sniff(head)[1])
        assert run(dataset, locations_a_pack=1).counts["assets"] == 1
        assert outcome(dataset)["a"] == ("failed", "wrong_type")
    assert run(dataset, refresh=True).counts["assets"] == 1
    assert outcome(dataset) == {"a": ("failed", "wrong_type"), "b": ("present", "none")}
    assert dataset.fetched.collect()["asset_id"].null_count() == 1


def test_a_polite_run_gives_a_contact(make_dataset: Make, server: Server) -> None:
    dataset = make_dataset({"media": listing(pictures(server, 3))})
    counts = run(dataset).counts
    assert "contact" in (fetch().advice(counts) or "")
    assert fetch(contact="https://shop.example/bot").advice(counts) is None
    assert fetch().remarks(dataset) == []


def test_failures_hold_only_under_the_settings_they_were_met_with(make_dataset: Make, server: Server) -> None:
    server.routes |= {"/a": reply(picture(1)), "/b": reply(b"", 404)}
    dataset = make_dataset({"media": listing([server.url("/a"), server.url("/b")])})
    run(dataset, allow_networks=())
    assert set(outcome(dataset).values()) == {("failed", "blocked_address")}
    run(dataset)
    assert outcome(dataset) == {"a": ("present", "none"), "b": ("failed", "dead_link")}
    run(dataset, per_host=3)
    assert server.asked == {"/robots.txt": 1, "/a": 1, "/b": 1}


def test_refresh_asks_on_condition_and_loses_nothing(make_dataset: Make, server: Server) -> None:
    async def unchanged(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"", 304) if request.headers.get("If-None-Match") == '"0"' else reply(b"", 500))

    urls = pictures(server, 4)
    dataset = make_dataset({"media": listing(urls)})
    run(dataset)
    before, fingerprint = contents(dataset), dataset.manifest()["stages"]["fetch"]["fingerprint"]
    server.routes["/0/main.png"] = unchanged
    server.routes["/1/main.png"] = reply(b"", 404)
    assert run(dataset, refresh=True).counts["to_ask_again"] == 0
    after = contents(dataset)
    assert {name: after[name] for name in before} == before
    assert not list(dataset.root.glob("packs/0002/*.tar"))
    assert dataset.manifest()["stages"]["fetch"]["fingerprint"] == fingerprint
    statuses = dict(dataset.visits.filter(pl.col("visit") == 2).join(dataset.media, on="location_id").select("location", "status").collect().iter_rows())  # fmt: skip
    assert [statuses[url] for url in urls] == [304, 404, 200, 200]
    server.routes["/2/main.png"] = reply(picture(99))
    run(dataset, refresh=True)
    assert len(list(dataset.root.glob("packs/0003/*.tar"))) == 1
    assert dataset.assets.collect().height == 4


def test_what_a_later_crawl_lists_again_is_asked_on_condition(make_dataset: Make, server: Server) -> None:
    urls = pictures(server, 4)
    dataset = make_dataset({"media": listing(urls), "products": [
        {"product_id": row["product_id"], "crawl_id": "c1", "source": "shop", "origin_file": "", "origin_offset": 0,
         "content_hash": ""}
        for row in listing(urls)]})  # fmt: skip
    run(dataset)
    again = {row["product_id"] for row in listing(urls)[:2]}
    for table in ("media", "products"):
        for part in dataset.parts(table):
            rows = pl.read_parquet(part).filter(pl.col("product_id").is_in(again))
            dataset.write(table, f"c2/{part.stem}", rows.with_columns(crawl_id=pl.lit("c2")))
    with dataset.changing() as manifest:
        manifest["crawls"].append({"source": "shop", "crawl_id": "c2", "media_root": None})
        manifest["stages"]["ingest/c2"] = {**manifest["stages"]["ingest/c1"], "fingerprint": "other"}
    counts = run(dataset).counts
    assert (counts["answered"], counts["kept"]) == (2, 2)
    conditional = [r for r in server.requests if "If-None-Match" in r.headers]
    assert sorted(r.path for r in conditional) == ["/0/main.png", "/1/main.png"]
    assert server.asked["/3/main.png"] == 1


def test_a_pack_that_is_gone_is_fetched_anew(make_dataset: Make, server: Server) -> None:
    dataset = make_dataset({"media": listing(pictures(server, 3))})
    run(dataset)
    for pack in dataset.root.glob("packs/*/*.tar"):
        pack.unlink()
    assert [f.what for f in faults(dataset)] == ["missing"]
    assert run(dataset, refresh=True).counts["assets"] == 2
    assert faults(dataset) == []


def test_without_download_only_what_was_had_is_there(make_dataset: Make, server: Server) -> None:
    urls = pictures(server, 3)
    offline = make_dataset({"media": listing(urls)}, name="offline")
    assert run(offline, download=False).counts == {"assets": 0, "failed": 0, "items": 3, "pending": 3}
    assert run(offline, download=False).up_to_date
    assert not server.requests
    dataset = make_dataset({"media": listing(urls)})
    run(dataset)
    assert run(dataset, download=False).counts == {"assets": 2, "failed": 0, "items": 3, "kept": 3, "pending": 0}


def test_a_slow_host_keeps_no_other_waiting(make_dataset: Make, server: Server) -> None:
    """Its answer comes only when all that another host has was asked for."""
    urls = [server.url(f"/{i}/main.png") for i in range(600)]
    all_but_one = threading.Event()

    async def count(request: Request, writer: asyncio.StreamWriter) -> None:
        if len(server.requests) >= 600:
            all_but_one.set()
        writer.write(reply(picture(int(request.path.split("/")[1]))))

    async def wait(request: Request, writer: asyncio.StreamWriter) -> None:
        while not all_but_one.is_set():
            await asyncio.sleep(0.01)
        writer.write(reply(picture(9_999)))

    server.routes |= {f"/{i}/main.png": count for i in range(600)} | {"/slow": wait}
    slow = server.url("/slow", "127.0.0.2")
    dataset = make_dataset({"media": listing([slow, *urls])})
    assert run(dataset, locations_a_pack=100, stall_s=60).counts["assets"] == 601


def test_a_dataset_that_lists_no_media(make_dataset: Make) -> None:
    dataset = make_dataset({"media": []})
    assert run(dataset).counts == {"assets": 0}
    assert run(dataset).up_to_date


def test_all_visits_to_a_product_are_shown(make_dataset: Make, server: Server) -> None:
    server.routes["/a"] = reply(b"", 503)
    media = listing([server.url("/a")])
    about = {"crawl_id": "c1", "source": "shop", "origin_file": "", "origin_offset": 0, "content_hash": ""}
    dataset = make_dataset({"media": media, "products": [{"product_id": media[0]["product_id"], **about}]})
    for _ in range(2):
        run(dataset, tries=1)
    shown = dataset.show(str(media[0]["product_id"]))
    assert [(row["visit"], row["status"]) for row in shown["visits"]] == [(1, 503), (2, 503)]


SCRIPT = """
import sys
from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.stage import Fetch
config = FetchConfig(allow_networks=("127.0.0.0/8",), locations_a_pack=4, per_host=2, retry_wait_s=0.0)
run_stage(Dataset(sys.argv[1]), Fetch(config))
"""


def test_a_killed_run_does_not_ask_again_for_what_a_pack_holds(make_dataset: Make, server: Server) -> None:
    urls = pictures(server, 40)
    far_away(server)
    undisturbed = make_dataset({"media": listing(urls)}, name="undisturbed")
    run_stage(undisturbed, fetch(locations_a_pack=4, per_host=2))
    server.requests.clear()
    dataset = make_dataset({"media": listing(urls)})
    order = sorted(range(40), key=lambda i: hashlib.sha256(urls[i].encode()).hexdigest())
    slow = f"/{order[25]}/main.png"

    async def kill(request: Request, writer: asyncio.StreamWriter) -> None:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        writer.write(reply(picture(order[25] - order[25] % 3 // 2), ETag=f'"{order[25]}"'))

    server.routes[slow] = kill
    command = [sys.executable, "-c", SCRIPT, str(dataset.root)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path(plan.__file__).parents[2])})
    process.wait(timeout=60)
    assert process.returncode == -signal.SIGKILL
    packed = set(dataset.visits.join(dataset.media, on="location_id").collect()["location"])
    assert 12 <= len(packed) < 30
    before = server.asked
    run_stage(dataset, fetch(locations_a_pack=4, per_host=2))
    again = {path for path, times in server.asked.items() if times > before[path]}
    assert again.isdisjoint({url.removeprefix(server.url("")) for url in packed})
    assert contents(dataset) == contents(undisturbed)


def planned(dataset: Dataset, config: FetchConfig, scratch: Path) -> list[pl.DataFrame]:
    return list(plan.made(dataset, config, plan.count(dataset, config), refresh=False, scratch=scratch))


def in_order(parts: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(parts).sort("unit", "lane", "location_id", nulls_last=True)


def _many_hosts() -> list[str]:
    urls = [f"http://h{host}.example:80{host}/{i}.png" for host in range(5) for i in range(10 * host + 1)]
    return urls + [f"https://user@BIG.example/{i}.png" for i in range(300)]


def test_a_host_stays_in_one_unit_and_limits_add_up(make_dataset: Make, tmp_path: Path) -> None:
    urls = _many_hosts()
    dataset = make_dataset({"media": listing(urls)})
    for per_host, pieces in ((8, 1), (64, 4)):
        config = FetchConfig(per_host=per_host, locations_a_unit=100, locations_a_pack=20)
        rows = pl.concat(planned(dataset, config, tmp_path / "scratch"))
        assert rows.height == len(urls)
        assert rows["lane"].null_count() == 0
        spread = dict(rows.group_by("host").agg(pl.col("unit").n_unique()).iter_rows())
        assert spread.pop("big.example") == pieces
        assert set(spread.values()) == {1}
        lanes = rows.group_by("host", "unit").agg(pl.len(), pl.col("lane").first())
        assert lanes.filter((pl.col("len") >= 20) != (pl.col("lane") > 0)).is_empty()


@pytest.mark.parametrize("download", [True, False])
def test_the_plan_is_the_same_however_much_of_it_is_in_memory(
    make_dataset: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, download: bool
) -> None:
    urls = [*_many_hosts(), *(f"image/{i}.png" for i in range(150))]
    dataset = make_dataset({"media": listing(urls)})
    config = FetchConfig(download=download, per_host=64, locations_a_unit=100, locations_a_pack=20)
    plans = []
    for at_once in (ranges.LISTINGS_AT_ONCE, 100, 7):
        monkeypatch.setattr(ranges, "LISTINGS_AT_ONCE", at_once)
        monkeypatch.setattr(plan, "IDS_AT_ONCE", 2 * at_once)
        parts = planned(dataset, config, tmp_path / "scratch")
        assert len(parts) == -(-len(urls) // at_once)
        plans.append(in_order(parts))
        looked_at = len(urls) if download else 150 + -(-len(_many_hosts()) // plan.LEFT_A_LOOK)
        assert plan.count(dataset, config) == -(-looked_at // 100)
        assert plans[-1]["unit"].unique().sort().to_list() == list(range(-(-looked_at // 100)))
    assert_frame_equal(plans[0], plans[1])
    assert_frame_equal(plans[0], plans[2])


def test_what_was_asked_is_read_once_for_all_ranges(
    make_dataset: Make, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset({"media": listing(pictures(server, 20))})
    run(dataset, locations_a_pack=2)
    config = fetch().config
    whole = in_order(planned(dataset, config, tmp_path / "whole"))
    assert whole["asset_id"].null_count() == 0
    read_parquet = pl.read_parquet
    read: list[Path] = []

    def counted(source: Path | list[Path], **how: Any) -> pl.DataFrame:
        read.extend(source if isinstance(source, list) else [])
        return read_parquet(source, **how)

    monkeypatch.setattr(pl, "read_parquet", counted)
    monkeypatch.setattr(ranges, "LISTINGS_AT_ONCE", 3)
    monkeypatch.setattr(ranges, "PARTS_AT_ONCE", 4)
    parts = planned(dataset, config, tmp_path / "parts")
    assert len(parts) == 7
    assert_frame_equal(in_order(parts), whole)
    assert len(read) > 4
    assert read == dataset.parts("visits")


def test_ranges_of_the_plan_are_written_together(
    make_dataset: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "LISTINGS_AT_ONCE", 7)
    urls, scratch = _many_hosts(), tmp_path / "scratch"
    dataset = make_dataset({"media": listing(urls)})
    stage = fetch(download=False, locations_a_unit=2)
    scratch.mkdir()
    for round_name in ("plan", "look"):
        counts = [stage.process(round_name, unit, Work(dataset, scratch)) for unit in stage.units(dataset, round_name)]
    assert len(list((scratch / PLAN).iterdir())) == -(-len(urls) // (7 * RANGES_A_FILE))
    assert len(counts) == 13
    assert sum(count["pending"] for count in counts) == len(urls) == dataset.fetched.collect().height


def test_a_unit_tells_of_every_location_that_is_settled(make_dataset: Make, server: Server, tmp_path: Path) -> None:
    dataset = make_dataset({"media": listing(pictures(server, 7))})
    stage, told = fetch(), tmp_path / "worker"
    (tmp_path / "scratch").mkdir()
    for round_name in ("plan", "look"):
        for unit in stage.units(dataset, round_name):
            work = Work(dataset, tmp_path / "scratch", journal=told)
            stage.process(round_name, unit, work)
            work.close()
    assert Journal.progress(told) == (7, 7)
