"""A web server on loopback that does what a route tells it, however rude, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import io
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from PIL import Image


@dataclass(frozen=True)
class Request:
    """One request as it came in; `time` counts the requests for its path, from 1."""

    path: str
    headers: Mapping[str, str]
    time: int


Act = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]
Route = bytes | list[bytes] | Act


def reply(body: bytes = b"", status: int = 200, **headers: str | int | None) -> bytes:
    """A whole answer; a header given as None is left out, `_` stands for `-`."""
    named = {"Content-Length": len(body)} | {k.replace("_", "-"): v for k, v in headers.items()}
    lines = [f"HTTP/1.1 {status} X", *(f"{k}: {v}" for k, v in named.items() if v is not None)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def picture(shade: int, size: int = 16) -> bytes:
    """A small PNG; another for every shade."""
    out = io.BytesIO()
    Image.new("RGB", (size, size), (shade % 256, shade // 256 % 256, 7)).save(out, "png")
    return out.getvalue()


@dataclass
class Server:
    """Routes by path; without one, 404. A list gives its answers one after another, the last for good."""

    routes: dict[str, Route] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    open_at_once: int = 0
    port: int = 0
    _open: int = 0
    _counts: Counter[str] = field(default_factory=Counter)

    @property
    def asked(self) -> Counter[str]:
        """How often each path was asked for."""
        return Counter(self._counts)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                path = head[0].split(" ")[1]
                self._counts[path] += 1
                headers = dict(line.split(": ", 1) for line in head[1:] if line)
                request = Request(path, headers, self._counts[path])
                self.requests.append(request)
                route = self.routes.get(path, reply(b"not here", 404))
                self._open += 1
                self.open_at_once = max(self.open_at_once, self._open)
                try:
                    if callable(route):
                        await route(request, writer)
                    else:
                        answers = [route] if isinstance(route, bytes) else route
                        writer.write(answers[min(request.time, len(answers)) - 1])
                    await writer.drain()
                finally:
                    self._open -= 1
                if callable(route):
                    break
        writer.close()


@contextmanager
def serving(server: Server, *hosts: str) -> Iterator[Server]:
    """Run a server in a thread; it is gone at the end, with whatever it was still busy with."""
    loop = asyncio.new_event_loop()
    listening = []
    for host in hosts or ("127.0.0.1",):
        listening.append(loop.run_until_complete(asyncio.start_server(server.serve, host, server.port)))
        server.port = listening[0].sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for one in listening:
            one.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
            with suppress(asyncio.CancelledError):
                loop.run_until_complete(task)
        loop.close()
