"""What docs/guides/traps.md says of released packages and marks [run]: a small case of each, run again.

    python -m venv TRAPS      # with m5tools' own packages behind it, as benchmarks/peers.py makes its environments
    TRAPS/bin/python -m pip install -r benchmarks/requirements-traps.txt
    TRAPS/bin/python -m pip install --no-deps -r benchmarks/requirements-traps-alone.txt
    TRAPS/bin/python -m benchmarks.peer_traps [--only 4]

Prints a line a claim and ends with 1 where one does not hold, which is then to be taken back from the page.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

from PIL import Image

CABLES = ("USB cable", "USB cable", "Blue mug", "")
SHOES = (
    "Nimbus running shoe model 3310 for men in size 42 with a cushioned sole of foam and a breathable upper",
    "Nimbus running shoe model 7790 for men in size 38 with a cushioned sole of foam and a breathable upper",
)
LAMP = "Desk lamp of brushed steel with a heavy foot and a switch in the cord for reading late at night"


@dataclass(frozen=True)
class Claim:
    """One sentence of the page.

    Attributes:
        trap: its number.
        package: whose release is run, by its name on PyPI.
        says: what the page says.
        holds: runs it in a folder that is empty before.
    """

    trap: int
    package: str
    says: str
    holds: Callable[[Path], bool]


def _minhashed(folder: Path, texts: Sequence[str], inserted: Sequence[str] = ()) -> list[str]:
    """What datatrove's four MinHash steps keep; `inserted` come in front before the last of them."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    def written(rows: Sequence[str]) -> JsonlReader:
        lines = [json.dumps({"id": str(n), "text": text}) for n, text in enumerate(rows)]
        (folder / "texts").mkdir(parents=True, exist_ok=True)
        (folder / "texts" / "0.jsonl").write_text("".join(f"{line}\n" for line in lines))
        return JsonlReader(str(folder / "texts"))

    def run(*steps: Any, tasks: int = 1) -> None:
        logs = str(folder / "logs")
        LocalPipelineExecutor(
            pipeline=list(steps), tasks=tasks, workers=1, skip_completed=False, logging_dir=logs
        ).run()

    signatures, buckets, removed, kept = (str(folder / name) for name in ("signatures", "buckets", "removed", "kept"))
    run(written(texts), MinhashDedupSignature(output_folder=signatures))
    run(MinhashDedupBuckets(signatures, buckets), tasks=14)
    run(MinhashDedupCluster(buckets, removed))
    run(written([*inserted, *texts]), MinhashDedupFilter(removed), JsonlWriter(kept, compression=None))
    return [json.loads(line)["text"] for file in Path(kept).glob("*.jsonl") for line in file.read_text().splitlines()]


def _both_cables_stay(folder: Path) -> bool:
    return _minhashed(folder, CABLES[:2]) == list(CABLES[:2])


def _numbers_are_one(folder: Path) -> bool:
    return len(_minhashed(folder, SHOES)) == 1


def _a_row_deletes_another(folder: Path) -> bool:
    texts = [SHOES[0], LAMP, SHOES[0]]
    assert _minhashed(folder / "undisturbed", texts) == texts[:2]
    return _minhashed(folder / "disturbed", texts, inserted=["A row more"]) == ["A row more", SHOES[0], SHOES[0]]


def _short_texts_are_one(_: Path) -> bool:
    from data_juicer.core.data import NestedDataset
    from data_juicer.ops.deduplicator.document_minhash_deduplicator import DocumentMinhashDeduplicator

    kept = DocumentMinhashDeduplicator().run(NestedDataset.from_list([{"text": text} for text in CABLES]))
    return [row["text"] for row in kept] == ["USB cable"]


class _Mains(BaseHTTPRequestHandler):
    """Another body at every path."""

    def do_GET(self) -> None:
        body = f"bytes of {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def _served() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Mains)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


def _names_collide(folder: Path) -> bool:
    from data_juicer.core.data import NestedDataset
    from data_juicer.ops.mapper.download_file_mapper import DownloadFileMapper

    with _served() as host:
        rows = [{"url": [f"{host}/p{number}/main.jpg"]} for number in (1, 2, 3)]
        mapper = DownloadFileMapper(download_field="url", save_dir=str(folder / "files"), num_proc=1)
        made = list(mapper.run(NestedDataset.from_list(rows)))
    paths = {str(row["url"][0]) for row in made}
    return len(paths) == 1 and len(list((folder / "files").iterdir())) == 1


def _a_batch_goes_with_a_row(folder: Path) -> bool:
    from data_juicer.config import init_configs
    from data_juicer.core.data import NestedDataset
    from data_juicer.ops.mapper.whitespace_normalization_mapper import WhitespaceNormalizationMapper

    (folder / "rows.jsonl").write_text('{"text": "a"}\n')
    settings = {"dataset_path": folder / "rows.jsonl", "export_path": folder / "made.jsonl"}
    recipe = "".join(f"{name}: {value}\n" for name, value in settings.items())
    (folder / "recipe.yaml").write_text(f"{recipe}process:\n  - whitespace_normalization_mapper:\n")
    by_default = init_configs(["--config", str(folder / "recipe.yaml")]).skip_op_error

    class Fragile(WhitespaceNormalizationMapper):  # type: ignore[misc]
        def process_batched(self, samples: dict[str, Any]) -> Any:
            assert None not in samples["text"]
            return super().process_batched(samples)

    rows = [{"text": None if number == 1 else f"text {number}"} for number in range(7)]
    made = Fragile(batch_size=4, skip_op_error=by_default, num_proc=1).run(NestedDataset.from_list(rows))
    return [row["text"] for row in made] == ["text 4", "text 5", "text 6"]


