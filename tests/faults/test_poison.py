"""Damaged files to everything that reads, through the engine's workers: the quick form of `tests.faults.poison_soak`."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.stage import Unit, Work
from m5tools.vocabulary import Reason

from . import poison_stage
from .poison_mutate import LONGEST, mutated, with_png_sums, with_tar_sums
from .poison_seeds import made, whole
from .poison_soak import soak, table
from .poison_stage import FAULT, Poison, PoisonConfig, shares
from .poison_targets import TARGETS, given, outcome

QUICK = 1_000


def test_a_thousand_damaged_files_break_no_law() -> None:
    outcomes, found = soak(QUICK, seed=3)
    assert [(fault.target, fault.number, fault.what) for fault in found.faults] == []
    assert {name: counts.total() for name, counts in outcomes.items()} == shares(QUICK)
    assert not any(word.startswith(FAULT) for counts in outcomes.values() for word in counts)
    assert all(f"| {name} |" in table(outcomes) for name in TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_depend_on_the_seed_alone_and_are_damaged(name: str) -> None:
    one = [given(name, 5, number) for number in range(6)]
    assert [given(name, 5, number) for number in range(6)] == one
    assert [given(name, 6, number) for number in range(6)] != one
    assert max(map(len, one)) <= 2 * LONGEST


@pytest.mark.parametrize("kind", ["image", "audio", "video"])
def test_files_that_are_encoded_on_the_spot_are_the_same_each_time(kind: str) -> None:
    """Or a fault could not be had again: every process makes its own."""
    assert made.__wrapped__(kind) == made(kind)


def test_checksums_that_protect_damage_are_made_right() -> None:
    import io
    import tarfile

    from PIL import Image

    png = next(data for data in whole("image") if data.startswith(b"\x89PNG"))
    assert with_png_sums(png) == png
    with Image.open(io.BytesIO(with_png_sums(png[:60] + bytes([255 - png[60]]) + png[61:]))) as image:
        image.verify()
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("a"))
    renamed = b"b" + sink.getvalue()[1:]
    assert tarfile.open(fileobj=io.BytesIO(with_tar_sums(renamed))).getnames() == ["b"]  # noqa: SIM115


def test_every_change_is_met() -> None:
    draws = random.Random(1)
    data = b"".join(b"line %d\n" % i for i in range(200))
    assert len({mutated(data, draws, [data]) for _ in range(300)}) > 290


def _work(tmp_path: Path, blamed: dict[str, Reason]) -> Work:
    return Work(Dataset(tmp_path / "none"), tmp_path, blamed)


def test_what_breaks_a_law_is_told_with_how_to_have_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(data: bytes, _: Path) -> str:
        if len(data) % 2:
            raise UsageError("told in one line")
        raise KeyError("a bug")

    monkeypatch.setitem(poison_stage.TARGETS, "JSON", replace(TARGETS["JSON"], feed=breaks))
    unit = Unit("u", {"target": "JSON", "first": 0, "count": 20})
    counts = Poison(PoisonConfig(seed=1)).process("all", unit, _work(tmp_path, {"3": Reason.TIMEOUT}))
    assert set(counts) == {"JSON: refused in one line", "JSON: FAULT KeyError", "JSON: FAULT failed: timeout"}
    assert sum(counts.values()) == 20
    faults = poison_stage.found_in(tmp_path / "u.found").faults
    assert len(faults) == counts["JSON: FAULT KeyError"] + 1
    assert "a bug" in next(fault.what for fault in faults if fault.number != 3)


def test_the_inputs_that_took_most_memory_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [len(given("JSON", 1, number)) for number in range(20)]
    chosen = sizes.index(max(sizes))

    def takes(data: bytes, _: Path) -> str:
        return f"{len(b'x' * (200 << 20) if len(data) == sizes[chosen] else data) >> 27} of 128 MiB"

    monkeypatch.setitem(poison_stage.TARGETS, "JSON", replace(TARGETS["JSON"], feed=takes))
    unit = Unit("u", {"target": "JSON", "first": 0, "count": 20})
    Poison(PoisonConfig(seed=1)).process("all", unit, _work(tmp_path, {}))
    most, *others = poison_stage.found_in(tmp_path / "u.found").heaviest
    assert (most.target, most.number) == ("JSON", chosen)
    assert most.peak - most.before >= 190
    assert len(others) == poison_stage.HEAVIEST - 1
    assert all(other.peak - other.before < 100 for other in others)


def test_a_decoder_that_takes_its_worker_down_costs_the_file(tmp_path: Path) -> None:
    unit = Unit("u", {"target": "image", "first": 0, "count": 2})
    counts = Poison(PoisonConfig(seed=1)).process("all", unit, _work(tmp_path, {"1": Reason.DECODER_CRASH}))
    assert counts["image: failed: decoder_crash"] == 1
    assert poison_stage.found_in(tmp_path / "u.found").faults == []


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("sniff", 740), ("sniff", 944), ("tar", 2494), ("index, loader", 1803), ("manifest, loader", 553),
        ("manifest, loader", 1205), ("manifest, loader", 1303), ("manifest, m5 check", 565), ("completion marker", 59),
    ],
)  # fmt: skip
@pytest.mark.real_data
def test_what_broke_a_law_once_does_not_again(real_data: Path, tmp_path: Path, name: str, number: int) -> None:
    """Found by a hundred thousand inputs of seed 1; some were made of real files."""
    assert real_data
    assert outcome(name, given(name, 1, number), tmp_path)
