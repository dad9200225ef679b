"""Declarative selections of products, and of each product's modalities, for training."""

from m5tools.cut.selection import Selection, load
from m5tools.cut.stage import Cut, CutConfig

__all__ = ["Cut", "CutConfig", "Selection", "load"]
