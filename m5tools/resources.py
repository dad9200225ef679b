"""Where the shipped files are: `schemas/` and `pipelines/`, beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder `schemas` or `pipelines`.

    Raises:
        FileNotFoundError: the installation is damaged.
    """
    for candidate in (_PACKAGE / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"m5tools was installed without its '{name}' folder; reinstall the package")
