from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.errors import UsageError
from m5tools.shards.check import check
from m5tools.shards.config import ShardConfig
from m5tools.shards.datasheet import OPEN
from m5tools.shards.manifest import is_shard_folder
from m5tools.shards.readers import has_datasets
from m5tools.shards.stage import Shard

from .shop import Shop


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test leaves a copy of the shards for the others."""
    return tmp_path_factory.mktemp("original") / "shards"


@pytest.fixture
def folder(original: Path, make_dataset: Callable[..., Dataset], tmp_path: Path) -> Path:
    """Shards to damage."""
    if not original.exists():
        dataset = make_dataset(Shop(tmp_path / "media", 16).tables)
        run_stage(dataset, Shard(ShardConfig(samples_per_shard=8, image_long_side=32, max_frames=2)))
        shutil.copytree(dataset.root / "shards" / "default", original)
    return Path(shutil.copytree(original, tmp_path / "shards"))


def faults(folder: Path) -> str:
    report = check(folder)
    assert not report.ok
    return "\n".join(map(str, report.faults))


def picture_of(folder: Path) -> tuple[Path, int, int, str]:
    """A tar with a picture, the picture's offset and length, and the name of its member."""
    for file in sorted((folder / "index").glob("*.parquet")):
        for row in pq.read_table(file).to_pylist():
            for member in row["members"]:
                if member["modality"] == "image":
                    tar = folder / row["shard"]
                    return tar, member["offset"], member["length"], f"{row['product_id']}.{member['name']}"
    raise AssertionError("no picture")


def change(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def rewrite(tar: Path, order: Callable[[list[tarfile.TarInfo]], list[tarfile.TarInfo]]) -> None:
    """Write a tar's members anew in another order or number."""
    with tarfile.open(tar) as file:
        members = file.getmembers()
        data = {m.name: file.extractfile(m).read() for m in members}  # type: ignore[union-attr]
    with tarfile.open(tar, "w", format=tarfile.USTAR_FORMAT) as file:
        for member in order(members):
            body = data.get(member.name, b"stray")
            member.size = len(body)
            file.addfile(member, io.BytesIO(body))


def test_sound_shards_have_no_fault(folder: Path) -> None:
    report = check(folder)
    assert report.faults == []
    assert report.ok
    assert report.skipped == ([] if has_datasets() else report.skipped)
    assert (report.shards, report.samples) == (3, 16)
    assert report.members == 42
    assert report.bytes == sum(p.stat().st_size for p in folder.glob("*.tar"))


def test_flipped_byte(folder: Path) -> None:
    tar, offset, length, name = picture_of(folder)
    at = offset + length // 2
    change(tar, at, bytes([tar.read_bytes()[at] ^ 1]))
    found = faults(folder)
    assert f"{tar.name}: {name}: the bytes that the tar gives do not match the checksum" in found
    assert f"{tar.name}: {name}: the bytes that webdataset gives do not match the checksum" in found
    assert f"{name}: the bytes that HF datasets gives do not match the checksum" in found
    assert len(found.splitlines()) == 3


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("owner", "the tar ends before it"),
        ("behind the header's sum", "its header is not the one that was written"),
        ("padding", "the padding behind it is not zero"),
        ("end", "what lies behind the last member is not the end of a tar"),
    ],
)
def test_flipped_byte_outside_of_members(folder: Path, place: str, wrong: str) -> None:
    tar, offset, length, _ = picture_of(folder)
    assert length % 512
    at = {
        "owner": offset - 512 + 108,
        "behind the header's sum": offset - 512 + 155,
        "padding": offset + length,
        "end": tar.stat().st_size - 1,
    }[place]
    change(tar, at, bytes([tar.read_bytes()[at] ^ 1]))
    assert wrong in faults(folder)


