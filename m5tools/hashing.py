"""Which hashes Polars makes: another version of it may make others, and those of two versions never meet."""

from __future__ import annotations

import polars as pl


def probe() -> int:
    """The hash of a text, by which the hashes that are made here are told from others."""
    hashed: int = pl.Series(["m5"]).hash().item()
    return hashed
