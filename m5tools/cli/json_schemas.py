"""Write the JSON Schemas of all YAML documents to `schemas/`, for editors (`make schemas`); a test keeps them true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from m5tools import resources
from m5tools.cut import Selection
from m5tools.dedup.policy import DuplicatePolicy
from m5tools.ingest.mapping import Mapping
from m5tools.pipeline import Pipeline
from m5tools.scale.config import TrainConfig
from m5tools.synth import SynthConfig
from m5tools.tag.policy import Policy
from m5tools.tasks.config import EvaluateConfig
from m5tools.tasks.report import Evaluation

MODELS: dict[str, type[BaseModel]] = {
    "pipeline": Pipeline,
    "mapping": Mapping,
    "tag-policy": Policy,
    "duplicate-policy": DuplicatePolicy,
    "cut": Selection,
    "synth": SynthConfig,
    "train": TrainConfig,
    "evaluate": EvaluateConfig,
    "evaluation": Evaluation,
}


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """File name and content of every schema."""
    for name, model in MODELS.items():
        yield (
            f"{name}.schema.json",
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()},
        )


def text_of(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def main(folder: Path) -> None:
    for name, schema in documents():
        (folder / name).write_text(text_of(schema), encoding="utf-8")


if __name__ == "__main__":
    main(resources.folder("schemas"))
