"""An S3 store over HTTP, of moto, that processes of a test share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

Refuses = Callable[[str, str], bool]
SERVED = count()


@dataclass
class Served:
    """A server with one bucket.

    Attributes:
        bucket: its name.
        asked: method and path of every request, in order.
        refuses: which requests (method, path) are answered by "slow down".
    """

    bucket: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    refuses: Refuses = lambda method, path: False

    def fs(self) -> Any:
        """A client of a kind that keeps nothing."""
        import s3fs

        return s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)

    def names(self) -> list[str]:
        """Keys of all objects."""
        return sorted(name.removeprefix(f"{self.bucket}/") for name in self.fs().find(self.bucket))

    def download(self, folder: Path) -> None:
        """Copy all objects into a folder."""
        fs = self.fs()
        for name in self.names():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            fs.get_file(f"{self.bucket}/{name}", str(folder / name))

    def remove(self, name: str) -> None:
        """Remove one object."""
        self.fs().rm_file(f"{self.bucket}/{name}")

    def empty(self) -> None:
        """Remove all objects."""
        for name in self.names():
            self.remove(name)

    def application(self, inner: Any) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
        def answer(request: dict[str, Any], start: Any) -> Iterable[bytes]:
            method, path = request["REQUEST_METHOD"], request["PATH_INFO"]
            self.asked.append((method, path))
            if self.refuses(method, path):
                start("503 Slow Down", [("Content-Length", "0")])
                return []
            answered: Iterable[bytes] = inner(request, start)
            return answered

        return answer


@contextmanager
def moto_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server, with what a client must know of it in the environment."""
    import s3fs
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    served = Served()
    application = served.application(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    try:
        # The server's memory outlives it, and a later one may be given the same port.
        served.bucket = f"shop-{server.server_port}-{next(SERVED)}"
        s3fs.S3FileSystem(skip_instance_cache=True).mkdir(served.bucket)
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
