"""A simulator of messy crawls with known truth."""

from __future__ import annotations

from m5tools.synth.config import SynthConfig
from m5tools.synth.crawl import SynthReport, synthesize

__all__ = ["SynthConfig", "SynthReport", "synthesize"]
