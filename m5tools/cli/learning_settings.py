"""Settings of `m5 train` and `m5 evaluate`: from a YAML file, changed by `--set`; mistakes with their place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from m5tools import documents
from m5tools.changes import assign, split_change
from m5tools.documents import Model
from m5tools.errors import UsageError


def read_settings(model: type[Model], config: Path | None, changes: tuple[str, ...], fixed: Mapping[str, Any]) -> Model:
    """Settings of a command.

    Args:
        model: what they must be.
        config: a YAML file of them, where there is one.
        changes: `key=value` each, as `--set` gave them; they count before the file.
        fixed: what other options and arguments say; it counts before both.

    Raises:
        UsageError: a setting is wrong or unknown; the message names the line of the file or the `--set`.
    """
    body = documents.read_object(config) if config is not None else {}
    for key in body:
        if key not in model.model_fields and config is not None:
            line = documents.line_of(config, (key,))
            raise UsageError(f"{config}:{line}: there is no setting '{key}'; {_near(str(key), model)}")
    changed: dict[str, str] = {}
    for change in changes:
        key, value = split_change(change)
        if key not in model.model_fields:
            raise UsageError(f"--set {change}: there is no setting '{key}'; {_near(key, model)}")
        assign(body, [key], value, change)
        changed[key] = change
    try:
        return model.model_validate({**body, **fixed})
    except ValidationError as error:
        told = [_told(one, config, changed) for one in documents.root_causes(error)[:5]]
        raise UsageError("\n".join(told)) from error


def _told(error: ErrorDetails, config: Path | None, changed: Mapping[str, str]) -> str:
    key = str(error["loc"][0]) if error["loc"] else ""
    if key in changed:
        return f"--set {changed[key]}: {_complaint(error)}"
    return f"{key}: {_complaint(error)}" if config is None else documents.describe(error, config)


def _complaint(error: ErrorDetails) -> str:
    if error["type"] == "tuple_type":
        shown = error["input"] if isinstance(error["input"], str | int | float) else "…"
        return f"should be a list, such as [{shown}]"
    return documents.complaint(error)


def _near(name: str, model: type[Model]) -> str:
    return documents.near(name, sorted(model.model_fields))
