"""Duplicates: three relations between products, each edge with its evidence."""

from m5tools.dedup.stage import Dedup, DedupConfig

__all__ = ["Dedup", "DedupConfig"]
