"""What was measured of earlier crawls' files is not decoded again, and the parts are those of a run that decodes all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from m5tools import atomic, schema
from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine, run_stage
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.measure import assets, earlier
from m5tools.measure.stage import Measure, MeasureConfig

from ..media.files import encoded, sound_file, tone, video_file
from .test_image import photo
from .test_killed import CORPUS
from .test_stage import asset, digests

SMALL = MeasureConfig(languages=False, images_per_unit=3, sounds_per_unit=1, videos_per_unit=2)
SHALLOW = SMALL.model_copy(update={"sound_seconds": 1.0})
FIRST = [
    "image-0",
    "image-2",
    "image-4",
    "image-5-cut",
    "image-6",
    "image-8",
    "sound-1",
    "video-1-loud",
    "video-2-mute",
]
LATER = ["image-1", "image-3", "image-9", "sound-0", "video-0-loud"]
ALL = sorted(FIRST + LATER)


@pytest.fixture
def rows(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """The row of `assets` of each file."""
    frames = [photo(96, 64, seed) for seed in range(5)]

    def content(name: str, seed: int) -> bytes:
        picture = encoded(photo(64, 48, seed), "JPEG")
        if name.startswith("image"):
            return picture[: len(picture) // 2] if name.endswith("cut") else picture
        if name.startswith("sound"):
            return sound_file(tone() * (1 - seed / 100))
        return video_file(frames[seed % 3 :], sound=tone() if name.endswith("loud") else None)

    kinds = {"image": "image", "sound": "audio", "video": "video"}
    return {
        name: asset(tmp_path / "files", name, kinds[name.partition("-")[0]], content(name, seed))
        for seed, name in enumerate(ALL)
    }


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Decoded:
    watched = Decoded(assets.source.read)
    monkeypatch.setattr(assets.source, "read", watched)
    return watched


class Decoded:
    """The files that were read to be decoded; from a number of them on the run is interrupted."""

    def __init__(self, read: Callable[..., bytes]) -> None:
        self.names: list[str] = []
        self.most: int | None = None
        self._read = read

    def __call__(self, root: Path, uri: str, *place: int) -> bytes:
        if self.most is not None and len(self.names) >= self.most:
            raise KeyboardInterrupt
        self.names.append(Path(uri).name)
        return self._read(root, uri, *place)

    def since(self) -> list[str]:
        """Those since this was last asked, sorted."""
        names, self.names = sorted(self.names), []
        return names


@pytest.fixture
def measured(
    make_dataset: Callable[..., Dataset], rows: dict[str, dict[str, Any]], decoded: Decoded
) -> Callable[..., Dataset]:
    """Makes a dataset of some files and measures them."""

    def build(names: list[str], name: str, config: MeasureConfig = SMALL) -> Dataset:
        dataset = make_dataset({"assets": [rows[n] for n in names]} | {table: [] for table in CORPUS}, name=name)
        run_stage(dataset, Measure(config))
        assert decoded.since() == sorted(names)
        return dataset

    return build


def bring(dataset: Dataset, rows: dict[str, dict[str, Any]], names: list[str]) -> None:
    """Let a later crawl list these files, too."""
    table = pa.Table.from_pylist([rows[name] for name in names], schema.law("assets").schema)
    dataset.write("assets", "part-00000", table)
    with dataset.changing() as manifest:
        manifest["stages"]["fetch"]["fingerprint"] = f"{len(names)} files"


def outcome(dataset: Dataset) -> tuple[str, dict[str, str]]:
    """All that a finished run made: of every file its checksum."""
    return dataset.manifest()["stages"]["measure"]["fingerprint"], digests(dataset)


def test_a_later_crawl_decodes_its_new_files_and_those_that_failed(measured: Any, rows: Any, decoded: Decoded) -> None:
    dataset = measured(FIRST, "dataset")
    bring(dataset, rows, ALL)
    counts = run_stage(dataset, Measure(SMALL)).counts
    assert decoded.since() == sorted([*LATER, "image-5-cut"])
    assert (counts["items"], counts["failed"], counts["kept"]) == (len(ALL), 1, len(FIRST) - 1)
    assert outcome(dataset) == outcome(measured(ALL, "whole"))


def test_fewer_files_leave_nothing_of_the_others(measured: Any, rows: Any, decoded: Decoded) -> None:
    dataset = measured(ALL, "dataset")
    bring(dataset, rows, FIRST)
    run_stage(dataset, Measure(SMALL))
    assert decoded.since() == ["image-5-cut"]
    assert outcome(dataset) == outcome(measured(FIRST, "whole"))


@pytest.mark.parametrize("change", ["settings", "version", "libraries", "refresh"])
def test_what_was_made_otherwise_is_measured_anew(
    change: str, measured: Any, rows: Any, decoded: Decoded, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, config = measured(FIRST, "dataset"), SMALL
    if change == "settings":
        config = SHALLOW
    elif change == "version":
        monkeypatch.setattr(Measure, "version", Measure.version + 1)
    elif change == "libraries":
        monkeypatch.setattr(earlier, "_libraries", lambda: ["another"])
        bring(dataset, rows, ALL)
    with Pool(0) as pool:
        counts = LocalEngine(pool, Silent(), refresh=change == "refresh").run(dataset, Measure(config)).counts
    names = ALL if change == "libraries" else FIRST
    assert decoded.since() == sorted(names)
    assert "kept" not in counts
    assert outcome(dataset) == outcome(measured(names, "whole", config))


@pytest.mark.parametrize(
    ("killed_at", "is_left"),
    [(0, True), (1, True), (7, True), (11, True), (14, False), ("the note", False), ("the end", False)],
)
def test_nothing_is_taken_of_a_killed_run_of_other_settings(
    killed_at: int | str,
    is_left: bool,
    measured: Any,
    rows: Any,
    decoded: Decoded,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whichever parts it had written; of those made before it, what it had not written over is taken."""
    dataset = measured(FIRST, "dataset")
    bring(dataset, rows, ALL)
    with monkeypatch.context() as patch:
        kill_after(killed_at, dataset, patch)
        with pytest.raises(KeyboardInterrupt):
            run_stage(dataset, Measure(SHALLOW))
    decoded.names = []
    run_stage(dataset, Measure(SMALL))
    names = decoded.since()
    assert {*LATER, "image-5-cut"} <= set(names)
    assert (len(names) < len(ALL)) == is_left
    assert outcome(dataset) == outcome(measured(ALL, "whole"))


