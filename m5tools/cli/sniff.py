"""What `m5 sniff` says."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from m5tools import atomic

if TYPE_CHECKING:
    from m5tools.ingest.sniff import Sniffed

EXAMPLE_SHOWN = 80
OTHERS_SHOWN = 8


def tell(found: Sniffed, named: list[str], saved: Path | None) -> None:
    """Print what was found, and the command that reads it; save the mapping where asked.

    Args:
        found: what was found.
        named: files, folders or patterns as the user wrote them.
        saved: where to save the mapping.
    """
    console = Console()
    console.print(f"format {found.format}, {found.rows} rows looked at, {found.bad} of them cannot be parsed")
    if found.others:
        others = ", ".join(plain(file.rpartition("/")[2]) for file in found.others[:OTHERS_SHOWN])
        others += ", …" if len(found.others) > OTHERS_SHOWN else ""
        console.print(f"of another layout, left aside: {others}", soft_wrap=True)
    if found.fields:
        console.print(_fields(found))
    if saved is not None:
        atomic.write_bytes(saved, found.mapping.encode())
    if found.layout is not None:
        console.print(f"layout: {found.layout}")
    elif saved is None:
        console.print("layout: none that is known. A mapping to begin with, which --write FILE saves:\n")
        console.print(found.mapping, soft_wrap=True, markup=False, highlight=False)
    else:
        console.print(f"layout: none that is known; a mapping to begin with: {saved}", markup=False, soft_wrap=True)
    console.print(f"next:   {_command(found, named, saved)}", soft_wrap=True, markup=False)


def _fields(found: Sniffed) -> Table:
    known = found.layout is not None
    table = Table("field", "filled", *(() if known else ("seems to be",)), "example", box=None)
    for name, field in found.fields.items():
        becomes = () if known else (field.becomes,)
        table.add_row(plain(name), f"{field.filled:.0%}", *becomes, plain(field.example[:EXAMPLE_SHOWN]))
    return table


def _command(found: Sniffed, named: list[str], saved: Path | None) -> str:
    from m5tools.ingest.readers.locations import inside

    names = [*found.files] if found.others or any(inside(name) is not None for name in named) else named
    files = names[0] if len(names) == 1 else json.dumps(names, ensure_ascii=False)
    settings = {"source": "NAME", "mapping": str(saved or found.layout or "FILE"), "files": files}
    if "\ncompanions:" in found.mapping:
        settings["root"] = _folder(found.files)
    words = (f"--set {shlex.quote(f'{key}={value}')}" for key, value in settings.items())
    return f"m5 ingest --dataset DATASET {' '.join(words)}"


def _folder(files: tuple[str, ...]) -> str:
    """The folder that holds all files, below which companions are looked for."""
    return os.path.commonpath([Path(file).resolve().parent for file in files])


def plain(text: str) -> str:
    """Text of unknown origin for rich: no markup, no control characters."""
    return escape("".join(c if c.isprintable() else " " for c in text))
