"""What the system refuses is one line that names the file and the remedy; after the repair the run goes on."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from m5tools.atomic import TEMPORARY
from m5tools.dataset import Dataset

from . import starved, undisturbed
from .undisturbed import Line

SLOW = pytest.mark.slow
STAGES = ("ingest", *(pytest.param(name, marks=SLOW) for name in ("fetch", "measure", "compare", "shard")))


class Place:
    """A stage about to run, in a copy of the dataset that it begins with."""

    def __init__(self, line: Line, name: str, folder: Path, disk: Path | None = None) -> None:
        self.reference, self.root, self.scratch = line.of(name), (disk or folder) / "dataset", folder / "tmp"
        shutil.copytree(self.reference.before, self.root)
        self.scratch.mkdir()
        self.arguments = self.reference.step.command(self.root, self.root)

    def run(self, refusal: starved.Refusal | None = None, **faults: object) -> starved.Said:
        return starved.run(self.arguments, self.scratch, refusal, **faults)

    def refused(self, said: starved.Said, *words: str, harmed: Path | None = None) -> None:
        """It was one line with these words, and nothing that a reader takes for whole is half written."""
        assert said.code in (1, 2), said
        assert len(said.lines) == 1, "\n".join(said.lines)
        assert all(word in said.lines[0] for word in words), said.lines[0]
        for part in set(self.root.rglob("[!.]*.parquet")) - {harmed}:
            pq.read_metadata(part)
        assert self.entries() == self.entries(self.reference.before), "what was not done was committed"

    def entries(self, root: Path | None = None) -> set[str]:
        return set(Dataset(root or self.root).manifest()["stages"])

    def goes_on(self) -> None:
        """The same command ends as if nothing had been."""
        said = self.run()
        assert said.code == 0, said
        assert undisturbed.content(self.root) == self.reference.content
        assert list(self.root.rglob(f"{TEMPORARY}*")) == []


@pytest.mark.parametrize("name", STAGES)
def test_no_file_may_grow(line: Line, name: str, tmp_path: Path) -> None:
    place = Place(line, name, tmp_path)
    said = place.run(starved.limited(resource.RLIMIT_FSIZE, 2_000))
    place.refused(said, f"{place.root}/", "file too large; raise the limit on the size of files (ulimit -f)")
    place.goes_on()


@SLOW
@pytest.mark.parametrize("name", ["ingest", "measure", "shard"])
def test_the_disk_is_full(line: Line, name: str, tmp_path: Path) -> None:
    with starved.small_disk(tmp_path / "disk"):
        place = Place(line, name, tmp_path, tmp_path / "disk")
        starved.fill(tmp_path / "disk" / "ballast", left=120 * 1024)
        said = place.run()
        place.refused(said, f"{place.root}", "no space left on device; free some space")
        (tmp_path / "disk" / "ballast").unlink()
        place.goes_on()


@SLOW
@pytest.mark.parametrize("name", STAGES)
def test_the_folder_may_not_be_written(line: Line, name: str, tmp_path: Path) -> None:
    place = Place(line, name, tmp_path)
    folders = [place.root, *(folder for folder in place.root.rglob("*") if folder.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        said = place.run(starved.unprivileged)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    place.refused(said, f"{place.root}/", "permission denied; name another place or change it")
    place.goes_on()


@SLOW
@pytest.mark.parametrize(("name", "files"), [("compare", 18), ("shard", 18)])
def test_no_further_file_may_be_opened(line: Line, name: str, files: int, tmp_path: Path) -> None:
    place = Place(line, name, tmp_path)
    said = place.run(starved.limited(resource.RLIMIT_NOFILE, files))
    place.refused(said, "too many open files; raise the limit on open files (ulimit -n)")
    assert any(named in said.lines[0] for named in ("/dataset", str(place.scratch)))
    place.goes_on()


@SLOW
@pytest.mark.parametrize("kilobytes", [700_000, 1_500_000])
def test_memory_is_short(line: Line, kilobytes: int, tmp_path: Path) -> None:
    """Compiled libraries may end a process without a word of ours; whatever is said, nothing is half done after it."""
    place = Place(line, "compare", tmp_path)
    said = place.run(starved.limited(resource.RLIMIT_AS, kilobytes * 1000))
    assert said.code != 0
    place.goes_on()


@pytest.mark.parametrize("name", ["fetch", pytest.param("measure", marks=SLOW)])
def test_the_clock_jumps_back_an_hour(line: Line, name: str, tmp_path: Path) -> None:
    place = Place(line, name, tmp_path)
    jumped = tmp_path / "jumped"
    said = place.run(clock=-3600.0, jumped=str(jumped), **{"from": 0.7})
    assert jumped.stat().st_size > 0, "it ended before the clock jumped"
    assert (said.code, said.lines) == (0, [])
    assert undisturbed.content(place.root) == place.reference.content


@pytest.mark.parametrize(
    ("name", "part", "maker"),
    [
        ("survey", "tables/products/first/part-00001.parquet", "ingest"),
        pytest.param("tag", "signals/text/part-00001.parquet", "measure", marks=SLOW),
        pytest.param("dedup", "comparisons/first/part-00000.parquet", "compare", marks=SLOW),
    ],
)
@pytest.mark.parametrize("harm", ["removed", pytest.param("cut off", marks=SLOW)])
def test_a_part_is_harmed_during_the_run(
    line: Line, name: str, part: str, maker: str, harm: str, tmp_path: Path
) -> None:
    """Also where every reader takes the parts that are there and none would miss it."""
    place = Place(line, name, tmp_path)
    file = place.root / part
    whole = file.read_bytes()
    said = place.run(harm=str(file), cut=harm == "cut off")
    place.refused(said, f"'{name}' reads {file}, which is ", " since the run began; run: m5 " + maker, harmed=file)
    again = place.run()
    place.refused(again, f"'{name}' reads {file}: ", "run: m5 " + maker, harmed=file)
    file.write_bytes(whole)
    place.goes_on()


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        pytest.param("grow", "'ingest/first': {} changed during the run; run the same command again", id="grows"),
        pytest.param("harm", "{}", id="is removed", marks=SLOW),
    ],
)
def test_a_delivery_changes_while_it_is_read(line: Line, harm: str, words: str, tmp_path: Path) -> None:
    place = Place(line, "ingest", tmp_path)
    file = line.folder.parent / "w" / "first" / "a.jsonl"
    whole, time = file.read_bytes(), file.stat().st_mtime_ns
    try:
        said = place.run(**{harm: str(file)})
        place.refused(said, words.format(file))
        if harm == "grow":
            assert place.run().code == 0
            assert undisturbed.content(place.root) != place.reference.content
    finally:
        file.write_bytes(whole)
        os.utime(file, ns=(time, time))
    place.goes_on()
