"""Sizes of the configurations."""

from __future__ import annotations

import yaml

from m5tools.scale.config import FREE, MODELS, TrainConfig
from m5tools.vocabulary import MODALITIES, Modality

from ..conftest import REPOSITORY


def test_study_stays_within_48_tokens() -> None:
    assert sum(MODELS["study"].tokens(m) for m in MODALITIES) <= 48


def test_paper_has_the_lengths_of_the_paper() -> None:
    wanted = {Modality.IMAGE: 36, Modality.TEXT: 36, Modality.TABLE: 64, Modality.VIDEO: 12, Modality.AUDIO: 80}
    assert {m: MODELS["paper"].tokens(m) for m in MODALITIES} == wanted
    assert (MODELS["paper"].width, MODELS["paper"].encoder_layers, MODELS["paper"].fusion_layers) == (768, 6, 6)


def test_the_guide_lists_every_setting_with_its_default() -> None:
    guide = (REPOSITORY / "docs/guides/training.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in guide.splitlines() if line.startswith("| `")]
    told = {name.strip(" `"): default for row in rows for name, default in _defaults(row)}
    assert told.keys() == TrainConfig.model_fields.keys()
    for name, default in told.items():
        is_told = default == "" or yaml.safe_load(default) == TrainConfig.model_fields[name].default
        assert is_told or (default == "none" and TrainConfig.model_fields[name].default is None), name


def _defaults(row: list[str]) -> list[tuple[str, str]]:
    names, defaults = row[1].split(","), [d.strip() for d in row[2].split(",")]
    return list(zip(names, defaults if len(defaults) == len(names) else [""] * len(names), strict=True))


def test_settings_that_may_change_are_settings() -> None:
    assert TrainConfig.model_fields.keys() >= FREE
