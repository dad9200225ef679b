"""The page of the tables, from their laws in `schemas/tables/`."""

from __future__ import annotations

from m5tools import resources, schema

HEAD = """# Tables

Every table of a dataset folder: which stage writes it, where, and what its columns mean. Made from
`schemas/tables/*.yaml`, the law that writers are held to: what does not fit is refused, what a writer leaves out is
null. `m5.open(FOLDER).NAME` is a table as a Polars LazyFrame. Types are Arrow's; *required* columns are never null.

"""


def page() -> str:
    laws = [schema.law(file.stem) for file in sorted(resources.folder("schemas").joinpath("tables").glob("*.yaml"))]
    return HEAD + "\n".join(map(_table, laws))


def _table(law: schema.Law) -> str:
    rows = [
        f"| `{c.name}` | {cell(str(c.type))}{'' if c.nullable else ', required'} | {c.unit or ''} | {cell(c.meaning)} |"
        for c in law.columns
    ]
    key = ", ".join(f"`{name}`" for name in law.key)
    about = f"{law.meaning}\n\nWritten by `{law.stage}` to `{law.path}`; one row a {key}."
    return "\n".join(
        [f"## {law.table}", "", about, "", "| column | type | unit | meaning |", "|---|---|---|---|", *rows, ""]
    )


def cell(text: str) -> str:
    """Text as a cell of a Markdown table holds it."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())
