"""A run of `dedup` that failed among its blocks goes on, and ends in the bytes of one that did not fail."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig, blocks, resolved
from m5tools.dedup.left import Left
from m5tools.engine.local import run_stage

from .shop import deliver, tables_of
from .test_compare import SHOP

_PARTITIONS = 4


def _bytes(dataset: Dataset) -> dict[str, bytes]:
    files = [file for table in Dedup.writes for file in sorted(dataset.folder(table).rglob("[!.]*")) if file.is_file()]
    return {file.relative_to(dataset.root).as_posix(): file.read_bytes() for file in files}


@pytest.mark.parametrize("later", [False, True], ids=["all anew", "a later crawl"])
def test_a_run_that_failed_among_blocks_goes_on(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch, later: bool
) -> None:
    monkeypatch.setattr(blocks.cut_in_blocks, "__defaults__", (1,))
    old, new = (SHOP[::2], SHOP[1::2]) if later else (SHOP, [])
    straight, failing = (make_dataset(tables_of(old), _PARTITIONS, name) for name in ("straight", "failing"))
    for dataset in (straight, failing):
        run_stage(dataset, Compare(CompareConfig()))
        if later:
            run_stage(dataset, Dedup(DedupConfig()))
            deliver(dataset, "c2", new, old)
            run_stage(dataset, Compare(CompareConfig()))
    told = run_stage(straight, Dedup(DedupConfig())).counts
    before, resolve = _bytes(failing), resolved.resolve
    units: list[int] = []
    kept: list[int] = []

    def until_the_third(left: Left, nth: int, of: int) -> None:
        units.append(nth)
        resolve(left, nth, of)
        kept.append(len(list((left.scratch / "clusters").iterdir())))
        if len(units) == 3:
            raise RuntimeError("after it wrote")

    monkeypatch.setattr(resolved, "resolve", until_the_third)
    with pytest.raises(RuntimeError, match="after it wrote"):
        run_stage(failing, Dedup(DedupConfig()))
    assert {name: content for name, content in _bytes(failing).items() if name in before} == before
    again = run_stage(failing, Dedup(DedupConfig()))
    assert units == [0, 1, 2, 2, 3]
    assert kept[-1] == 1 if later else kept[-1] > _PARTITIONS, "a unit has several blocks where all is decided anew"
    assert again.counts == told
    assert _bytes(failing) == _bytes(straight)
    assert not straight.read("edges").is_empty()
