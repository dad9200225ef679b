"""From a batch of decoded products to tokens of all five modalities."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer

from m5tools.loader.batch import Batch
from m5tools.scale import perception, words
from m5tools.scale.config import ScaleConfig
from m5tools.scale.tokens import Tokens
from m5tools.vocabulary import Modality


class ProductTokenizer:
    """Turns a :class:`Batch` into :class:`Tokens`. Absent modalities and padding rows yield no tokens."""

    def __init__(self, config: ScaleConfig, bpe: Tokenizer) -> None:
        self.config = config.model_copy(update={"vocabulary": bpe.get_vocab_size()})
        self.bpe = bpe

    @classmethod
    def learn(cls, config: ScaleConfig, texts: Iterable[str]) -> ProductTokenizer:
        """Train the vocabulary on the texts of the training split."""
        return cls(config, words.learn(texts, config.vocabulary))

    @classmethod
    def from_json(cls, config: ScaleConfig, text: str) -> ProductTokenizer:
        """Restore from :meth:`to_json`."""
        return cls(config, Tokenizer.from_str(text))

    def to_json(self) -> str:
        """The vocabulary and its merges as JSON text."""
        text: str = self.bpe.to_str()
        return text

    def __call__(self, batch: Batch) -> Tokens:
        return Tokens(
            batch.ids,
            {
                Modality.IMAGE: perception.image_part(self.config, batch),
                Modality.TEXT: words.text_part(self.bpe, self.config, batch),
                Modality.TABLE: words.table_part(self.bpe, self.config, batch),
                Modality.VIDEO: perception.video_part(self.config, batch),
                Modality.AUDIO: perception.audio_part(self.config, batch),
            },
            batch.category,
            batch.cluster,
        )