def _unreadable_pictures_are_duplicates(_: Path) -> bool:
    from cleanvision import Imagelab
    from datasets import Dataset, Features
    from datasets import Image as Picture

    sink = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(sink, "JPEG")
    files = [sink.getvalue(), sink.getvalue()[:90], b"not a picture"]
    rows = Dataset.from_dict(
        {"image": [{"bytes": data, "path": None} for data in files]}, Features({"image": Picture()})
    )
    lab = Imagelab(hf_dataset=rows, image_key="image")
    lab.find_issues({"exact_duplicates": {}}, n_jobs=1, verbose=False)
    return [bool(told) for told in lab.issues["is_exact_duplicates_issue"]] == [False, True, True]


def _an_unreadable_file_ends_it(folder: Path) -> bool:
    from cleanvision import Imagelab
    from PIL import UnidentifiedImageError

    (folder / "text.jpg").write_bytes(b"not a picture")
    try:
        Imagelab(data_path=str(folder)).find_issues({"exact_duplicates": {}}, n_jobs=1, verbose=False)
    except UnidentifiedImageError:
        return True
    return False


def _tar(path: Path, samples: Sequence[Sequence[str]]) -> None:
    with tarfile.open(path, "w") as tar:
        for number, members in enumerate(samples):
            for member in members:
                data = b"{}" if member == "json" else b"bytes"
                info = tarfile.TarInfo(f"{number:04d}.{member}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def _streamed(folder: Path, samples: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    from datasets import load_dataset

    _tar(folder / "train-000000.tar", samples)
    files = {"train": str(folder / "train-000000.tar")}
    return list(load_dataset("webdataset", data_files=files, split="train", streaming=True))


def _first_five_must_agree(folder: Path) -> bool:
    try:
        _streamed(folder, [["json", "txt"], ["json"]])
    except ValueError as error:
        return "don't share the same prefix or the same types" in str(error)
    return False


def _later_members_are_dropped(folder: Path) -> bool:
    rows = _streamed(folder, [*[["json", "txt"]] * 5, ["json", "txt", "bin"]])
    return len(rows) == 6 and not any("bin" in row for row in rows)


def _batches_want_equal_members(folder: Path) -> bool:
    import webdataset

    _tar(folder / "a.tar", [["json", "txt"], ["json"]])
    try:
        list(webdataset.WebDataset(str(folder / "a.tar"), shardshuffle=False).batched(2))
    except AssertionError as error:
        return "keys don't match" in str(error)
    return False


def _pictures_must_be_there(folder: Path) -> bool:
    from litdata.streaming import Cache

    cache = Cache(str(folder), chunk_size=2)
    cache[0] = {"image": Image.new("RGB", (8, 8)), "id": 0}
    try:
        cache[1] = {"image": None, "id": 1}
        cache.done()
    except Exception as error:  # noqa: BLE001 - whichever it is
        print(f"  litdata: {type(error).__name__}: {error}", file=sys.stderr)
        return True
    return False


CLAIMS = (
    Claim(1, "datatrove", "a text of fewer than five words has no signature: both equal rows stay", _both_cables_stay),
    Claim(1, "py-data-juicer", "the mug and the empty title are merged into the cable", _short_texts_are_one),
    Claim(2, "datatrove", "listings that differ in numbers alone are one cluster", _numbers_are_one),
    Claim(
        4,
        "cleanvision",
        "pictures of an HF data set that cannot be read are exact duplicates",
        _unreadable_pictures_are_duplicates,
    ),
    Claim(4, "cleanvision", "in a folder a file that cannot be read ends the search", _an_unreadable_file_ends_it),
    Claim(5, "py-data-juicer", "three files called main.jpg have one path", _names_collide),
    Claim(
        6,
        "datatrove",
        "a row inserted between two steps: a unique text is deleted, the copy stays",
        _a_row_deletes_another,
    ),
    Claim(9, "py-data-juicer", "one bad row takes the three good ones of its batch along", _a_batch_goes_with_a_row),
    Claim(13, "datasets", "tars whose first five samples differ are refused", _first_five_must_agree),
    Claim(13, "datasets", "members that are new later are dropped without a word", _later_members_are_dropped),
    Claim(13, "webdataset", "default batching asserts equal members", _batches_want_equal_members),
    Claim(13, "litdata", "a sample whose picture is missing cannot be written", _pictures_must_be_there),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=int, help="Claims about one trap.")
    only = parser.parse_args().only
    failed, told = 0, sys.stdout  # data-juicer puts its log in the place of the latter
    for claim in CLAIMS:
        if only in (None, claim.trap):
            with tempfile.TemporaryDirectory(prefix="m5-traps-") as folder:
                holds = claim.holds(Path(folder))
            failed += not holds
            print(
                f"{claim.trap:2} {claim.package} {version(claim.package)}: {claim.says}: {'yes' if holds else 'NO'}",
                file=told,
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
