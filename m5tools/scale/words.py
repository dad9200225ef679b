"""Words of titles, descriptions and attribute tables: a byte-level BPE trained on the cut's own texts.

Byte level, so that no script and no model number is ever unknown. Case and compatibility forms are folded before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from tokenizers import Encoding, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from m5tools.loader.batch import Batch
from m5tools.scale.config import ScaleConfig
from m5tools.scale.guard import one_line
from m5tools.scale.tokens import Part, pack
from m5tools.vocabulary import Modality


def texts_of(batch: Batch) -> Iterator[list[str]]:
    """The strings of each product's present text and table, in order."""
    here = batch.present[:, [Modality.TEXT.bit, Modality.TABLE.bit]].tolist()
    texts, tables = batch.strings(Modality.TEXT), batch.strings(Modality.TABLE)
    for (has_text, has_table), text, table in zip(here, texts, tables, strict=True):
        yield text * has_text + table * has_table


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


def document_counts(tokenizer: Tokenizer, products: Iterable[list[str]]) -> tuple[torch.Tensor, int]:
    """Number of products in whose strings each word occurs, float32 `[vocabulary]`, and number of products."""
    counts = torch.zeros(max(tokenizer.get_vocab().values(), default=-1) + 1)
    total = 0
    for strings in products:
        total += 1
        found = {word for encoding in _encoded(tokenizer, strings) for word in encoding.ids}
        counts[_long(sorted(found))] += 1
    return counts, total


def text_part(tokenizer: Tokenizer, config: ScaleConfig, batch: Batch) -> Part:
    """Title and description, one after the other, cut to `text_tokens`."""
    here = batch.present[:, Modality.TEXT.bit].tolist()
    strings = batch.strings(Modality.TEXT)
    rows = [i for i, own in enumerate(strings) if here[i] and own]
    encoded = _encoded(tokenizer, [" ".join(strings[i]) for i in rows])
    words: list[int] = []
    owner: list[int] = []
    for row, encoding in zip(rows, encoded, strict=True):
        kept = encoding.ids[: config.text_tokens]
        words += kept
        owner += [row] * len(kept)
    return pack(_long(words), _long(owner), config.text_tokens)


def table_part(tokenizer: Tokenizer, config: ScaleConfig, batch: Batch) -> Part:
    """The first `table_pairs` name/value pairs in the order of the listing; each name and value is one token.

    A token is the bag of its first `entity_words` words, so that a pair costs two tokens however it is written, and
    can be hidden whole.
    """
    here = batch.present[:, Modality.TABLE.bit].tolist()
    entities = [
        own[: 2 * config.table_pairs] if known else []
        for known, own in zip(here, batch.strings(Modality.TABLE), strict=True)
    ]
    bags = torch.full((sum(map(len, entities)), config.entity_words), -1)
    for bag, encoding in zip(bags, _encoded(tokenizer, [s for own in entities for s in own]), strict=True):
        kept = encoding.ids[: config.entity_words]
        bag[: len(kept)] = torch.tensor(kept, dtype=torch.int64)
    owner = [row for row, own in enumerate(entities) for _ in own]
    return pack(bags, _long(owner), 2 * config.table_pairs)


def _encoded(tokenizer: Tokenizer, strings: list[str]) -> list[Encoding]:
    """Words of each string, without the marks that some tokenizers set around a sentence."""
    with one_line(lambda said: f"the tokenizer cannot read a text of the products ({said}); name another"):
        found: list[Encoding] = tokenizer.encode_batch_fast(strings, add_special_tokens=False)
    return found


def _long(values: list[int]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int64)
