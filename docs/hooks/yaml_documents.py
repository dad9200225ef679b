"""The page of the YAML files that people write, from the JSON Schemas of what reads them."""

from __future__ import annotations

import json
from typing import Any

from tables import cell

from m5tools.cli.json_schemas import documents

ABOUT = {
    "pipeline": "What `m5 run` runs; each stage takes the same settings by `--set` and `--config`.",
    "mapping": "Which field of a delivered record is what. [Guide](../guides/mappings.md).",
    "tag-policy": "Which signals make which tag. [Guide](../guides/tag.md).",
    "duplicate-policy": "When two products are one. [Guide](../guides/duplicates.md).",
    "cut": "Which products, and which of their modalities, go into training. [Guide](../guides/cut.md).",
    "synth": "What `m5 synth --config` simulates.",
    "train": "Settings of `m5 train`. [Guide](../guides/training.md).",
    "evaluate": "Settings of `m5 evaluate`. [Guide](../guides/evaluation.md).",
}
HEAD = """# YAML files

Every key of the files that people write. Made from the models that read them; editors complete the files by
`schemas/<name>.schema.json`. A key that is not known is refused with the nearest ones.

"""


def page() -> str:
    schemas = {file.removesuffix(".schema.json"): schema for file, schema in documents()}
    return HEAD + "\n".join(_document(name, about, schemas[name]) for name, about in ABOUT.items())


def _document(name: str, about: str, schema: dict[str, Any]) -> str:
    parts = [f"## {name} {{ #{name} }}", "", about, "", schema.get("description", ""), "", *_keys(name, schema)]
    for part, inner in schema.get("$defs", {}).items():
        parts += [f"### {name}: {part} {{ #{_anchor(name, part)} }}", "", inner.get("description", ""), ""]
        parts += _keys(name, inner) if "properties" in inner else [_type(name, inner), ""]
    return "\n".join(parts)


def _keys(name: str, schema: dict[str, Any]) -> list[str]:
    required = set(schema.get("required", ()))
    rows = [
        f"| `{key}` | {_type(name, value)} | {'required' if key in required else _default(value)} "
        f"| {cell(value.get('description', ''))} |"
        for key, value in schema["properties"].items()
    ]
    return ["| key | type | default | meaning |", "|---|---|---|---|", *rows, ""]


def _type(name: str, value: dict[str, Any]) -> str:
    """A JSON Schema's type in words; a type of its own is a link to its table."""
    if "$ref" in value:
        part = value["$ref"].rsplit("/", 1)[1]
        return f"[{part}](#{_anchor(name, part)})"
    for choice in ("anyOf", "oneOf"):
        if choice in value:
            return " or ".join(_type(name, one) for one in value[choice])
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    match value.get("type"):
        case "array":
            return f"list of {_type(name, value['items'])}" if value.get("items") else "list"
        case "object":
            inner = value.get("additionalProperties")
            return f"map to {_type(name, inner)}" if isinstance(inner, dict) and inner else "map"
        case "string" if "pattern" in value:
            return f"string like `{cell(value['pattern'])}`"
        case None:
            return "any"
        case kind:
            return str(kind) + _bounds(value)


def _bounds(value: dict[str, Any]) -> str:
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    told = [f"{'&lt;' if sign == '<' else sign} {value[key]}" for key, sign in words.items() if key in value]
    return f" {', '.join(told)}" if told else ""


def _default(value: dict[str, Any]) -> str:
    if "default" not in value:
        return ""
    text = json.dumps(value["default"], ensure_ascii=False)
    return f"`{cell(text)}`" if len(text) <= 80 else "see the shipped file"


def _anchor(name: str, part: str) -> str:
    return f"{name}-{part}".lower()
