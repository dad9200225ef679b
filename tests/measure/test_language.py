"""Languages of many texts at once against py3langid, text by text."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import polars as pl
import pytest
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from m5tools.measure import language
from m5tools.measure.language import identifier

ODD = (
    "", " ", "a", "A", "ÄÖÜ", "1234567890", "\n\t", "🎁🎁🎁", "USB", "\ufffd\ufffd", "e\u0301te\u0301", "é" * 300, "\x00",
    "STAINLESS STEEL WATER BOILER", "電熱水壺", "전기 주전자", "ケトル", "กาต้มน้ำไฟฟ้า", "чайник", "قلاية هوائية", "קומקום חשמלי",
)  # fmt: skip


@pytest.fixture(scope="module")
def reference() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def assert_same(texts: list[str], reference: LanguageIdentifier) -> None:
    found = identifier().classify(texts)
    expected = [reference.classify(text) for text in texts]
    assert found["language"].to_list() == [name for name, _ in expected]
    assert found["probability"].to_list() == pytest.approx([float(p) for _, p in expected], abs=1e-4)


def test_odd_texts(reference: LanguageIdentifier) -> None:
    assert_same(list(ODD), reference)


def test_texts_of_random_letters(reference: LanguageIdentifier) -> None:
    draw = random.Random(4)
    letters = [chr(c) for block in ((32, 127), (0xC0, 0x250), (0x400, 0x480), (0x4E00, 0x4F00)) for c in range(*block)]
    assert_same(["".join(draw.choices(letters, k=draw.randrange(60))) for _ in range(500)], reference)


@pytest.mark.real_data
def test_real_texts_of_many_languages(real_data: Path, reference: LanguageIdentifier) -> None:
    stamps = [p.read_text(encoding="utf-8", errors="replace") for p in (real_data / "tuxpaint_stamps").rglob("*.txt")]
    texts = [line.partition("=")[2] or line for stamp in stamps for line in stamp.splitlines()]
    with (real_data / "icecat_spryker" / "product_abstract.csv").open(encoding="utf-8") as file:
        texts += [value for row in csv.DictReader(file) for key, value in row.items() if key and "description" in key]
    with (real_data / "oa_mine_attributes" / "train.jsonl").open(encoding="utf-8") as file:
        texts += [str(json.loads(line).get("title")) for line in file]
    assert len(texts) > 5000
    draw = random.Random(1)
    assert_same([text[:300] for text in draw.sample(texts, 4000)], reference)


def test_the_runner_up_gives_the_margin(reference: LanguageIdentifier) -> None:
    text = "Wasserkocher aus Edelstahl"
    best, second = (float(p) for _, p in reference.rank(text)[:2])
    assert identifier().classify([text])["margin"].item() == pytest.approx(best - second, abs=1e-4)


def test_batches_change_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{'a kettle of steel for the kitchen ' * (n % 5)}{n}" for n in range(50)]
    whole = identifier().classify(texts)
    monkeypatch.setattr(language, "_TEXTS_AT_ONCE", 7)
    parts = identifier().classify(texts)
    assert parts["language"].equals(whole["language"])
    assert parts["probability"].to_list() == pytest.approx(whole["probability"].to_list(), abs=1e-6)


def test_no_texts() -> None:
    assert identifier().classify([]).schema == pl.Schema(language._SCHEMA)
