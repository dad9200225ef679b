from __future__ import annotations

import tarfile
from pathlib import Path

from m5tools.shards.writer import Member, TarWriter

SAMPLES = {
    "a" * 32: [Member("json", None, b"{}"), Member("image_0.jpg", None, b"x" * 512)],
    "b" * 32: [Member("json", None, b""), Member("image_10.jpg", None, b"y" * 5000)],
}


def write(path: Path) -> list[tuple[int, int, tuple[int, ...]]]:
    with TarWriter(path) as writer:
        places = [writer.add(key, members) for key, members in SAMPLES.items()]
    return [(p.start, p.end, p.offsets) for p in places]


def test_places_are_exact(tmp_path: Path) -> None:
    places = write(tmp_path / "a.tar")
    assert places == [(0, 2048, (512, 1536)), (2048, 8192, (2560, 3072))]
    data = (tmp_path / "a.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert [i.offset_data for i in tar] == [offset for _, _, offsets in places for offset in offsets]
        assert [i.name for i in tar] == [f"{key}.{m.name}" for key, members in SAMPLES.items() for m in members]
        assert {(i.mtime, i.uid, i.gid, i.uname, i.gname, i.mode) for i in tar} == {(0, 0, 0, "", "", 0o644)}
    assert data[3072 : 3072 + 5000] == b"y" * 5000
    assert data[257:263] == b"ustar\0"


def test_equal_samples_give_equal_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a.tar")
    write(tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
