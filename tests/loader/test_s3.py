"""S3 over HTTP: a moto server that answers every fifth request with "slow down"."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from m5tools.loader.loader import Loader
from m5tools.vocabulary import MODALITIES

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")


class Failing:
    """A WSGI application of which every fifth request for something fails."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.asked = 0
        self.failed = 0
        self.bucket = ""

    def __call__(self, request: dict[str, Any], start: Any) -> Iterable[bytes]:
        if request["REQUEST_METHOD"] in ("GET", "HEAD"):
            self.asked += 1
            if self.asked % 5 == 0:
                self.failed += 1
                start("503 Slow Down", [("Content-Length", "0")])
                return []
        answer: Iterable[bytes] = self.application(request, start)
        return answer


@pytest.fixture
def s3(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Failing]:
    """The shop's shards below `shards/` in a bucket."""
    import s3fs
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    application = Failing(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    try:
        fs = s3fs.S3FileSystem(skip_instance_cache=True)
        application.bucket = f"shop-{server.server_port}"  # the server's memory outlives it
        fs.mkdir(application.bucket)
        fs.put(f"{folder}/", f"{application.bucket}/shards/", recursive=True)
        yield application
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("limit", "workers"), [(1, 0), (2**30, 0), (1, 2), (2**30, 2)])
def test_batches_are_those_of_the_local_folder(
    folder: Path, s3: Failing, tmp_path: Path, limit: int, workers: int
) -> None:
    sizes: dict[str, Any] = {"global_batch_size": 5, "seed": 2, "image_size": 16}
    wanted = list(Loader(folder, **sizes))
    loader = Loader(f"s3://{s3.bucket}/shards", cache=tmp_path / "cache", cache_bytes=limit, workers=workers, **sizes)
    got = list(loader)
    assert s3.failed > 2
    assert not loader.bad
    assert [b.ids for b in got] == [b.ids for b in wanted]
    for a, b in zip(got, wanted, strict=True):
        assert torch.equal(a.present, b.present)
        assert all(torch.equal(a.part(m).data, b.part(m).data) for m in MODALITIES)
    assert len(list((tmp_path / "cache").glob("*.shard"))) == (4 if limit > 1 else 0)
