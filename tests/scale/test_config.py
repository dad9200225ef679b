"""Sizes of the configurations."""

from __future__ import annotations

from m5tools.scale.config import MODELS
from m5tools.vocabulary import MODALITIES


def test_study_stays_within_48_tokens() -> None:
    assert sum(MODELS["study"].tokens(m) for m in MODALITIES) <= 48
