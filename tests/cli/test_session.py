"""Options that become an engine."""

from __future__ import annotations

from typing import Any

import pytest

from m5tools.cli.session import engine, ray_address, seconds
from m5tools.errors import UsageError


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("30m", 1_800), ("1.5h", 5_400), ("1 d", 86_400)])
def test_spans_of_time(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "m", "-3m", "3 weeks"])
def test_other_spans_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="30m"):
        seconds(text)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"engine": "dask"}, "there are 'local' and 'ray'"),
        ({"address": "head:6379"}, "ray.address=head:6379 is for --engine ray"),
        ({"engine": "ray", "workers": 0}, "leave --engine ray away"),
    ],
)
def test_engines_that_make_no_sense_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said), engine(**{"workers": None, **options}):
        pass


def test_the_address_of_a_cluster_is_no_setting_of_a_stage() -> None:
    assert ray_address(["policy=mine", "ray.address=[::1]:6379"]) == ("[::1]:6379", ("policy=mine",))
    assert ray_address(["policy"]) == (None, ("policy",))
