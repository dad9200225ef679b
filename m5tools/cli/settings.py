"""Settings of a single stage command: from a YAML file (its own or a pipeline), changed by `--set`."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from pydantic import ValidationError

from m5tools import changes, documents, registry
from m5tools.errors import UsageError
from m5tools.stage import Stage


def stage_runs(name: str, config: Path | None, settings: tuple[str, ...]) -> list[Stage]:
    """The stage to run with its settings; several when a pipeline file lists several deliveries.

    Raises:
        UsageError: a setting is wrong; the message names the file and line, or the fields there are.
    """
    body = documents.read_object(config) if config is not None else {}
    if "stages" in body:
        from m5tools import pipeline  # which loads every stage

        prefixed = tuple(change if change.startswith(f"{name}.") else f"{name}.{change}" for change in settings)
        recipe, path = pipeline.load(str(config), prefixed)
        found = [s for s in recipe.stage_runs() if isinstance(s, Stage) and s.name == name]
        if not found:
            raise UsageError(f"{path}: this pipeline has no stage '{name}'")
        return found
    for change in settings:
        key, value = changes.split_change(change)
        changes.assign(body, key.removeprefix(f"{name}.").split("."), value, change)
    try:
        return [registry.build(cast(registry.StageName, name), body)]
    except ValidationError as error:
        if config is not None:
            causes = documents.root_causes(error)[:5]
            raise UsageError("\n".join(documents.describe(cause, config) for cause in causes)) from error
        raise UsageError(_explain(name, error)) from error


def _explain(name: str, error: ValidationError) -> str:
    """What is wrong with settings given on the command line, and which there are."""
    lines = []
    for one in documents.root_causes(error)[:3]:
        place = ".".join(str(part) for part in one["loc"])
        known = "is not a setting" if one["type"] == "extra_forbidden" else documents.complaint(one)
        lines.append(f"'{name}': {place}{': ' * bool(place)}{known}")
    config = registry.config_of(cast(registry.StageName, name))
    fields = [f"  {field} — {info.description or ''}" for field, info in config.model_fields.items()]
    if name == "tag":
        fields.append("  what_if — another policy: tell what it would change, and write nothing")
    return "\n".join([*lines, f"settings of '{name}' (give them with --set key=value):", *fields])
