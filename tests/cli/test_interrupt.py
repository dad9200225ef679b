"""An interrupt that falls where Python forgets it is raised again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from m5tools.cli.interrupt import insisting

FORGETFUL = """
import gc, os, signal, time
from m5tools.cli.interrupt import insisting

class Finalized:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)

try:
    with insisting(again_s=0.2):
        Finalized()
        print("went on", flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    print("ended")
"""


def test_one_that_a_finalizer_swallows_comes_again() -> None:
    done = subprocess.run([sys.executable, "-c", FORGETFUL], capture_output=True, text=True, timeout=50)
    assert done.stdout == "went on\nended\n"
    assert "Exception ignored" in done.stderr


def test_a_block_that_ended_is_left_in_peace() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)
    with pytest.raises(KeyboardInterrupt), insisting(again_s=0.05):
        signal.raise_signal(signal.SIGINT)
    time.sleep(0.2)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)) == before


def test_where_interrupts_are_ignored_they_stay_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with insisting(again_s=0.05):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
    finally:
        signal.signal(signal.SIGINT, before)
