"""A pipeline: a YAML recipe that names a dataset and the stages to bring up to date, in order."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from m5tools import documents
from m5tools.changes import assign, split_change
from m5tools.cut import CutConfig
from m5tools.dataset import Dataset
from m5tools.dedup import CompareConfig, DedupConfig
from m5tools.errors import UsageError
from m5tools.fetch.config import FetchConfig
from m5tools.ingest.stage import Ingest, IngestConfig
from m5tools.measure.stage import MeasureConfig
from m5tools.registry import build
from m5tools.shards.config import OverlayConfig, ShardConfig
from m5tools.split import SplitConfig
from m5tools.stage import Stage
from m5tools.survey.stage import SurveyConfig
from m5tools.tag.stage import TagConfig


class IngestStep(BaseModel):
    """All deliveries that go into the dataset, in the order in which they were made."""

    model_config = ConfigDict(extra="forbid")
    stage: Literal["ingest"]
    sources: tuple[IngestConfig, ...] = Field(min_length=1)


class FetchStep(FetchConfig):
    stage: Literal["fetch"]


class SurveyStep(SurveyConfig):
    stage: Literal["survey"]


class MeasureStep(MeasureConfig):
    stage: Literal["measure"]


class TagStep(TagConfig):
    stage: Literal["tag"]


class CompareStep(CompareConfig):
    stage: Literal["compare"]


class DedupStep(DedupConfig):
    stage: Literal["dedup"]


class SplitStep(SplitConfig):
    stage: Literal["split"]


class CutStep(CutConfig):
    stage: Literal["cut"]


class ShardStep(ShardConfig):
    stage: Literal["shard"]


class OverlayStep(OverlayConfig):
    stage: Literal["overlay"]


class AuditStep(BaseModel):
    """Write the report; unlike a stage it owns no table and can stand anywhere after ingest."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    stage: Literal["audit"]
    policy: str = Field("default", description="whose tags and states it shows")
    cut: str | None = Field(None, description="the cut whose losses it shows")
    shards: str | None = Field(None, description="the shard folder whose samples it counts")


Step = Annotated[
    IngestStep
    | FetchStep
    | SurveyStep
    | MeasureStep
    | TagStep
    | CompareStep
    | DedupStep
    | SplitStep
    | CutStep
    | ShardStep
    | OverlayStep
    | AuditStep,
    Field(discriminator="stage"),
]


class Pipeline(BaseModel):
    """A recipe.

    `${NAME}` and `${NAME:-default}` in any text stand for environment variables.
    """

    model_config = ConfigDict(extra="forbid")

    about: str = Field("", description="one line for people")
    dataset: str = Field(description="the dataset folder")
    stages: tuple[Step, ...] = Field(min_length=1)

    def stage_runs(self, limit: int | None = None, seed: int = 0) -> Iterator[Stage | AuditStep]:
        """The stages to run, one per delivery for `ingest`; an audit stands as its step.

        Args:
            limit: keep only so many products of each delivery, drawn by `seed`.
        """
        for step in self.stages:
            if isinstance(step, IngestStep):
                for source in step.sources:
                    change = {"limit": limit, "seed": seed} if limit is not None else {}
                    yield Ingest(source.model_copy(update=change))
            elif isinstance(step, AuditStep):
                yield step
            else:
                yield build(step.stage, step.model_dump(exclude={"stage"}))


def load(name: str, changes: tuple[str, ...] = ()) -> tuple[Pipeline, Path]:
    """A shipped recipe by name, or a pipeline file by path, with changes applied.

    Args:
        name: name or path.
        changes: `key=value` of `--set`: `dataset=…`, or `<stage>.<field>…=…` with dots into lists and objects.

    Raises:
        UsageError: no such file, not valid, a variable that is not set, a change that fits nowhere.
    """
    path = documents.locate("pipeline", "pipelines", name)
    body = _expand(documents.read_object(path), path)
    changed: dict[tuple[str, ...], str] = {}
    for change in changes:
        key, value = split_change(change)
        head, *rest = key.split(".")
        if rest:
            steps = body.get("stages")
            listed = steps if isinstance(steps, list) else []
            target = next((s for s in listed if isinstance(s, dict) and s.get("stage") == head), None)
            if target is None:
                raise UsageError(f"--set {change}: {path} has no stage '{head}'")
            assign(target, rest, value, change)
            changed["stages", str(steps.index(target)), head, *rest] = change
        else:
            body[head] = value
            changed[head,] = change
    return documents.validate(body, Pipeline, path, changed), path


_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def _expand(value: Any, path: Path) -> Any:
    """Environment variables filled in, in every text of the document."""
    if isinstance(value, dict):
        return {key: _expand(item, path) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, path) for item in value]
    if not isinstance(value, str):
        return value

    def fill(match: re.Match[str]) -> str:
        found = os.environ.get(match[1], match[2])
        if found is None:
            raise UsageError(f"{path}: the environment variable {match[1]} is not set")
        return found

    return _VARIABLE.sub(fill, value)


def dataset_of(pipeline: Pipeline, limit: int | None) -> Dataset:
    """The dataset a pipeline works on; a sample has its own beside it."""
    return Dataset(pipeline.dataset if limit is None else f"{pipeline.dataset.rstrip('/')}-limit-{limit}")
