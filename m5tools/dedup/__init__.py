"""Duplicates: three relations between products, each edge with its evidence."""

from m5tools.dedup.compare import Compare, CompareConfig
from m5tools.dedup.stage import Dedup, DedupConfig

__all__ = ["Compare", "CompareConfig", "Dedup", "DedupConfig"]
