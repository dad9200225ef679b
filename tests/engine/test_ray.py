"""The same units over a Ray cluster of several nodes: same bytes, same blame, whatever dies on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
import ray
from ray._private.internal_api import get_memory_info_reply, get_state_from_address
from ray.cluster_utils import Cluster

from m5tools.dataset import Dataset
from m5tools.engine import ray as m5ray
from m5tools.engine.local import LocalEngine, run_stage
from m5tools.engine.progress import Silent
from m5tools.engine.ray import RayPool
from m5tools.errors import StageFailed, UsageError
from m5tools.stage import Counts, Unit, Work

from ..acceptance import line
from .test_local import Patient
from .toy import Toy, ToyConfig, files

Started = TypeVar("Started")
slow = pytest.mark.slow
REPOSITORY = Path(__file__).parents[2]
"""Ray lets its workers import what stands in the folder a driver is started from."""


def patiently(start: Callable[[], Started]) -> Started:
    """Ray gives a node thirty seconds to start, which on a busy machine may be too few: up to four times."""
    for _ in range(3):
        with suppress(Exception):
            return start()
    return start()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head that does no units, and two nodes of one CPU each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = patiently(
        lambda: Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    )
    for _ in range(2):
        patiently(lambda: cluster.add_node(num_cpus=1))
    yield cluster
    cluster.shutdown()


@pytest.fixture
def two_nodes(cluster: Cluster) -> Iterator[Cluster]:
    """The same cluster, given back the node that a test kills."""
    yield cluster
    while len(cluster.worker_nodes) < 2:
        patiently(lambda: cluster.add_node(num_cpus=1))


@pytest.fixture
def pool(two_nodes: Cluster) -> Iterator[RayPool]:
    with RayPool(two_nodes.address, None, item_limit_s=1.0) as pool:
        yield pool


@dataclass(frozen=True)
class Held(Toy):
    """Its first unit waits, at the first try, for what becomes of its worker; `folder` learns who is at it."""

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        told = Path(self.config.folder) / "worker"
        if unit.key == "u0" and round_name == "first" and not told.exists():
            atomically(told, str(os.getpid()))
            time.sleep(3600)
        return Toy(ToyConfig(units=self.config.units)).process(round_name, unit, work)


@dataclass(frozen=True)
class Timed(Toy):
    """Writes down when each unit began and ended."""

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        began = time.time()
        time.sleep(0.3)
        counts = Toy(ToyConfig(units=self.config.units)).process(round_name, unit, work)
        if round_name == "first":
            (Path(self.config.folder) / unit.key).write_text(f"{began} {time.time()}")
        return counts


def atomically(path: Path, text: str) -> None:
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)


def until(happened: Callable[[], object], what: str, seconds: float = 60) -> None:
    late = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < late, what
        time.sleep(0.05)


def reference(folder: Path, act: str = "write") -> tuple[Counts, dict[str, bytes]]:
    """What the local engine makes of the toy stage."""
    from m5tools.engine.pool import Pool

    dataset = Dataset(folder / "reference")
    with Pool(2, item_limit_s=1.0) as pool:
        result = LocalEngine(pool, Silent()).run(dataset, Toy(ToyConfig(act=act)))
    return result.counts, files(dataset.root)


@slow
@pytest.mark.parametrize("act", ["crash", "hang"])
def test_bytes_counts_and_blame_are_those_of_the_local_engine(act: str, pool: RayPool, tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "ray")
    result = LocalEngine(pool, Silent()).run(dataset, Toy(ToyConfig(act=act)))
    counts, bytes_of = reference(tmp_path, act)
    assert result.counts == counts
    assert counts["blamed"] == 1
    assert files(dataset.root) == bytes_of


@slow
def test_failures_are_told_as_by_the_local_engine(pool: RayPool, tmp_path: Path) -> None:
    engine = LocalEngine(pool, Silent())
    with pytest.raises(StageFailed, match="'u1' of 'split' ended its worker 4 times"):
        engine.run(Dataset(tmp_path / "a"), Toy(ToyConfig(act="crash in spite of blame")))
    with pytest.raises(StageFailed, match="straighten it"):
        engine.run(Dataset(tmp_path / "b"), Toy(ToyConfig(act="slow")))
    with pytest.raises(RuntimeError, match="ZeroDivisionError: a bug"):
        engine.run(Dataset(tmp_path / "c"), Toy(ToyConfig(act="bug")))
    heard: list[str] = []
    engine.listener.unit_done = lambda entry, round_name, unit, *_: heard.append(unit)  # type: ignore[method-assign]
    assert engine.run(Dataset(tmp_path / "d"), Toy(ToyConfig())).counts["rows"] == 4
    assert sorted(heard) == ["u0", "u0", "u1", "u2", "u3"], "what a failed run left is no one's"


@slow
@pytest.mark.parametrize("victim", ["node", "Ray worker", "process"])
def test_what_is_lost_costs_its_units_alone(victim: str, pool: RayPool, two_nodes: Cluster, tmp_path: Path) -> None:
    told, dataset = tmp_path / "worker", Dataset(tmp_path / "ray")
    killed: list[psutil.Process] = []

    def kill() -> None:
        if killed or not told.exists():
            return
        process = psutil.Process(int(told.read_text()))
        killed.append(process)
        if victim == "process":
            process.kill()
        elif victim == "Ray worker":
            process.parent().kill()
        else:
            raylets = {p.pid for p in process.parents()}
            node = next(n for n in two_nodes.worker_nodes if n.all_processes["raylet"][0].process.pid in raylets)
            two_nodes.remove_node(node, allow_graceful=False)

    told_of: list[str] = []
    pool.tell = told_of.append
    listener = Silent()
    listener.under_way = lambda *_: kill()  # type: ignore[method-assign]
    result = LocalEngine(pool, listener).run(dataset, Held(ToyConfig(units=6, folder=str(tmp_path))))
    assert killed, "nothing was killed"
    until(lambda: not killed[0].is_running() or killed[0].status() == psutil.STATUS_ZOMBIE, "a unit's process lives on")
    assert result.counts == {"blamed": 0, "failed": 0, "items": 6, "rows": 6, "seen": 6}
    assert told_of == (
        [] if victim == "process" else ["split: first lost 1 of its Ray workers; their units were done again"]
    )
    other = Dataset(tmp_path / "reference")
    run_stage(other, Held(ToyConfig(units=6, folder=str(tmp_path))))
    assert files(dataset.root) == files(other.root)
    assert list(dataset.root.glob(".tmp-*")) == []


@slow
def test_a_unit_that_loses_every_worker_ends_the_stage(pool: RayPool, tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="'u1' of 'split' lost its Ray worker 4 times"):
        LocalEngine(pool, Silent()).run(Dataset(tmp_path / "ds"), Doomed(ToyConfig()))


@dataclass(frozen=True)
class Doomed(Toy):
    """Takes the Ray worker down with it, as one does for which a machine has not enough memory."""

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        if unit.key == "u1":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(3600)
        return super().process(round_name, unit, work)


@slow
@pytest.mark.parametrize("workers", [1, None])
def test_as_many_units_at_once_as_cpus_or_workers(workers: int | None, cluster: Cluster, tmp_path: Path) -> None:
    with RayPool(cluster.address, workers) as pool:
        LocalEngine(pool, Silent()).run(Dataset(tmp_path / "ds"), Timed(ToyConfig(units=4, folder=str(tmp_path))))
    spans = [tuple(map(float, (tmp_path / f"u{i}").read_text().split())) for i in range(4)]
    most = max(sum(begun <= at < ended for begun, ended in spans) for at, _ in spans)
    assert most == (workers or 2)


@slow
def test_the_deadline_is_that_of_the_machine_that_hands_out_the_work(cluster: Cluster, tmp_path: Path) -> None:
    with RayPool(cluster.address, None) as pool:
        for left, deadline in ((5, time.monotonic() - 1), (0, time.monotonic() + 600)):
            engine = LocalEngine(pool, Silent(), deadline=deadline)
            assert engine.run(Dataset(tmp_path / str(left)), Patient(ToyConfig())).counts["left"] == left
        late = LocalEngine(pool, Silent(), deadline=time.monotonic() - 1)
        stopped = late.run(Dataset(tmp_path / "stopped"), Toy(ToyConfig()))
    assert not stopped.finished
    assert stopped.counts == {}, "nothing is begun when time is over"


@slow
def test_a_node_that_cannot_take_part_is_named(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(match: str) -> None:
        with RayPool(cluster.address, None) as pool, pytest.raises(UsageError, match=match):
            LocalEngine(pool, Silent()).run(Dataset(tmp_path / match.split()[0]), Toy(ToyConfig()))

    with monkeypatch.context() as patch:
        patch.setattr(m5ray, "packages", lambda: {"m5tools": "9.9", "nowhere-to-be-had": "1.0"})
        refused(r"has m5tools 0\.\d+\.\d+, not 9\.9, nowhere-to-be-had not at all, not 1\.0; install the same")
    with monkeypatch.context() as patch:
        patch.setattr(m5ray, "_token", lambda root: nullcontext(tmp_path / "elsewhere" / "token"))
        refused(f"does not see the dataset folder {tmp_path / 'elsewhere'} as this machine does")
    with monkeypatch.context() as patch:
        patch.setattr(m5ray, "_folder", lambda: str(tmp_path / "home"))
        refused(f"has no folder {tmp_path / 'home'}; run the command in one that every node sees")


def test_a_node_without_m5tools_can_say_so() -> None:
    """What Ray runs carries no name of ours that would have to be looked up first."""
    import ray.cloudpickle as cloudpickle

    program = "import sys, pickle; sys.modules['m5tools'] = None; print(pickle.load(sys.stdin.buffer)())"
    body = cloudpickle.dumps(m5ray._by_value())
    said = subprocess.run([sys.executable, "-c", program], input=body, capture_output=True, check=True).stdout.decode()
    assert "cannot load m5tools" in said


@slow
@pytest.mark.parametrize(
    ("address", "said"),
    [("127.0.0.1:9", "no Ray cluster at 127.0.0.1:9"), ("ray://host:10001", "name a cluster by HOST:PORT")],
)
def test_an_address_without_a_cluster_is_one_line(address: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        RayPool(address, None)
    assert "\n" not in str(raised.value)
    assert not ray.is_initialized()


def test_without_ray_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "m5tools.engine.ray")
    with pytest.raises(UsageError, match=r"pip install 'm5tools\[ray\]'"):
        import m5tools.engine.ray  # noqa: F401


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return line.simulate(tmp_path_factory.mktemp("crawl") / "synth", products=30, seed=3)


@pytest.fixture
def scratch() -> Iterator[Path]:
    """For temporary files; its path is short, as those of Ray's sockets must be."""
    with tempfile.TemporaryDirectory(prefix="m5-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def curated(crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the local engine makes of the crawl, by file."""
    scratch = tmp_path_factory.mktemp("scratch")
    line.complete(line.command(crawl, scratch / "dataset"), scratch)
    return content(scratch / "dataset")


def content(dataset: Path) -> dict[str, str]:
    """As of any dataset, but the report, which names the folder that it lies in."""
    return {name: digest for name, digest in line.content(dataset).items() if not name.startswith("reports/")}


def over_ray(crawl: Path, dataset: Path, address: str | None) -> list[str]:
    where = ["--set", f"ray.address={address}"] if address else []
    return [*line.command(crawl, dataset), "--engine", "ray", *where]


@slow
def test_a_recipe_that_loses_a_node_and_changes_the_engine_twice(
    two_nodes: Cluster,
    crawl: Path,
    curated: dict[str, str],
    tmp_path: Path,
    scratch: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ray, with a node killed while it has a unit, until the command is killed; the local engine until it is; Ray to the
    end, found by `RAY_ADDRESS`.
    """
    dataset = tmp_path / "dataset"
    here, there = line.command(crawl, dataset), over_ray(crawl, dataset, two_nodes.address)

    def comes_to(stage: str) -> None:
        until((dataset / "runs" / stage).exists, f"it never came to {stage}", 120)

    process = line.start(there, scratch)
    comes_to("measure")
    busy: list[Any] = []
    until(lambda: busy.extend(n for n in two_nodes.worker_nodes if has_unit(n)) or busy, "no node has a unit")
    two_nodes.remove_node(busy[0], allow_graceful=False)
    for stage in ("tag", "dedup"):
        comes_to(stage)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process = line.start(here, scratch) if stage == "tag" else process
    monkeypatch.setenv("RAY_ADDRESS", two_nodes.address)
    line.complete(over_ray(crawl, dataset, None), scratch)
    assert line.differences(content(dataset), curated) == []
    assert spilled(two_nodes.address) == (0, 0), "of a unit only its counts travel"


def has_unit(node: Any) -> bool:
    """Whether one of its workers bears the name of a task, not that of idleness."""
    found = psutil.Process(node.all_processes["raylet"][0].process.pid).children(recursive=True)
    names = []
    for process in found:
        with suppress(psutil.Error, IndexError):
            names.append(process.cmdline()[0])
    return any(name.startswith("ray::") and not name.startswith("ray::IDLE") for name in names)


def spilled(address: str) -> tuple[int, int]:
    """Objects and bytes that the living nodes of a cluster wrote from their object stores to disk, as `ray memory`
    adds them up."""
    stats = get_memory_info_reply(get_state_from_address(address)).store_stats
    return stats.spilled_objects_total, stats.spilled_bytes_total


@slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("ending", ["well", "interrupted", "killed"])
def test_no_process_is_left(
    ending: str, crawl: Path, curated: dict[str, str], tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Ray that the command starts for itself goes with it, and so do the processes beside its workers."""
    mark = f"M5_TEST_MARK={uuid.uuid4()}"
    monkeypatch.setenv(*mark.split("="))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    process = line.start(over_ray(crawl, tmp_path / "dataset", None), scratch)
    if ending != "well":
        until((tmp_path / "dataset" / "runs" / "survey").exists, "it never came to survey", 120)
        assert len(marked(mark)) > 4
        process.send_signal(signal.SIGINT if ending == "interrupted" else signal.SIGKILL)
    code = process.wait(timeout=120)
    assert code == {"well": 0, "interrupted": 130, "killed": -signal.SIGKILL}[ending], (scratch / "log").read_text()
    # Where it was killed, Ray's agents look for a minute for those they tell of it.
    of_ray = "Agent" if ending == "killed" else "none"
    until(lambda: all(of_ray in name for name in marked(mark)), f"left behind: {marked(mark)}", 60)
    if ending == "well":
        assert line.differences(content(tmp_path / "dataset"), curated) == []
    noise = [row for row in (scratch / "log").read_text().splitlines() if "ray" in row.lower()]
    assert noise == []


def marked(mark: str) -> list[str]:
    """The living processes that were started by one with this in its environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:100])
        except OSError:
            continue
    return found
