"""From a batch of decoded products to tokens of all five modalities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer, models

from m5tools import uris
from m5tools.errors import UsageError
from m5tools.loader.batch import Batch
from m5tools.scale import perception, words
from m5tools.scale.config import ScaleConfig
from m5tools.scale.frozen import Features
from m5tools.scale.guard import guarded
from m5tools.scale.missing import zero_filled
from m5tools.scale.tokens import Part, Tokens
from m5tools.vocabulary import MODALITIES, Modality

MOST_BYTES: Final = 100 << 20
"""Of a tokenizer's file; those of models for every language have a third of it."""
MOST_WORDS: Final = 1 << 20
"""A vector is trained for every number up to the highest."""


class ProductTokenizer:
    """Turns a :class:`Batch` into :class:`Tokens`.

    Absent modalities and padding rows yield no tokens, unless `config.missing` asks for zeros.

    Args:
        config: shape of the tokens.
        bpe: the vocabulary.
        features: what stands in the place of tokens of the modalities in `config.frozen`.

    Raises:
        UsageError: it has too many words.
    """

    def __init__(
        self, config: ScaleConfig, bpe: Tokenizer, features: Mapping[Modality, Features] | None = None
    ) -> None:
        # Numbers may have gaps, so the highest counts and not how many there are.
        highest = max(bpe.get_vocab().values(), default=-1)
        if highest >= MOST_WORDS:
            raise UsageError(f"the tokenizer numbers its words up to {highest:,}; take one of at most {MOST_WORDS:,}")
        self.config = config.model_copy(update={"vocabulary": highest + 1})
        self.bpe = bpe
        self.features = features or {}
        # Lengths are cut here, by product and by entity.
        bpe.no_truncation()
        bpe.no_padding()

    @classmethod
    def learn(cls, config: ScaleConfig, texts: Iterable[str]) -> ProductTokenizer:
        """Train the vocabulary on the texts of the training split."""
        return cls(config, words.learn(texts, config.vocabulary))

    @classmethod
    def from_file(cls, config: ScaleConfig, path: str | Path) -> ProductTokenizer:
        """Take the words of a Hugging Face tokenizer: its `tokenizer.json`, or the folder that holds one.

        Raises:
            UsageError: there is none, it cannot be read, has too many words, or cannot read any text.
        """
        if uris.is_uri(path):
            named = uris.named(path)
            raise UsageError(f"a tokenizer is read from a path of this machine, not from {named}; copy it here first")
        file = Path(path)
        file = file / "tokenizer.json" if file.is_dir() else file
        if not file.is_file():
            raise UsageError(f"no tokenizer at {file}; name a tokenizer.json, or a folder that holds one")
        if file.stat().st_size > MOST_BYTES:
            raise UsageError(f"{file} is larger than {MOST_BYTES >> 20} MB, which no tokenizer is; name another file")
        words = guarded(lambda: Tokenizer.from_file(str(file)), f"{file} is no tokenizer", "name another")
        if isinstance(words.model, models.BPE):
            words.model.dropout = None  # a product has the same words in every epoch, and where it is judged
        if not words.get_vocab():
            raise UsageError(f"{file} knows no word; name another tokenizer")
        return cls(config, words)

    @classmethod
    def from_json(
        cls, config: ScaleConfig, text: str, features: Mapping[Modality, Features] | None = None
    ) -> ProductTokenizer:
        """Restore from :meth:`to_json`.

        Raises:
            UsageError: the text is none of a tokenizer.
        """
        restored = guarded(lambda: Tokenizer.from_str(text), "tokenizer.json is none", "bring it back")
        return cls(config, restored, features)

    def to_json(self) -> str:
        """The vocabulary and its merges as JSON text."""
        text: str = self.bpe.to_str()
        return text

    def __call__(self, batch: Batch) -> Tokens:
        parts = {modality: self._part(modality, batch) for modality in MODALITIES}
        tokens = Tokens(batch.ids, parts, batch.category, batch.cluster)
        return zero_filled(tokens, self.config.frozen) if self.config.missing == "zeros" else tokens

    def _part(self, modality: Modality, batch: Batch) -> Part:
        if modality in self.config.frozen:
            if modality not in self.features:
                raise UsageError(f"the frozen features of {modality} are not opened: trained.at(shards) opens them")
            return self.features[modality].part(batch, modality, self.config.tokens(modality))
        match modality:
            case Modality.IMAGE:
                return perception.image_part(self.config, batch)
            case Modality.TEXT:
                return words.text_part(self.bpe, self.config, batch)
            case Modality.TABLE:
                return words.table_part(self.bpe, self.config, batch)
            case Modality.VIDEO:
                return perception.video_part(self.config, batch)
            case Modality.AUDIO:
                return perception.audio_part(self.config, batch)
