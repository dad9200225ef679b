"""Words of titles, descriptions and attribute tables: a byte-level BPE trained on the cut's own texts.

Byte level, so that no script and no model number is ever unknown. Case and compatibility forms are folded before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from m5tools.loader.batch import Batch
from m5tools.scale.config import ScaleConfig
from m5tools.scale.tokens import Part, pack
from m5tools.vocabulary import Modality


def texts_of(batch: Batch) -> Iterator[str]:
    """Every string of the present texts and tables of a batch, in order."""
    for modality in (Modality.TEXT, Modality.TABLE):
        for here, strings in zip(
            batch.present[:, modality.index].tolist(), batch.strings(modality), strict=True
        ):
            if here:
                yield from strings


def learn(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Train the BPE. The same texts give the same merges, in any order of the texts."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def text_part(tokenizer: Tokenizer, config: ScaleConfig, batch: Batch) -> Part:
    """Title and description, one after the other, cut to `text_tokens`."""
    here = batch.present[:, Modality.TEXT.index].tolist()
    strings = batch.strings(Modality.TEXT)
    rows = [i for i, own in enumerate(strings) if here[i] and own]
    encoded = tokenizer.encode_batch_fast([" ".join(strings[i]) for i in rows])
    words: list[int] = []
    owner: list[int] = []
    for row, encoding in zip(rows, encoded, strict=True):
        kept = encoding.ids[: config.text_tokens]
        words += kept
        owner += [row] * len(kept)
    return pack(_long(words), _long(owner), config.text_tokens)


def table_part(tokenizer: Tokenizer, config: ScaleConfig, batch: Batch) -> Part:
    """Name/value pairs in the order of the listing; each name and value cut to `entity_tokens`.

    A pair that no longer fits whole ends the table, so that no name stands without its value.
    """
    here = batch.present[:, Modality.TABLE.index].tolist()
    strings = batch.strings(Modality.TABLE)
    rows = [i for i, own in enumerate(strings) if here[i] and own]
    encoded = iter(
        tokenizer.encode_batch_fast([s for i in rows for s in strings[i][: 2 * config.table_pairs]])
    )
    words: list[int] = []
    place: list[int] = []
    owner: list[int] = []
    for row in rows:
        entities = [
            next(encoded).ids[: config.entity_tokens] for _ in strings[row][: 2 * config.table_pairs]
        ]
        room = config.table_tokens
        for pair, (name, value) in enumerate(list(pairwise(entities))[::2]):
            room -= len(name) + len(value)
            if room < 0:
                break
            words += name + value
            place += [2 * pair] * len(name) + [2 * pair + 1] * len(value)
            owner += [row] * (len(name) + len(value))
    return pack(_long(words), _long(owner), config.table_tokens, _long(place))


def _long(values: list[int]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int64)
