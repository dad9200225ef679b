"""The words that stand around a number in more than one language, as parts of patterns, and how what is read begins.

They are kept apart from the patterns, which take their time to compile, so that whole columns can be looked at first.
"""

from __future__ import annotations

from typing import Final

# What stands before a number, and behind one.
ABOUT: Final = (
    r"approx(?:imately|\.)?|approximate|about|circa|ca\.?|c\.|around|rund|env(?:iron|\.)?|ungefähr|etwa|roughly|"
    r"aprox(?:\.|imadamente)?|około|ok\.|cerca de|حوالي|[约約]|大约|[~≈∼]",
    r"\(?(?:approx(?:imately|\.)?|ca\.|typ\.?|typical|典型值|左右)\)?",
)
AT_MOST: Final = (
    r"[<≤]=?|max(?:imum|\.|:)?|up\s?to|bis(?:\szu)?|jusqu'à|hasta|fino a|até|do|less than|below|under|no more than|"
    r"hingga|حتى|最大|最高",
    r"\(?(?:max(?:imum|\.)?|or less|and under|& under|and below|以下|以内|まで)\)?",
)
AT_LEAST: Final = (
    r"[>≥]=?|min(?:imum|\.|:)?|at least|more than|over|above|from|ab|mindestens|mind\.|desde|dès|"
    r"a partir de|à partir de|da|od|vanaf|最小|最低",
    r"(?:\+|\(?(?:min(?:imum|\.)|and up|& up|and above|& above|and older|or more|or older|plus|et (?:plus|\+)|"
    r"y más|e oltre|i więcej|以上|から|فأكثر|وأكثر|فما فوق)\)?)",
)
BEFORE: Final = "|".join(before for before, _ in (ABOUT, AT_MOST, AT_LEAST))
OF_AGE: Final = r"(?:ages?|aged|alter|children|kids|babies|adults)"
SIDES: Final = (
    "length|width|height|depth|länge|breite|höhe|tiefe|longueur|largeur|hauteur|profondeur|lunghezza|larghezza|altezza|"
    "profondità|largo|ancho|alto|fondo|altura|anchura|długość|szerokość|wysokość|głębokość|长|长度|宽|宽度|高|高度|厚|深|"
    "幅|奥行き?|高さ|長さ|縦|横|厚さ"
)
LABELS: Final = (
    r"(?:net\s)?(?:wt|weight|contents?|size|diameter|capacity|volume|thickness|durchmesser|gewicht|inhalt|diamètre|poids|"
    rf"peso|waga|直径|重量|{SIDES})\.?\s*:?\s*"
)
PACK: Final = (
    r"(?:a\s+)?(?:packs?|pkg|sets?|box(?:es)?|cases?|cartons?|bundles?|bags?|lots?|kits?|pairs?|packungen|packung|"
    r"karton|juego|paquete|paquet|boîte|confezione)\s*(?:of|mit|von|à|de|da|di|:)\s*"
)
FROM: Final = r"(?:between|from|von|de|da|od|du)\s"
SYSTEMS: Final = r"(?:EUR?|US|UK|FR|IT|DE|JP|CN|AU|BR|RU|MX|CM|INT)"
CURRENTS: Final = r"AC/DC|DC/AC|AC|DC"
AXES: Final = r"[LWHDBTP]|ø"
NAMED_SIDES: Final = rf"{SIDES}|{AXES}"

BEGINNINGS: Final = (
    rf"[\d.,+±−–—‒-]|(?:{BEFORE})\s*[\d.,+−–-]|{OF_AGE}|(?:{LABELS})[\d.]|{PACK}|{FROM}[\d+−–-]|(?:size\s*)?{SYSTEMS}|w\s?\d|broad|spf|lsf|"
    rf"[øφ⌀∅]|dia(?:m|meter)?[.:]*\s*\d|(?:{CURRENTS})[\s:]*\d|\(?(?:{NAMED_SIDES})[ ).:=]{{0,3}}\d.*[x×*/,;| ].*\d"
)
"""How a text begins that may be read; most texts with digits do not."""