@pytest.mark.parametrize("column", ["start", "end"])
def test_index_that_misplaces_a_sample(folder: Path, column: str) -> None:
    index = folder / "index" / "train-000000.parquet"
    rows = pq.read_table(index)
    at = rows.schema.get_field_index(column)
    moved = pa.array([place + 512 for place in rows[column].to_pylist()], pa.int64())
    pq.write_table(rows.set_column(at, rows.schema.field(at), moved), index)
    assert faults(folder).count("the index says") == rows.num_rows


@pytest.mark.parametrize("keep", [0, 700, 0.5])
def test_truncation(folder: Path, keep: float) -> None:
    tar = picture_of(folder)[0]
    size = tar.stat().st_size
    with tar.open("r+b") as file:
        file.truncate(int(keep if keep > 1 else keep * size))
    found = faults(folder)
    assert f"the manifest says {size:,}" in found
    assert "the tar ends before it" in found


def test_missing_shard_and_stray_file(folder: Path) -> None:
    (folder / "train-000000.tar").rename(folder / "train-000009.tar")
    found = faults(folder)
    assert "train-000000.tar: is missing" in found
    assert "train-000009.tar: the manifest does not know this file" in found


def test_stray_file_in_a_folder_and_missing_card(folder: Path) -> None:
    (folder / "old").mkdir()
    (folder / "README.md").rename(folder / "old" / "train-000000.tar")
    found = faults(folder)
    assert "old/train-000000.tar: the manifest does not know this file" in found
    assert "README.md: is missing" in found
    assert len(found.splitlines()) == 2


def test_stray_and_lost_member(folder: Path) -> None:
    tar, _, _, name = picture_of(folder)

    def swap(members: list[tarfile.TarInfo]) -> list[tarfile.TarInfo]:
        return [tarfile.TarInfo("f" * 32 + ".json") if m.name == name else m for m in members]

    rewrite(tar, swap)
    found = faults(folder)
    assert f"{name}: the tar does not hold it" in found
    assert f"{'f' * 32}.json: stray member: the tar holds it, the index does not" in found


def test_members_that_do_not_lie_together(folder: Path) -> None:
    tar = picture_of(folder)[0]
    rewrite(tar, lambda members: sorted(members, key=lambda m: m.name.partition(".")[2]))
    assert "its members do not lie together" in faults(folder)


def test_index_of_another_folder(folder: Path) -> None:
    index = folder / "index" / "train-000000.parquet"
    table = pq.read_table(index)
    pq.write_table(table.slice(1), index)
    found = faults(folder)
    assert "not the index the manifest names" in found
    assert "stray member" in found


@pytest.mark.parametrize("damage", [b"", b"PAR1 no more", b"\x00" * 400])
def test_damaged_index(folder: Path, damage: bytes) -> None:
    (folder / "index" / "train-000000.parquet").write_bytes(damage)
    assert "index/train-000000.parquet: cannot be read" in faults(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 99}'])
def test_damaged_manifest(folder: Path, text: str) -> None:
    (folder / "dataset.json").write_text(text)
    assert faults(folder).startswith("dataset.json: ")


def test_swapped_shards(folder: Path) -> None:
    first, second = folder / "train-000000.tar", folder / "train-000001.tar"
    first.rename(folder / "x")
    second.rename(first)
    (folder / "x").rename(second)
    found = faults(folder)
    for tar in (first, second):
        assert f"{tar.name}: " in found
        assert f"{tar.name}: {pq.read_table(folder / 'index' / f'{tar.stem}.parquet')['product_id'][0]}" in found
    assert "stray member" in found


def test_swapped_indexes(folder: Path) -> None:
    first, second = (folder / "index" / f"train-00000{i}.parquet" for i in range(2))
    first.rename(folder / "x")
    second.rename(first)
    (folder / "x").rename(second)
    found = faults(folder)
    assert "index/train-000000.parquet: not the index the manifest names" in found
    assert "belongs to train in train-000001.tar" in found


