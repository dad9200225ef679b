"""Every stage by its name, loaded when it is asked for: a command for one stage need not load what the others need."""

from __future__ import annotations

import importlib
from typing import Any, Final, cast

from m5tools.stage import Stage, StageConfig
from m5tools.vocabulary import StageName as StageName

_HOMES: Final[dict[StageName, tuple[str, str]]] = {
    "ingest": ("ingest.stage:Ingest", "ingest.stage:IngestConfig"),
    "fetch": ("fetch.stage:Fetch", "fetch.config:FetchConfig"),
    "survey": ("survey.stage:Survey", "survey.stage:SurveyConfig"),
    "measure": ("measure.stage:Measure", "measure.stage:MeasureConfig"),
    "tag": ("tag.stage:Tag", "tag.stage:TagConfig"),
    "compare": ("dedup:Compare", "dedup:CompareConfig"),
    "dedup": ("dedup:Dedup", "dedup:DedupConfig"),
    "split": ("split:SplitStage", "split:SplitConfig"),
    "cut": ("cut:Cut", "cut:CutConfig"),
    "shard": ("shards.stage:Shard", "shards.config:ShardConfig"),
    "overlay": ("shards.overlay:Overlay", "shards.config:OverlayConfig"),
}


def stage_of(name: StageName) -> type[Stage]:
    """The stage."""
    return cast(type[Stage], _loaded(_HOMES[name][0]))


def config_of(name: StageName) -> type[StageConfig]:
    """Its settings."""
    return cast(type[StageConfig], _loaded(_HOMES[name][1]))


def build(name: StageName, settings: dict[str, Any]) -> Stage:
    """A stage from its settings.

    Raises:
        ValidationError: a setting is wrong.
    """
    return stage_of(name)(config_of(name).model_validate(settings))


def _loaded(home: str) -> Any:
    module, _, name = home.partition(":")
    return getattr(importlib.import_module(f"m5tools.{module}"), name)
