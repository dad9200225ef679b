"""The words that stand around a number in more than one language, as parts of patterns, and how what is read begins.

They are kept apart from the patterns, which take their time to compile, so that whole columns can be looked at first.
"""

from __future__ import annotations

from typing import Final

# What stands before a number, and behind one.
ABOUT: Final = (
    r"approx(?:imately|\.)?|approximate|about|circa|ca\.?|c\.|around|env(?:iron|\.)?|ungefähr|etwa|roughly|约|大约|[~≈∼]",
    r"\(?(?:approx(?:imately|\.)?|ca\.|左右)\)?",
)
AT_MOST: Final = (
    r"[<≤]=?|max(?:imum|\.|:)?|up\s?to|bis(?:\szu)?|jusqu'à|hasta|less than|below|under|no more than|hingga",
    r"\(?(?:max(?:imum|\.)?|or less|and under|& under|and below)\)?",
)
AT_LEAST: Final = (
    r"[>≥]=?|min(?:imum|\.|:)?|at least|more than|over|above|from|ab|mindestens|desde|dès",
    r"(?:\+|\(?(?:min(?:imum|\.)|and up|& up|and above|& above|and older|or more|or older|plus|以上)\)?)",
)
BEFORE: Final = "|".join(before for before, _ in (ABOUT, AT_MOST, AT_LEAST))
OF_AGE: Final = r"(?:ages?|aged|alter|children|kids|babies|adults)"
LABELS: Final = (
    r"(?:net\s)?(?:wt|weight|contents?|size|length|width|height|depth|diameter|capacity|volume|thickness)\.?\s*:?\s*"
)
PACK: Final = (
    r"(?:a\s+)?(?:packs?|pkg|sets?|box(?:es)?|cases?|cartons?|bundles?|bags?|lots?|kits?|pairs?|packungen|packung|"
    r"karton|juego|paquete|paquet|boîte|confezione)\s*(?:of|mit|von|à|de|da|di|:)\s*"
)
FROM: Final = r"(?:between|from|von)\s"
SYSTEMS: Final = r"(?:EUR?|US|UK|FR|IT|DE|JP|CN|AU|BR|RU|MX|CM|INT)"
CURRENTS: Final = r"AC/DC|DC/AC|AC|DC"
AXES: Final = r"[LWHDBTP]|ø"

BEGINNINGS: Final = (
    rf"[\d.,+±−–—‒-]|{BEFORE}|{OF_AGE}|{LABELS}[\d.]|{PACK}|{FROM}|(?:size\s*)?{SYSTEMS}|w\s?\d|broad|spf|lsf|"
    rf"[øφ⌀∅]|dia(?:m|meter)?[.:]*\s*\d|(?:{CURRENTS})[\s:]*\d|\(?(?:{AXES})[ ).:=]{{0,3}}\d.*[x×*/,;| ].*\d"
)
"""How a text begins that may be read; most texts with digits do not."""
