"""The batches of training: one order on any number of ranks, from memory or decoded anew, also around bad samples."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Generator
from pathlib import Path

import pytest
import torch

from m5tools.dataset import Dataset
from m5tools.loader.quarantine import AT_LEAST, TooManyBad
from m5tools.scale.batches import InMemory, Portion, Source, Streamed, ahead, remember
from m5tools.scale.config import MODELS, TrainConfig
from m5tools.scale.prepare import prepare
from m5tools.scale.source import ProductLoader, Shards
from m5tools.scale.tokenizer import ProductTokenizer
from m5tools.scale.words import texts_of
from m5tools.shards.manifest import ShardManifest
from m5tools.vocabulary import MODALITIES

from ..loader.conftest import dataset, original  # noqa: F401 - fixtures

SHAPE = MODELS["study"]


def opened(folder: Path, drop_last: bool, **options: object) -> ProductLoader:
    shards = Shards(str(folder), None, SHAPE, 32, 1)
    batch_size = 4 if drop_last else 8
    return shards.open(
        "train", MODALITIES, batch_size=batch_size, shuffle=drop_last, drop_last=drop_last, **options  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.fixture
def folder(dataset: Dataset) -> Path:  # noqa: F811 - a fixture
    return dataset.root / "shards" / "default"


@pytest.fixture
def tokenizer(folder: Path) -> ProductTokenizer:
    texts = [s for batch in opened(folder, False) for strings in texts_of(batch) for s in strings]
    return ProductTokenizer.learn(SHAPE, texts)


def some(source: Source, count: int) -> list[Portion]:
    return list(itertools.islice(iter(source), count))


def same(a: Portion, b: Portion) -> bool:
    parts = all(
        torch.equal(getattr(a.tokens.parts[m], name), getattr(b.tokens.parts[m], name))
        for m in MODALITIES
        for name in ("values", "mask", "row")
    )
    return a.tokens.ids == b.tokens.ids and torch.equal(a.seeds, b.seeds) and parts


def spoil(folder: Path, wanted: int) -> None:
    """Bytes that differ from what the index says, in so many places of the first tar."""
    (tar,) = [folder / f.tar for f in ShardManifest.read(folder).splits["train"][:1]]
    data = bytearray(tar.read_bytes())
    for place in range(1, wanted + 1):
        data[len(data) * place // (wanted + 2)] ^= 0xFF
    tar.write_bytes(data)


@pytest.mark.parametrize("bad", [0, 3])
def test_memory_and_decoding_deliver_the_same_batches_in_the_same_order(
    folder: Path, tokenizer: ProductTokenizer, bad: int
) -> None:  # fmt: skip
    spoil(folder, bad)
    memory = InMemory(opened(folder, True), remember(opened(folder, False), tokenizer))
    streamed = Streamed(opened(folder, True), tokenizer)
    steps = 2 * len(opened(folder, True)) + 1
    assert (len(memory.memory.bad) > 0) == (bad > 0)
    for a, b in zip(some(memory, steps), some(streamed, steps), strict=True):
        assert same(a, b)


def test_one_goes_on_where_the_other_stopped(folder: Path, tokenizer: ProductTokenizer) -> None:
    def both() -> tuple[Source, Source]:
        kept = InMemory(opened(folder, True), remember(opened(folder, False), tokenizer))
        return kept, Streamed(opened(folder, True), tokenizer)

    whole = some(both()[0], 12)
    for first, then in ((0, 1), (1, 0)):
        for steps in (3, len(opened(folder, True))):
            begun, ended = both()[first], both()[then]
            assert all(map(same, some(begun, steps), whole))
            ended.load_state_dict(begun.state_dict())
            assert all(map(same, some(ended, 12 - steps), whole[steps:]))


def test_ranks_share_each_batch(folder: Path, tokenizer: ProductTokenizer) -> None:
    whole = some(Streamed(opened(folder, True), tokenizer), 7)
    ranks = [some(Streamed(opened(folder, True, rank=r, world_size=2), tokenizer), 7) for r in (0, 1)]
    for together, *parts in zip(whole, *ranks, strict=True):
        places = [(i, int(s)) for part in parts for i, s in zip(part.tokens.ids, part.seeds, strict=True)]
        assert sorted(places) == sorted(zip(together.tokens.ids, together.seeds.tolist(), strict=True))
        assert all(len(part.tokens) <= 2 for part in parts), "two places a rank; a product may have no token"


def test_what_stays_away_takes_its_other_offers_along(folder: Path) -> None:
    everything = [i for batch in opened(folder, False) for i in batch.ids if i]
    clusters = {i: int(c) for b in opened(folder, False) for i, c in zip(b.ids, b.cluster, strict=True) if i}
    away = everything[:3]
    left = [i for batch in opened(folder, False, without=away) for i in batch.ids if i]
    gone = {clusters[i] for i in away} - {-1}
    assert set(left) == {i for i in everything if i not in away and clusters[i] not in gone}


def test_too_many_bad_products_end_the_run(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m5tools.loader.quarantine.AT_LEAST", 2)
    assert AT_LEAST > 2
    spoil(folder, 5)
    config = TrainConfig(shards=str(folder), out=tmp_path, batch_size=4)
    shards = Shards(str(folder), None, SHAPE, 32, 1, tmp_path, max_bad_share=0.05)
    with pytest.raises(TooManyBad, match=r"more than max_bad_share 0\.05"):
        prepare(config, shards, None, None)
    assert list((tmp_path / "quarantine").glob("*.parquet"))


def test_what_a_thread_raises_is_raised_where_its_items_are_used() -> None:
    def items() -> Generator[int]:
        yield 1
        raise ValueError("no more")

    made = ahead(items())
    assert next(made) == 1
    with pytest.raises(ValueError, match="no more"):
        next(made)


def test_a_thread_ends_with_who_uses_it() -> None:
    closed = threading.Event()

    def items() -> Generator[int]:
        try:
            yield from itertools.count()
        finally:
            closed.set()

    made = ahead(items())
    assert [next(made), next(made)] == [0, 1]
    made.close()  # type: ignore[attr-defined]
    assert closed.wait(5)
    assert all(thread.name != "m5-ahead" for thread in threading.enumerate())
