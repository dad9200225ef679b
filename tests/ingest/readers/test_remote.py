"""Files at an address are read like local ones, in chunks, lines no further than asked."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from m5tools.errors import UsageError
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers.json_lines import JsonLines
from m5tools.ingest.readers.locations import stored

ROWS = [{"id": i, "title": "é" * (i % 50)} for i in range(5_000)]
BODY = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()


class Ranges(http.server.BaseHTTPRequestHandler):
    """Serves one file, whole or by ranges, as object stores do."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        first, last = (int(n) for n in asked.removeprefix("bytes=").split("-")) if asked else (0, len(BODY) - 1)
        part = BODY[first : last + 1]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(BODY)}")
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/rows.jsonl"
        server.shutdown()


def test_every_row_of_a_remote_file_is_read_once(address: str) -> None:
    reader, mapping = JsonLines(chunk_bytes=100_000), Mapping.model_validate({"source": "x", "format": "json_lines"})
    chunks = reader.chunks(address, "rows.jsonl")
    assert len(chunks) == -(-len(BODY) // 100_000)
    assert [r for chunk in chunks for batch in reader.batches(chunk, mapping) for r in batch.records] == ROWS


def test_a_local_uri_reads_like_its_path(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(BODY)
    with stored((tmp_path / "a.jsonl").as_uri()) as file:
        assert file.readline(7) == BODY[:7]
        file.seek(10)
        assert file.read() == BODY[10:]


def test_a_uri_that_needs_a_package_names_it() -> None:
    with pytest.raises(UsageError, match=r"abfs://bucket/x.*adlfs"):
        stored("abfs://bucket/x")
