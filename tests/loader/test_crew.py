from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Iterator

import pytest

from m5tools.loader.crew import Crew, fair_threads


@pytest.mark.parametrize("threads", [1, 3])
def test_each_item_is_worked_on_once(threads: int) -> None:
    done: list[int] = []
    crew = Crew(threads)
    for _ in range(2):
        crew.each(done.append, iter(range(50)))
    assert sorted(done) == sorted([*range(50)] * 2)


def test_no_more_items_are_taken_than_threads_can_work_on() -> None:
    taken: list[int] = []
    most: list[int] = []
    done: list[int] = []
    lock = threading.Lock()

    def items() -> Iterator[int]:
        for i in range(40):
            taken.append(i)
            yield i

    def work(item: int) -> None:
        with lock:
            most.append(len(taken) - len(done))
            done.append(item)

    Crew(3).each(work, items())
    assert max(most) <= 3


@pytest.mark.parametrize("threads", [1, 3])
def test_what_a_thread_raises_arrives(threads: int) -> None:
    def work(item: int) -> None:
        if item == 7:
            raise ValueError("seven")

    with pytest.raises(ValueError, match="seven"):
        Crew(threads).each(work, iter(range(20)))


def test_threads_stay_and_a_copy_or_a_forked_process_has_its_own() -> None:
    crew = Crew(2)
    assert crew.pool is crew.pool
    assert pickle.loads(pickle.dumps(crew)).threads == 2
    crew.each(lambda _: None, iter(range(4)))
    child = os.fork()
    if not child:
        done: list[int] = []
        crew.each(done.append, iter(range(4)))
        os._exit(sorted(done) != [0, 1, 2, 3])
    assert os.waitpid(child, 0)[1] == 0


def test_processors_are_shared_among_workers_and_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(12)), raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert [fair_threads(w) for w in (0, 1, 2, 4, 99)] == [8, 8, 6, 3, 1]
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    assert [fair_threads(w) for w in (0, 2, 4)] == [4, 2, 1]
