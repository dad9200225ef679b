"""From a batch of decoded products to tokens of all five modalities."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer

from m5tools.errors import UsageError
from m5tools.loader.batch import Batch
from m5tools.scale import perception, words
from m5tools.scale.config import ScaleConfig
from m5tools.scale.missing import zero_filled
from m5tools.scale.tokens import Tokens
from m5tools.vocabulary import Modality


class ProductTokenizer:
    """Turns a :class:`Batch` into :class:`Tokens`.

    Absent modalities and padding rows yield no tokens, unless `config.missing` asks for zeros.
    """

    def __init__(self, config: ScaleConfig, bpe: Tokenizer) -> None:
        # Numbers may have gaps, so the highest counts and not how many there are.
        highest = max(bpe.get_vocab().values(), default=-1)
        self.config = config.model_copy(update={"vocabulary": highest + 1})
        self.bpe = bpe
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
            UsageError: there is none, or it cannot be read.
        """
        file = Path(path)
        file = file / "tokenizer.json" if file.is_dir() else file
        if not file.is_file():
            raise UsageError(f"no tokenizer at {file}; name a tokenizer.json, or a folder that holds one")
        try:
            return cls(config, Tokenizer.from_file(str(file)))
        except Exception as error:  # the library raises plain Exception for whatever it cannot read
            raise UsageError(f"{file} is no tokenizer of the tokenizers library ({error})") from error

    @classmethod
    def from_json(cls, config: ScaleConfig, text: str) -> ProductTokenizer:
        """Restore from :meth:`to_json`."""
        return cls(config, Tokenizer.from_str(text))

    def to_json(self) -> str:
        """The vocabulary and its merges as JSON text."""
        text: str = self.bpe.to_str()
        return text

    def __call__(self, batch: Batch) -> Tokens:
        tokens = Tokens(
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
        return zero_filled(tokens) if self.config.missing == "zeros" else tokens
