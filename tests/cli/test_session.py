"""Options that become an engine."""

from __future__ import annotations

import pytest

from m5tools.cli.session import seconds
from m5tools.errors import UsageError


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("30m", 1_800), ("1.5h", 5_400), ("1 d", 86_400)])
def test_spans_of_time(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "m", "-3m", "3 weeks"])
def test_other_spans_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="30m"):
        seconds(text)
