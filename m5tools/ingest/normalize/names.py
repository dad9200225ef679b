"""What the name of an attribute tells about the values below it: codes, sizes, ages, memories, a unit."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal

from m5tools.ingest.normalize import units
from m5tools.ingest.normalize.stated import Locale

# Names under which shops list codes, models and generations (5G): what stands there is a name written in digits.
_CODES: Final = re.compile(
    r"network connections?|koneksi jaringan|"
    r"(?:.*\b)?(?:sku|asin|ean|upc|gtin|isbn(?:-1[03])?|mpn|barcode|part (?:no|number)|item (?:no|number|code)|"
    r"(?:item )?model(?: (?:no|number|name|code|id|year))?|manufacturer (?:part|stock) number|"
    r"stock number|serial number|article (?:no|number)|product (?:id|code|number)|style (?:code|number|no)|reference|"
    r"artikelnummer|art\.?-?nr|modell(?:nummer|name)?|herstellernummer|hersteller-nr|bestellnummer|référence|modèle|"
    r"modelo|referencia|modello|codice|модель|артикул|tipe|model|รุ่น|型号|货号|条形码|商品编号|コード|モデル)(?:\.|:|#)?",
    re.IGNORECASE,
)
_SIZES: Final = re.compile(
    r"(?:.*\b)?(?:size|sizes|größe|groesse|schuhgröße|taille|pointure|talla|taglia|maat|rozmiar|tamanho|размер|ukuran|"
    r"尺码|尺寸|サイズ)",
    re.IGNORECASE,
)
# Sizes of screens and bundles are measures and counts.
_NO_SIZES: Final = re.compile(r"screen|display|pack|memory|file|layar|bildschirm|disk|paper|batch|load", re.IGNORECASE)
_UNIT_IN_NAME: Final = re.compile(r".*\S\s*[(\[（]\s*([^()\[\]]{1,12}?)\s*[)\]）]")
# Below which a bare m is months, and below which it may be minutes too.
_MONTHS: Final = re.compile(
    r"\b(?:age|ages|(?:mindest|einstiegs|spiel)?alter|altersempfehlung|altersgruppe|âge|edad|età|idade|leeftijd|wiek|usia|umur|возраст|warranty|guarantee|"
    r"garantie(?:zeit)?|garantía|garantia|garanzia|gwarancja|garansi|гарантия)\b|年龄|月龄|年齢|保修|质保|保証|العمر|الضمان",
    re.IGNORECASE,
)
_TIMES: Final = re.compile(
    r"time\b|\bdelay|\bduration|runtime|\blife\b|laufzeit|dauer|zeit\b|durée|duración|durata|autonomie|autonomía|\bczas|время|"
    r"时间|時間|续航|وقت|مدة",
    re.IGNORECASE,
)
_MEMORY: Final = re.compile(
    r"memor|storage|\b(?:ram|rom|ssd|hdd|emmc)\b|speicher|festplatte|capaci|mémoire|stockage|almacenamiento|"
    r"\bdis[ckq]|\bdysk|pamię|памят|накопител|内存|存储|容量|メモリ|ストレージ|ذاكرة|تخزين|penyimpanan|kapasit",
    re.IGNORECASE,
)


@lru_cache(maxsize=65_536)
def told_by(name: str) -> Locale | None:
    """What a name tells about the values below it; None: that they are codes."""
    name = name.strip(" :").replace("_", " ")
    if _CODES.fullmatch(name):
        return None
    match = _UNIT_IN_NAME.fullmatch(name)
    unit = match[1] if match and match[1] not in ("M", "L") and units.unit_of(match[1]) else None
    letter: Literal["m", "month"] | None = "month" if _MONTHS.search(name) else None if _TIMES.search(name) else "m"
    sizes = bool(_SIZES.fullmatch(name)) and not _NO_SIZES.search(name)
    return Locale(sizes=sizes, unit=unit, letter=letter, memory=bool(_MEMORY.search(name)))
