from __future__ import annotations

import importlib.util

import pytest

from m5tools.cli.learn import need_torch
from m5tools.errors import UsageError


@pytest.mark.parametrize("missing", ["torch", "tokenizers"])
def test_what_training_lacks_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else find(name))
    with pytest.raises(UsageError, match=rf"needs {missing}; install it with: pip install 'm5tools\[train\]'"):
        need_torch()
