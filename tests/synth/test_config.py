"""The configuration refuses nonsense with a message, and a profile is a start that explicit values override."""

from __future__ import annotations

import pytest
import yaml
from pydantic import ValidationError

from m5tools.synth import SynthConfig


def test_it_loads_from_yaml() -> None:
    text = "products: 10\nmedia: false\ntags: {image_blank: 0.5}\nmissing: {joint_video_audio: 0}\n"
    config = SynthConfig.model_validate(yaml.safe_load(text))
    assert (config.products, config.tags.image_blank, config.tags.image_tiny) == (10, 0.5, 0.025)
    assert config.missing.joint_video_audio == 0


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"products": 0}, "products"),
        ({"prodcuts": 5}, "prodcuts"),
        ({"categories": 10**6}, "categories"),
        ({"tags": {"image_blank": 1.5}}, "image_blank"),
        ({"duplicates": {"offer": 0.5, "product": 0.5}}, "more than"),
        ({"tags": {"image_blank": 0.6, "image_tiny": 0.6}}, "image_blank .* is 1.225, but"),
        ({"tags": {"audio_silent": 0.6, "audio_clipped": 0.6}}, "audio_silent"),
        ({"faults": {"image": {"empty": 0.9, "truncated": 0.9}}}, "missing_file"),
        ({"faults": {"video": {"empty": 0.5, "truncated": 0.6}}}, "truncated"),
        ({"rejects": {"repeated_identical": 0.6, "repeated_differing": 0.6}}, "repeated_identical"),
    ],
)
def test_nonsense_is_named(given: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        SynthConfig.model_validate(given)


def test_explicit_values_win_over_the_profile() -> None:
    config = SynthConfig.model_validate({"profile": "m5product", "layout": "json_lines", "missing": {"table": 0.5}})
    assert config.layout == "json_lines"
    assert config.missing.table == 0.5
    assert config.missing.joint_video_audio == 0.1483
    assert config.categories == 6522
    assert SynthConfig.model_validate(config.model_dump()) == config