def test_index_of_another_build(folder: Path, make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    """All checksums of the manifest hold: only the tars themselves can tell."""
    other = make_dataset(Shop(tmp_path / "media2", 16).tables, name="other")
    run_stage(other, Shard(ShardConfig(samples_per_shard=8, image_long_side=33, max_frames=2)))
    there = other.root / "shards" / "default"
    shutil.copytree(there / "index", folder / "index", dirs_exist_ok=True)
    shutil.copy(there / "dataset.json", folder / "dataset.json")
    shutil.copy(there / "README.md", folder / "README.md")
    found = faults(folder)
    assert "not the index" not in found
    assert "the index says" in found


@pytest.mark.parametrize("damage", ["card", "data_files"])
def test_card_of_other_shards(folder: Path, damage: str) -> None:
    text = (folder / "README.md").read_text()
    new = text.replace("train-*.tar", "train-000000.tar") if damage == "data_files" else text.replace("json", "jsno")
    (folder / "README.md").write_text(new)
    found = faults(folder)
    assert "README.md: does not say what these shards are" in found
    assert "HF datasets" in found


def test_without_hf_datasets_the_check_says_what_it_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m5tools.shards.check.has_datasets", lambda: False)
    report = check(folder)
    assert report.ok
    assert "m5tools[hf]" in report.skipped[0]


def test_not_a_folder_of_shards(tmp_path: Path) -> None:
    assert "not a shard folder" in faults(tmp_path / "nothing")


def test_masks_that_do_not_fit_the_members(folder: Path) -> None:
    index = folder / "index" / "train-000000.parquet"
    rows = pq.read_table(index)
    wrong = rows.set_column(4, rows.schema.field(4), pa.array([31] * rows.num_rows, pa.uint8()))
    pq.write_table(wrong, index)
    found = faults(folder)
    assert "'present' and the members disagree about video" in found
    assert "'present' and 'state' disagree" in found


def test_an_empty_folder_of_shards_is_one_without_faults(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset({"products": [], "attributes": [], "texts": [], "media": [], "fetched": [], "assets": [],
        "signals_image": [], "signals_video": [], "signals_audio": [], "tags": [], "roles": [], "cut_products": []})  # fmt: skip
    run_stage(dataset, Shard(ShardConfig()))
    empty = dataset.root / "shards" / "default"
    assert is_shard_folder(empty)
    assert not is_shard_folder(dataset.root)
    assert check(empty).ok
    with pytest.raises(UsageError, match="is no dataset"):
        Dataset(empty).manifest()


@pytest.mark.parametrize("name", ["croissant.json", "DATASHEET.md"])
def test_papers_of_other_shards(folder: Path, name: str) -> None:
    text = (folder / name).read_text()
    assert "train" in text
    (folder / name).write_text(text.replace("train", "trian"))
    assert faults(folder) == f"{name}: does not say what these shards are; run 'm5 papers' again"


def test_answers_in_the_papers_are_no_fault(folder: Path) -> None:
    sheet = folder / "DATASHEET.md"
    sheet.write_text(sheet.read_text().replace(f"\n{OPEN}\n", "\nAnswered.\n", 1))
    croissant = json.loads((folder / "croissant.json").read_text())
    (folder / "croissant.json").unlink()
    assert check(folder).ok
    (folder / "croissant.json").write_text(json.dumps({**croissant, "url": "https://data.example/"}))
    assert check(folder).ok


def test_checksums_that_are_not_those_of_the_tars(folder: Path) -> None:
    sums = folder / "SHA256SUMS"
    first = sums.read_text().splitlines()[0]
    assert subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=False).returncode == 0
    sums.write_text(sums.read_text().replace(first, "0" * 64 + first[64:]))
    found = faults(folder)
    assert "train-000000.tar: its checksum is not the one in SHA256SUMS" in found
    sums.write_text("x\n")
    assert "SHA256SUMS: is of other shards" in faults(folder)


def test_damaged_lineage(folder: Path) -> None:
    (folder / "lineage.json").write_text("{}")
    assert "lineage.json is damaged" in faults(folder)
