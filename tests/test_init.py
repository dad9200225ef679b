"""What `import m5tools` offers where an extra is not installed."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["Loader", "Batch"])
def test_without_torch_the_remedy_is_told(name: str) -> None:
    program = f"import sys; sys.modules['torch'] = None; import m5tools; m5tools.State; m5tools.{name}"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    last = ran.stderr.strip().splitlines()[-1]
    assert last == f"ModuleNotFoundError: m5tools.{name} needs torch; install it with: pip install 'm5tools[train]'"
