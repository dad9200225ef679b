"""The working copy of a dataset in a store: what goes up, what comes, what stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from m5tools import atomic, store, working_copy
from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine, run_stage
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.engine.verify import verify
from m5tools.errors import NotBuiltYet, StageFailed, UsageError
from m5tools.media import source

from .engine.toy import Toy, ToyConfig
from .moto_server import Served, moto_server


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Served]:
    monkeypatch.setattr(store, "FIRST_WAIT_S", 0.001)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "here"))
    with moto_server(monkeypatch) as served:
        yield served


def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Go on as another machine, which has no copy."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))


def _open(s3: Served) -> Dataset:
    return Dataset(f"s3://{s3.bucket}/shop")


def _local(root: Path) -> list[str]:
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file() and not p.name.startswith("."))


def test_the_marker_of_a_unit_goes_up_behind_what_it_wrote_and_the_manifest_last(s3: Served) -> None:
    run_stage(_open(s3), Toy(ToyConfig(units=2)))
    put = [path.removeprefix(f"/{s3.bucket}/shop/") for method, path in s3.asked if method == "PUT" and "/shop" in path]
    written = [path for path in put if "/." not in f"/{path}"]  # not what says that a scratch folder is gone
    assert written[-1] == "dataset.json"
    for i in range(2):
        part, marker = f"splits/part-0000{i}.parquet", f"u{i}.json"
        assert written.index(part) < next(n for n, path in enumerate(written) if path.endswith(f"first/{marker}"))
    assert [name for name in s3.names() if "/." in name or "/scratch/" in name] == []


def test_another_machine_finds_it_done_and_whole(s3: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = _open(s3)
    assert not first.exists
    run_stage(first, Toy(ToyConfig()))
    _elsewhere(monkeypatch, tmp_path)
    other = _open(s3)
    assert other.root != first.root
    assert run_stage(other, Toy(ToyConfig())).up_to_date
    assert verify(other) == (4, [])


def test_what_a_copy_has_and_the_store_has_not_goes(s3: Served) -> None:
    dataset = _open(s3)
    run_stage(dataset, Toy(ToyConfig()))
    before = _local(dataset.root)
    lost = dataset.root / "splits" / "part-00000.parquet"
    stray = dataset.root / "splits" / "part-00099.parquet"
    stray.write_bytes(b"a unit that was killed before its file had gone up")
    s3.fs().pipe_file(f"{s3.bucket}/shop/splits/part-00001.parquet", b"another machine wrote it anew")
    lost.unlink()
    (dataset.root / "reports").mkdir()
    (dataset.root / "reports" / "audit.html").write_text("stays")
    again = _open(s3)
    assert _local(again.root) == sorted([*before, "reports/audit.html"])
    assert (again.root / "splits" / "part-00001.parquet").read_bytes() == b"another machine wrote it anew"
    assert lost.stat().st_size > 0


@pytest.mark.slow
def test_a_unit_whose_file_did_not_go_up_is_not_done(s3: Served) -> None:
    s3.refuses = lambda method, path: method == "PUT" and path.endswith("part-00002.parquet")
    with pytest.raises(StageFailed, match="run the same command again"):
        run_stage(_open(s3), Toy(ToyConfig()))
    assert not any(name.endswith(("u2.json", "u3.json", "dataset.json")) for name in s3.names())
    s3.refuses = lambda method, path: False
    result = run_stage(_open(s3), Toy(ToyConfig()))
    assert result.counts["rows"] == 4
    assert sum("/splits/part-" in name for name in s3.names()) == 4


def test_what_an_earlier_run_wrote_goes_from_the_store_too(s3: Served) -> None:
    run_stage(_open(s3), Toy(ToyConfig(units=4)))
    old = {name.split("/")[3] for name in s3.names() if "/runs/" in name}
    run_stage(_open(s3), Toy(ToyConfig(units=2)))
    assert [name[-18:] for name in s3.names() if "/splits/" in name] == ["part-00000.parquet", "part-00001.parquet"]
    assert old.isdisjoint({name.split("/")[3] for name in s3.names() if "/runs/" in name})


def test_a_run_that_was_being_forgotten_counts_no_more(
    s3: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stage = Toy(ToyConfig())
    run_stage(_open(s3), stage)
    _elsewhere(monkeypatch, tmp_path)
    run = next(name.split("/")[3] for name in s3.names() if "/runs/split/" in name)
    s3.fs().pipe_file(f"{s3.bucket}/shop/runs/split/{run}/.gone", b"")  # and killed before the rest was removed
    s3.remove("shop/dataset.json")
    dataset = _open(s3)
    assert not [name for name in _local(dataset.root) if name.startswith("runs/split/")]
    assert not run_stage(dataset, stage).up_to_date
    assert not [name for name in s3.names() if name.endswith("/.gone")]


def _put(s3: Served, name: str, data: bytes) -> None:
    s3.fs().call_s3("put_object", Bucket=s3.bucket, Key=f"shop/{name}", Body=data)


@pytest.mark.parametrize("name", ["{}/x", "../../../../x", "tables//x", "tables/../x", "tables\\x"])
def test_an_object_that_would_lie_outside_of_the_copy_is_refused(s3: Served, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    name = name.format(outside)
    _put(s3, name, b"whoever opens the dataset writes this")
    _put(s3, "dataset.json", b"{}")
    with pytest.raises(UsageError, match="no path below a folder; remove it from the store") as refused:
        _open(s3)
    assert repr(f"s3://{s3.bucket}/shop/{name}") in str(refused.value)
    assert _local(tmp_path) == []
    assert not outside.exists()


def test_an_object_that_is_a_folder_too_is_refused(s3: Served) -> None:
    _put(s3, "tables", b"")
    _put(s3, "tables/x", b"")
    with pytest.raises(UsageError, match="shop/tables' is an object and a folder at once"):
        _open(s3)


def test_folders_that_a_console_made_do_no_harm(s3: Served) -> None:
    _put(s3, "tables/", b"")
    _put(s3, "tables/x", b"1")
    assert _local(_open(s3).root) == ["tables/x"]


@pytest.mark.parametrize("address", ["s3://{}/..", "s3://{}/shop/..", "s3://{}/a//shop", "s3://{}/./shop", "s3://"])
def test_an_address_whose_copy_would_lie_elsewhere_is_refused(s3: Served, tmp_path: Path, address: str) -> None:
    other = tmp_path / "here" / "m5tools" / "datasets" / "other"
    other.mkdir(parents=True)
    (other / "dataset.json").write_text("of another dataset")
    with pytest.raises(UsageError, match="without empty names"):
        Dataset(address.format(s3.bucket))
    assert _local(tmp_path) == ["here/m5tools/datasets/other/dataset.json"]


_OUTSIDE = "../../../../../../outside"


@pytest.mark.parametrize(
    "manifest",
    [b"{", b"[]", b"{}", b"\xff\xfe", b'{"format": 1, "partitions": 4, "crawls": [], "stages": [1]}',
     b'{"format": 1, "partitions": 4, "crawls": [], "stages": {"tag/x": {}}}',
     f'{{"format": 1, "partitions": 4, "crawls": [], "stages": {{"{_OUTSIDE}": {{"run": "a"}}}}}}'.encode()],
)  # fmt: skip
def test_a_damaged_manifest_is_refused_as_in_a_folder(s3: Served, tmp_path: Path, manifest: bytes) -> None:
    _put(s3, "dataset.json", manifest)
    with pytest.raises(UsageError, match=rf"^s3://{s3.bucket}/shop/dataset\.json is damaged \(.*restore it or build"):
        _open(s3)
    assert not list(tmp_path.rglob("outside"))


def test_a_folder_of_the_copy_that_a_file_is_in_the_way_of_is_one_line(s3: Served) -> None:
    run_stage(_open(s3), Toy(ToyConfig()))
    copy = _open(s3)
    run = copy.manifest()["stages"]["split"]["run"]
    s3.fs().rm(f"{s3.bucket}/shop/runs", recursive=True)
    _put(s3, f"runs/split/{run}", b"")
    with pytest.raises(UsageError, match=f"'runs/split/{run}' is a folder, and a file here .*; remove the file"):
        _open(s3)


def test_the_copy_s_own_folder_is_the_dataset_in_the_store(s3: Served) -> None:
    dataset = _open(s3)
    run_stage(Dataset(dataset.root), Toy(ToyConfig()))
    assert "shop/dataset.json" in s3.names()
    assert repr(Dataset(dataset.root)) == f"Dataset('s3://{s3.bucket}/shop')"


def test_tars_stay_in_the_store_until_they_are_read(s3: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = _open(s3)
    atomic.write_bytes(dataset.root / "packs" / "0001" / "a.tar", b"0123456789")
    monkeypatch.setattr(working_copy, "TARS_KEPT", 5)
    dataset = _open(s3)
    pack = dataset.root / "packs" / "0001" / "a.tar"
    assert not pack.exists()
    assert dataset.size_of(pack) == 10
    assert source.read(dataset.root, "packs/0001/a.tar", 2, 3) == b"234"
    assert not pack.exists()
    assert dataset.copy is not None
    dataset.copy.bring(pack)
    assert pack.read_bytes() == b"0123456789"


def test_who_reads_while_this_machine_writes_disturbs_nothing(s3: Served) -> None:
    dataset = _open(s3)
    with dataset.writing():
        atomic.write_json(dataset.root / "cuts" / "a.json", 1)
        half = dataset.root / "cuts" / "b.json"
        half.write_text("renamed, and about to go up")
        _open(s3)
        assert half.exists()
        with pytest.raises(UsageError, match="another run on this machine writes"), Dataset(dataset.root).writing():
            pass


def test_what_cannot_be_is_refused(s3: Served) -> None:
    with pytest.raises(NotBuiltYet, match=r"local folders and on s3://, not on gs://"):
        Dataset("gs://bucket/shop")
    with pytest.raises(UsageError, match="no such bucket"):
        Dataset("s3://no-such-bucket-here/shop")
    with Pool(0) as pool, pytest.raises(UsageError, match="without --world-size"):
        LocalEngine(pool, Silent(), 0, 2).run(_open(s3), Toy(ToyConfig()))
