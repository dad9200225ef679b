from __future__ import annotations

import hashlib
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import xxhash

from m5tools.media.guard import DecodeError
from m5tools.shards.writer import PAGE, Member, Place, Stretch, TarWriter, header
from m5tools.vocabulary import Reason

from ..moto_server import moto_server

SAMPLES = {
    "a" * 32: {"json": b"{}", "image_0.jpg": b"x" * 512},
    "b" * 32: {"json": b"", "image_10.jpg": b"y" * 5000},
}
LENGTHS = [0, 1, 511, 512, 513, PAGE - 1024, PAGE - 1023, PAGE, PAGE + 1, 3 * PAGE + 77]


def write(path: Path, samples: dict[str, dict[str, bytes]]) -> list[Place]:
    with TarWriter(path) as writer:
        return [writer.add(key, Member(n, None, data)) for key, files in samples.items() for n, data in files.items()]


def by_tarfile(path: Path, samples: dict[str, dict[str, bytes]]) -> None:
    """The same by the standard library."""
    with tarfile.TarFile(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for key, files in samples.items():
            for name, data in files.items():
                info = tarfile.TarInfo(f"{key}.{name}")
                info.size, info.mode = len(data), 0o644
                (path.parent / "member").write_bytes(data)
                with (path.parent / "member").open("rb") as file:
                    tar.addfile(info, file)


def test_bytes_are_those_of_the_standard_library(tmp_path: Path) -> None:
    samples = {f"{n:032x}": {"json": b"{}", "video_0.mp4": bytes(range(256)) * (n // 256) + b"z" * (n % 256)}
               for n in LENGTHS}  # fmt: skip
    places = write(tmp_path / "ours.tar", samples)
    by_tarfile(tmp_path / "theirs.tar", samples)
    data = (tmp_path / "ours.tar").read_bytes()
    assert data == (tmp_path / "theirs.tar").read_bytes()
    flat = [member for files in samples.values() for member in files.values()]
    assert [data[p.offset : p.offset + p.length] for p in places] == flat
    assert [p.xxh3 for p in places] == [xxhash.xxh3_64_intdigest(member) for member in flat]


@pytest.mark.parametrize("size", [0, 1, 7, 511, 512, 8**11 - 1])
def test_header_is_that_of_the_standard_library(size: int) -> None:
    info = tarfile.TarInfo(f"{'f' * 32}.größe_0.jpg")
    info.size, info.mode = size, 0o644
    assert header(info.name, size) == info.tobuf(tarfile.USTAR_FORMAT, "utf-8")
    with pytest.raises(ValueError, match="too long"):
        header("n" * 101, size)


def test_places_and_digest_are_exact(tmp_path: Path) -> None:
    with TarWriter(tmp_path / "a.tar") as writer:
        offsets = [
            writer.add(key, Member(name, None, data)).offset
            for key, files in SAMPLES.items()
            for name, data in files.items()
        ]
        assert writer.position == 8192
    assert offsets == [512, 1536, 2560, 3072]
    assert writer.xxh3 == xxhash.xxh3_128_hexdigest((tmp_path / "a.tar").read_bytes())
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert {(i.mtime, i.uid, i.gid, i.uname, i.gname, i.mode) for i in tar} == {(0, 0, 0, "", "", 0o644)}


@pytest.mark.parametrize("length", LENGTHS)
def test_a_stretch_of_a_file_is_written_as_its_bytes_are(tmp_path: Path, length: int) -> None:
    data = (b"0123456789abcdef" * (length // 16 + 1))[:length]
    (tmp_path / "pack").write_bytes(b"before" + data + b"behind")
    stretch = Stretch(str(tmp_path / "pack"), 6, length)
    for name, held in (("bytes", data), ("stretch", stretch)):
        with TarWriter(tmp_path / name) as writer:
            writer.add("a", Member("json", None, b"{}"))
            place = writer.add("a", Member("audio_0.wav", None, held))
            writer.add("b", Member("json", None, b"[]"))
    assert place == Place(1536, length, xxhash.xxh3_64_intdigest(data))
    assert (tmp_path / "bytes").read_bytes() == (tmp_path / "stretch").read_bytes()


def test_nothing_of_earlier_pages_shows_between_members(tmp_path: Path) -> None:
    (tmp_path / "pack").write_bytes(b"\xff" * 60_000)
    samples = {f"{n:032x}": {"image_0.jpg": b"\xff" * n} for n in range(20_001, 60_000, 1_001)}
    with TarWriter(tmp_path / "stretches") as writer:
        for key, files in samples.items():
            length = len(files["image_0.jpg"])
            writer.add(key, Member("image_0.jpg", None, Stretch(str(tmp_path / "pack"), 0, length)))
    write(tmp_path / "bytes", samples)
    assert (tmp_path / "stretches").read_bytes() == (tmp_path / "bytes").read_bytes()


@pytest.mark.parametrize(
    ("spoil", "reason"), [(lambda f: f.unlink(), Reason.MISSING_FILE), (lambda f: None, Reason.TRUNCATED)]
)
@pytest.mark.parametrize("length", [100, PAGE - 2000, PAGE + 1, 4 * PAGE])
def test_a_file_that_fails_leaves_no_trace(
    tmp_path: Path, length: int, spoil: Callable[[Path], None], reason: Reason
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * (length - 1))
    spoil(file)
    with TarWriter(tmp_path / "with.tar") as writer:
        writer.add("a", Member("json", None, b"1" * 3000))
        with pytest.raises(DecodeError) as caught:
            writer.add("a", Member("image_0.jpg", None, Stretch(str(file), 0, length)))
        writer.add("b", Member("json", None, b"2" * 3000))
    assert caught.value.reason is reason
    write(tmp_path / "without.tar", {"a": {"json": b"1" * 3000}, "b": {"json": b"2" * 3000}})
    assert (tmp_path / "with.tar").read_bytes() == (tmp_path / "without.tar").read_bytes()
    assert writer.xxh3 == xxhash.xxh3_128_hexdigest((tmp_path / "with.tar").read_bytes())


@pytest.mark.parametrize("length", [100, PAGE - 2000, PAGE + 1, 4 * PAGE])
def test_a_file_that_another_one_is_in_the_place_of_leaves_no_trace(tmp_path: Path, length: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * length)
    stretch = Stretch(str(file), 0, length, hashlib.sha256(b"x" * length).hexdigest())
    with TarWriter(tmp_path / "with.tar") as writer:
        writer.add("a", Member("image_0.jpg", None, stretch))
        file.write_bytes(b"x" * (length - 1) + b"y")
        with pytest.raises(DecodeError, match="other bytes than when it was fetched") as caught:
            writer.add("b", Member("image_0.jpg", None, stretch))
        writer.add("c", Member("json", None, b"2" * 3000))
    assert caught.value.reason is Reason.MISSING_FILE
    write(tmp_path / "without.tar", {"a": {"image_0.jpg": b"x" * length}, "c": {"json": b"2" * 3000}})
    assert (tmp_path / "with.tar").read_bytes() == (tmp_path / "without.tar").read_bytes()
    assert writer.xxh3 == xxhash.xxh3_128_hexdigest((tmp_path / "with.tar").read_bytes())


def test_an_object_of_a_store_is_written_as_a_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with moto_server(monkeypatch) as s3:
        for length in (100, 2 * PAGE):
            data = bytes(range(256)) * (length // 256 + 1)
            (tmp_path / "file").write_bytes(data[:length])
            s3.fs().pipe_file(f"{s3.bucket}/crawl/a b.jpg", data[:length])
            uri = f"s3://{s3.bucket}/crawl/a b.jpg"
            for name, path in (("here", str(tmp_path / "file")), ("there", uri)):
                with TarWriter(tmp_path / name) as writer:
                    writer.add("a", Member("image_0.jpg", None, Stretch(path, 0, length)))
                    for lost, reason in ((f"{path}.gone", Reason.MISSING_FILE), (path, Reason.TRUNCATED)):
                        with pytest.raises(DecodeError) as caught:
                            writer.add("b", Member("image_0.jpg", None, Stretch(lost, 0, length + 1)))
                        assert caught.value.reason is reason
            assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "here", "there"]
