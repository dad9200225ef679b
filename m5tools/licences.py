"""Licences of sources by their SPDX ids: the form that is asked for, and how others write them.

Only the form is checked, for the list of ids grows every few months: a typing mistake that looks like an id stays one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_ID: Final = r"(?!(?:AND|OR|WITH)\b)[A-Za-z0-9][A-Za-z0-9.-]{0,99}\+?"
_EXPRESSION: Final = re.compile(rf"{_ID}(?: (?:AND|OR|WITH) {_ID}){{0,9}}")
_ONE: Final = re.compile(_ID)
_ADDRESS: Final = re.compile(r"https?://[^\s\"'<>\\^`{|}\x00-\x20\x7f]{1,2000}")
_ON_THE_HUB: Final = frozenset(
    (
        "afl-3.0", "agpl-3.0", "apache-2.0", "artistic-2.0", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear",
        "bsl-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0",
        "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0",
        "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0",
        "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1", "eupl-1.2", "gpl-2.0", "gpl-3.0", "isc", "lgpl-2.1",
        "lgpl-3.0", "lppl-1.3c", "mit", "mpl-2.0", "ms-pl", "ncsa", "ofl-1.1", "osl-3.0", "postgresql", "unlicense",
        "wtfpl", "zlib",
    )
)  # fmt: skip
_OTHERWISE_ON_THE_HUB: Final = {"odc-by-1.0": "odc-by", "odbl-1.0": "odbl", "pddl-1.0": "pddl"}


def spdx(text: str) -> str:
    """An SPDX id or a flat expression of several (`OSL-3.0 OR AFL-3.0`, `LicenseRef-shop-terms`).

    Raises:
        ValueError: it does not have the form (SPDX specification 2.3, annex D; brackets are not read).
    """
    if not _EXPRESSION.fullmatch(text):
        raise ValueError("not an SPDX licence id such as CC-BY-4.0 (a licence that has none: LicenseRef-my-name)")
    return text


def address(text: str) -> str:
    """An address of the web.

    Raises:
        ValueError: it is none, or holds characters that no address may hold.
    """
    if not _ADDRESS.fullmatch(text):
        raise ValueError("not an address that begins with https:// or http://")
    return text


def page(licence: str) -> str | None:
    """The page on which SPDX shows a licence; None for an expression and for a licence without an id."""
    if not _ONE.fullmatch(licence) or licence.startswith("LicenseRef-"):
        return None
    return f"https://spdx.org/licenses/{licence.removesuffix('+')}.html"


def on_the_hub(licences: Iterable[str | None]) -> list[str]:
    """Ids of the Hugging Face Hub for the licences of all sources, sorted; None among them is a licence not known.

    Data of which a part is under an unknown licence is under an unknown licence.
    """
    wanted = list(licences)
    if not wanted or None in wanted:
        return ["unknown"]
    return sorted({_hub_id(licence) for licence in wanted if licence is not None})


def _hub_id(licence: str) -> str:
    name = licence.lower().removesuffix("-only").removesuffix("-or-later").removesuffix("+")
    name = _OTHERWISE_ON_THE_HUB.get(name, name)
    return name if name in _ON_THE_HUB or name in _OTHERWISE_ON_THE_HUB.values() else "other"
