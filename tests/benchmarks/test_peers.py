"""The table of peers: what it tells, and when it is written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import beside, peers

FOUND = beside.Beside("a claim", "peer 1.0", "s", (1.0, 2.0, 4.0), (4.0, 4.0, 4.0), True, "the same ids")
APART = beside.Beside("another", "peer 1.0", "GiB", (1.0,), (9.0,), False, "others")
PAGE = f"# Beside others\n\n{peers.BEGIN}an older table{peers.END}\n\n## More\n"


def test_a_ratio_is_told_with_its_spread_where_outputs_may_be_compared() -> None:
    _, _, one, other = beside.table([FOUND, APART]).splitlines()
    assert one == "| a claim | peer 1.0 | 2 (1–4) s | 4 (4–4) s | **2 (1–4)** | yes | the same ids |"
    assert other == "| another | peer 1.0 | 1 (1–1) GiB | 9 (9–9) GiB | – | no | others |"


def test_results_come_through_a_file_as_they_were(tmp_path: Path) -> None:
    beside.told([FOUND, APART], tmp_path / "lines")
    assert [beside.table([found]) for found in beside.read(tmp_path / "lines")] == [
        beside.table([found]) for found in (FOUND, APART)
    ]
    assert beside.read(tmp_path / "none") == []


@pytest.mark.parametrize("page", [PAGE, None])
def test_the_table_takes_the_place_of_the_one_before(tmp_path: Path, page: str | None) -> None:
    file = tmp_path / "peers.md"
    if page:
        file.write_text(page, encoding="utf-8")
    peers.write(file, [FOUND], minutes=41.6, installs=3.2)
    said = file.read_text(encoding="utf-8")
    assert "| a claim |" in said
    assert "took        42 minutes, and 3 for the installs before" in said
    assert "an older table" not in said
    assert (said.startswith("# Beside others\n"), said.endswith("## More\n")) == (bool(page), bool(page))


@pytest.mark.parametrize(("found", "code", "is_written"), [([FOUND], 0, True), ([APART], 1, True), ([], 1, False)])
def test_a_run_in_which_a_benchmark_failed_writes_nothing(
    found: list[beside.Beside], code: int, is_written: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "peers.md"
    file.write_text(PAGE, encoding="utf-8")
    monkeypatch.setattr(peers, "environment", lambda *_: Path(sys.executable))
    monkeypatch.setattr(peers, "run", lambda *_: found)
    monkeypatch.setattr(sys, "argv", ["peers", "--page", str(file), "--only", "scale_step", "--toy"])
    with pytest.raises(SystemExit) as ended:
        peers.main()
    assert (ended.value.code, "an older table" not in file.read_text(encoding="utf-8")) == (code, is_written)