def kill_after(files: int | str, dataset: Dataset, patch: pytest.MonkeyPatch) -> None:
    """Interrupt a run that has written so many parts of tables about files, or the note, or is to be committed."""
    whole_file, tables = atomic.whole_file, [dataset.folder(table) for table in earlier._TABLES]
    written: list[str] = []

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    @contextmanager
    def watched(path: Path) -> Iterator[Path]:
        counts = path.parent in tables
        if counts and len(written) == files:
            interrupted()
        with whole_file(path) as temporary:
            yield temporary
        if counts:
            written.append(path.name)
            if path.name == earlier.NOTE and files == "the note":
                interrupted()

    patch.setattr(atomic, "whole_file", watched)
    if files == "the end":
        patch.setattr("m5tools.engine.local.commit", interrupted)


@pytest.mark.parametrize("most", [0, 2, 4])
@pytest.mark.parametrize("then", [LATER, LATER[1:]])
def test_a_killed_run_is_taken_up_also_where_more_has_come(
    most: int, then: list[str], measured: Any, rows: Any, decoded: Decoded
) -> None:
    dataset = measured(FIRST, "dataset")
    bring(dataset, rows, ALL)
    decoded.most = most
    with pytest.raises(KeyboardInterrupt):
        run_stage(dataset, Measure(SMALL))
    decoded.most, decoded.names = None, []
    names = sorted(FIRST + then)
    bring(dataset, rows, names)
    run_stage(dataset, Measure(SMALL))
    assert len(decoded.since()) < len(names)
    assert outcome(dataset) == outcome(measured(names, "whole"))


@pytest.mark.parametrize("change", ["values", "values in as many bytes", "no ids"])
@pytest.mark.parametrize("names", [FIRST, ALL])
def test_the_files_of_an_altered_part_are_decoded(
    names: list[str], change: str, measured: Any, rows: Any, decoded: Decoded
) -> None:
    """It can be read, and ends as if nothing had been: after a later crawl, and where the engine finds it damaged."""
    dataset = measured(FIRST, "dataset")
    part = dataset.folder("signals_image") / "image-00000.parquet"
    alter(part, change)
    if names == ALL or change == "values in as many bytes":  # which the engine does not see
        bring(dataset, rows, names)
    run_stage(dataset, Measure(SMALL))
    assert set(decoded.since()) == {*names} - {*FIRST} | {"image-0", "image-2", "image-4", "image-5-cut"}
    assert outcome(dataset) == outcome(measured(names, "whole"))


def alter(part: Path, change: str) -> None:
    """Give a part other values, or none of a column; where wanted in a file of the same size."""
    size, table = part.stat().st_size, pq.read_table(part)
    place = table.schema.get_field_index("width")
    table = table.set_column(place, table.schema.field(place), pc.add(table["width"], pa.scalar(1, pa.int32())))
    if change == "no ids":
        table = table.drop_columns(["asset_id"])
    fill = 0
    for _ in range(5):
        how: dict[str, Any] = {"compression": "zstd", "store_schema": False, "write_statistics": False}
        with pq.ParquetWriter(part, table.schema, **how) as writer:
            writer.write_table(table)
            writer.add_key_value_metadata({"fill": "x" * fill})
        missing = size - part.stat().st_size
        if change != "values in as many bytes" or not missing:
            break
        fill += missing
    assert (part.stat().st_size == size) == (change == "values in as many bytes")


def test_who_reads_signals_does_not_depend_on_who_decoded_them(measured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one = outcome(measured(FIRST, "one"))
    monkeypatch.setattr(earlier, "_libraries", lambda: ["another"])
    assert outcome(measured(FIRST, "other")) == one


@pytest.mark.parametrize(
    "said", ["", "{", "[]", '{"terms": "0123456789abcdef"}', '{"image-00000": {"terms": 1}}', "\udcff"]
)
def test_a_note_that_is_none_costs_decoding_alone(said: str, measured: Any, rows: Any, decoded: Decoded) -> None:
    dataset = measured(FIRST, "dataset")
    (dataset.folder("signals_image") / earlier.NOTE).write_bytes(said.encode(errors="surrogateescape"))
    bring(dataset, rows, ALL)
    run_stage(dataset, Measure(SMALL))
    assert decoded.since() == ALL
    assert outcome(dataset) == outcome(measured(ALL, "whole"))


def test_the_files_of_a_damaged_part_are_decoded(measured: Any, rows: Any, decoded: Decoded) -> None:
    dataset = measured(FIRST, "dataset")
    signals = dataset.folder("signals_image") / "image-00000.parquet"
    signals.write_bytes(signals.read_bytes()[:-100])
    (dataset.folder("previews_image") / "image-00001.parquet").unlink()
    (dataset.folder("signals_audio") / "video-00000.parquet").unlink()
    bring(dataset, rows, ALL)
    run_stage(dataset, Measure(SMALL))
    assert set(ALL) - set(decoded.since()) == {"sound-1"}
    assert outcome(dataset) == outcome(measured(ALL, "whole"))
