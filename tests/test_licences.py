from __future__ import annotations

import pytest

from m5tools import licences


@pytest.mark.parametrize(
    "text",
    [
        "MIT",
        "CC-BY-4.0",
        "GPL-2.0+",
        "OSL-3.0 OR AFL-3.0",
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "LicenseRef-shop",
    ],
)
def test_spdx_ids_and_expressions_are_taken(text: str) -> None:
    assert licences.spdx(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "CC BY 4.0", "MIT OR", "AND", "MIT/Apache", "<b>MIT</b>", "MIT\n", "MIT  OR ISC", "http://x.org/l", "A" * 200],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="SPDX"):
        licences.spdx(text)


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "https://x.org/a b",
        'https://x.org/"><script>',
        "www.x.org",
        "https://x.org/a|b",
        "https://x\n",
    ],
)
def test_addresses_that_could_do_harm_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        licences.address(text)
    assert licences.address("https://x.org/a?b=c#d") == "https://x.org/a?b=c#d"


def test_pages_of_licences() -> None:
    assert licences.page("CC-BY-4.0") == "https://spdx.org/licenses/CC-BY-4.0.html"
    assert licences.page("MIT OR ISC") is None
    assert licences.page("LicenseRef-shop") is None


@pytest.mark.parametrize(
    ("declared", "ids"),
    [
        ([], ["unknown"]),
        (["MIT", None], ["unknown"]),
        (["MIT", "Apache-2.0", "MIT"], ["apache-2.0", "mit"]),
        (["GPL-3.0-or-later"], ["gpl-3.0"]),
        (["ODbL-1.0"], ["odbl"]),
        (["LicenseRef-shop"], ["other"]),
    ],
)
def test_ids_of_the_hub(declared: list[str | None], ids: list[str]) -> None:
    assert licences.on_the_hub(declared) == ids
