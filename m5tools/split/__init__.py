"""The stage `split`: what trains, what validates, what tests, and which task a test product plays a part in."""

from m5tools.split.stage import SplitConfig, SplitStage

__all__ = ["SplitConfig", "SplitStage"]
