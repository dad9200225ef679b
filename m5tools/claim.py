"""Who writes a dataset in an object store: one at a time, told by an object that its holder keeps renewing.

It is made only where there is none and replaced only in the version that was seen, so of two that come at once one gets
it. Clocks of machines differ: who wants it watches whether it changes.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from m5tools import atomic
from m5tools.bucket import Bucket
from m5tools.errors import M5Error, UsageError

PLACE: Final = ".claim.json"
BEAT_S = 5.0
DEAD_AFTER_S = 60.0
_NAME: Final = ".name"


class Claim:
    """The claim of one process on a dataset.

    Args:
        bucket: the dataset.
        root: its working copy here, which one process at a time writes; so who had the claim from here is dead.
    """

    def __init__(self, bucket: Bucket, root: Path) -> None:
        self._bucket = bucket
        self._copy = _name_of(root)
        self._token = secrets.token_hex(8)
        self._version = ""
        self._beats = 0
        self._lost = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the claim.

        Raises:
            UsageError: somebody else holds it.
        """
        self._take()
        over = threading.Event()
        beating = threading.Thread(target=self._beat, args=(over,), daemon=True)
        beating.start()
        try:
            yield
        finally:
            over.set()
            beating.join()
            with suppress(M5Error):  # a claim that stays is found dead
                self._bucket.remove_if(PLACE, self._version)

    def hold(self) -> None:
        """
        Raises:
            UsageError: the claim was lost, so nothing more may be written.
        """
        if self._lost:
            raise UsageError(
                f"this machine was silent for so long that another run took {self._bucket.folder} over; nothing more "
                "was written; run the same command again when that one is done"
            )

    def _take(self) -> None:
        seen: tuple[str, float] | None = None
        while True:
            there = self._bucket.at(PLACE)
            if there is None:
                replaces = None
            else:
                body, version = _told(there[0]), there[1]
                now = time.monotonic()
                seen = seen or (version, now)
                if body.get("token") != self._token and body.get("copy") != self._copy:
                    if version != seen[0]:
                        who = f"process {body.get('pid', '?')} on {body.get('host', '?')}"
                        raise UsageError(f"another run ({who}) writes {self._bucket.folder}; wait for it")
                    if now - seen[1] < DEAD_AFTER_S:
                        time.sleep(BEAT_S / 5)
                        continue
                replaces = version
            if self._write(replaces):
                return

    def _write(self, replaces: str | None) -> bool:
        self._beats += 1
        body = {"pid": os.getpid(), "host": socket.gethostname(), "copy": self._copy, "token": self._token}
        version = self._bucket.put_if(PLACE, json.dumps(body | {"beat": self._beats}).encode(), replaces)
        if version is not None:
            self._version = version
        return version is not None

    def _beat(self, over: threading.Event) -> None:
        while not over.wait(BEAT_S):
            with suppress(M5Error):  # a store that fails once must not make this run look dead
                if not self._write(self._version):
                    self._lost = not self._is_mine()

    def _is_mine(self) -> bool:
        """Whether a write that seemed refused was ours, whose answer got lost."""
        there = self._bucket.at(PLACE)
        if there is None or _told(there[0]).get("token") != self._token:
            return False
        self._version = there[1]
        return True


def _told(data: bytes) -> dict[str, Any]:
    """What a claim tells of its holder; nothing where it is damaged, so that only its renewal can be watched."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _name_of(root: Path) -> str:
    """What tells this working copy from others, on whichever machine."""
    file = root / _NAME
    if not file.is_file():
        atomic.write_bytes(file, secrets.token_hex(16).encode())
    return file.read_text(encoding="utf-8")
