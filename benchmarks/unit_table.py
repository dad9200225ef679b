"""Writes `schemas/units.json`: every spelling of every unit that shops write, with dimension and factor from pint.

    python benchmarks/unit_table.py          (needs pint; nothing that runs in the pipeline does)

What a unit is called in English comes from pint (name, symbol, aliases, plural); what pint cannot know is written here:
how shops spell it, in the languages of the sources, and things that are counted. Factors are to the first unit of the
dimension, in pint's definitions; prefixes of bytes are decimal, as on the boxes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pint

TARGET = Path(__file__).parent.parent / "schemas" / "units.json"

# dimension → unit → (pint's expression, further spellings). The first unit of a dimension has the factor 1.
PHYSICAL: dict[str, dict[str, tuple[str, str]]] = {
    "length": {
        "mm": ("millimeter", "mm. millimetre millimetres milimeter milimetro milímetro milímetros millimètre millimètres MM мм 毫米 milimetr milimetry milimetrów milimetri millimetri millimetro مم ملم ミリ ミリメートル"),
        "cm": ("centimeter", "cm. centimetre centimetres zentimeter centimetro centímetro centímetros centimètre centimètres cms CM см 厘米 公分 centimetri centimetr centymetr centymetry centymetrów zentimetern سم センチ センチメートル"),
        "dm": ("decimeter", "дм 分米"),
        "m": ("meter", "mtr mtrs mt mts metre metres metro metros mètre mètres м 米 metri metr metry metrów metern متر أمتار メートル"),
        "km": ("kilometer", "kilometre kilometres кm км 公里 kilometri kilometr kilometry kilometrów كم كيلومتر キロメートル"),
        "µm": ("micrometer", "um micron microns micrometre мкм 微米"),
        "nm": ("nanometer", "nanometre нм 纳米"),
        "in": ("inch", '" \'\' ′′ in. ins inc inci inchs zoll pouce pouces pulgada pulgadas pollici pollice дюйм дюйма дюймов 英寸 寸 cala cali cale polegada polegadas بوصة بوصه إنش انش インチ'),
        "ft": ("foot", "' ′ ft. feet fuß pied pieds pies 英尺 قدم"),
        "yd": ("yard", "yds yd. yds. 码"),
        "mi": ("mile", "英里"),
    },
    "area": {
        "m²": ("meter**2", "m2 sqm sq.m qm m^2 кв.м 平方米 平米"),
        "mm²": ("millimeter**2", "mm2 sqmm sq.mm mm^2 qmm 平方毫米"),
        "cm²": ("centimeter**2", "cm2 sqcm sq.cm cm^2 平方厘米"),
        "ft²": ("foot**2", "sqft sq.ft ft2 sq.ft. sf square\u00a0feet square\u00a0foot sq\u00a0ft sq\u00a0feet sq.\u00a0ft. sq.\u00a0ft"),
        "in²": ("inch**2", "sq\u00a0in square\u00a0inches sq.\u00a0in."),
        "ha": ("hectare", ""),
        "acre": ("acre", "acres"),
    },
    "mass": {
        "g": ("gram", "G gr grs gm gms gm. g. gramme grammes gramm gramo gramos grammi grammo grama gramas г гр 克 gramy gramów جم جرام غرام جرامات غرامات グラム"),
        "kg": ("kilogram", "kgs kilo kilos kg. kilogramm kilogramme kilogrammes kilogramo KG Kg кг 千克 公斤 kilogramos chilogrammo chilogrammi kilogramy kilogramów kilogrammen كجم كغم كغ كيلو كيلوجرام كيلوغرام キログラム キロ"),
        "mg": ("milligram", "mg. milligramm мг 毫克 miligramos milligrammi miligramów ملجم مجم ملغ ミリグラム"),
        "µg": ("microgram", "ug mcg mcgs мкг 微克"),
        "t": ("metric_ton", "tonnen тонн 吨 tonnes toneladas"),
        "oz": ("ounce", "oz. ozs onz onza onzas once onces unze unzen OZ 盎司"),
        "lb": ("pound", "lbs lb. lbs. libra libras livre livres pfund LB LBS 磅"),
        "ct": ("carat", "cts ct.\u00a0tw. ct.tw ctw carats karat 克拉"),
        "gsm": ("", "g/m2 g/m² gr/m2 gramm/m²"),
    },
    "volume": {
        "l": ("liter", "l. lt ltr ltrs lts ltr. litre litres litro litros liters литр литра литров л L 升 公升 litri litr litry litrów لتر ليتر لترات リットル"),
        "ml": ("milliliter", "ml. mls mililitro mililitros millilitre millilitres ML mL Ml cc мл 毫升 millilitri mililitrów مل ملل ملليلتر مليلتر ミリリットル"),
        "cl": ("centiliter", "cl. centilitre сл 厘升 centilitri centilitros centilitres"),
        "dl": ("deciliter", "dl."),
        "m³": ("meter**3", "m3 cbm m^3 кубм 立方米"),
        "cm³": ("centimeter**3", "cm3 ccm cm^3"),
        "ft³": ("foot**3", "cu\u00a0ft cu.\u00a0ft. cu.\u00a0ft cu.ft cu.ft. cubic\u00a0feet cubic\u00a0foot cuft cf"),
        "floz": ("fluid_ounce", "fl\u00a0oz fl.\u00a0oz. fl.\u00a0oz fl\u00a0oz. fl.oz fl.oz. floz. fluid\u00a0ounce fluid\u00a0ounces fl\u00a0ounce fl\u00a0ounces fl.\u00a0ounce fl.\u00a0ounces fl.ounce"),
        "gal": ("gallon", "gal. gals gallons"),
        "qt": ("quart", "qt. qts quarts"),
        "pt": ("pint", "pt. pts. pints"),
        "cup": ("cup", "cups"),
    },
    "power": {
        "W": ("watt", "w watts wats wat вт ват ватт 瓦 vatio vatios waty watów واط وات ワット"),
        "kW": ("kilowatt", "kw KW квт 千瓦 kilovatios كيلوواط"),
        "mW": ("milliwatt", ""),
        "hp": ("horsepower", "hp. 马力"),
        "PS": ("metric_horsepower", "cv CV"),
        "VA": ("volt_ampere", "va"),
        "kVA": ("kilovolt_ampere", "kva KVA"),
    },
    "voltage": {
        "V": ("volt", "v vdc vac vac. volts в 伏 voltios voltio wolt woltów فولت ボルト"),
        "kV": ("kilovolt", "kv"),
        "mV": ("millivolt", "mv"),
    },
    "current": {
        "A": ("ampere", "a amp amps. amps ампер 安 amperios ampères amperów أمبير アンペア"),
        "mA": ("milliampere", "ma 毫安 مللي\u00a0أمبير"),
    },
    "charge": {
        "mAh": ("milliampere_hour", "mah MAH Mah mAH mha мач 毫安时 مللي\u00a0أمبير\u00a0ساعة مللي\u00a0أمبير/ساعة"),
        "Ah": ("ampere_hour", "ah AH"),
    },
    "energy": {
        "Wh": ("watt_hour", "wh WH"),
        "kWh": ("kilowatt_hour", "kwh KWH квтч"),
        "kJ": ("kilojoule", "kj KJ"),
        "J": ("joule", "j"),
        "kcal": ("kilocalorie", "kcals"),
        "cal": ("calorie", "cals"),
        "BTU": ("Btu", "btu btus"),
    },
    "frequency": {
        "Hz": ("hertz", "hz HZ гц 赫兹 herc هرتز ヘルツ"),
        "kHz": ("kilohertz", "khz KHZ KHz кгц"),
        "MHz": ("megahertz", "mhz MHZ Mhz мгц"),
        "GHz": ("gigahertz", "ghz GHZ Ghz ггц"),
    },
    "rotation": {"rpm": ("", "RPM r/min rev/min u/min об/мин 转/分 min-1 tr/min tours/min giri/min obr/min obr./min rev./min omw./min")},
    "frame_rate": {"fps": ("", "FPS frames/s")},
    "storage": {
        "GB": ("gigabyte", "gb Gb Go go gig gigs гб جيجابايت جيجا غيغابايت جيجا\u00a0بايت"),
        "MB": ("megabyte", "mb Mb Mo мб ميجابايت ميغابايت"),
        "KB": ("kilobyte", "kb Kb кб"),
        "TB": ("terabyte", "tb Tb To тб تيرابايت تيرا"),
        "GiB": ("gibibyte", "gib"),
        "MiB": ("mebibyte", "mib"),
        "bit": ("bit", "bits бит"),
    },
    "data_rate": {
        "Mbps": ("megabit/second", "mbps mbit/s Mb/s mbits/s мбит/с"),
        "Gbps": ("gigabit/second", "gbps gbit/s Gb/s gbits/s"),
        "kbps": ("kilobit/second", "kbps kbit/s"),
        "MB/s": ("megabyte/second", "Mo/s"),
        "GB/s": ("gigabyte/second", "Go/s"),
    },
    "time": {
        "s": ("second", "sec secs sec. sekunde sekunden seconde secondes segundos секунд 秒 secondi secondo sekund sekundy segundo ثانية ثواني"),
        "ms": ("millisecond", "мс 毫秒"),
        "min": ("minute", "mins min. minuten minutos мин 分钟 minuti minuto minut minuty minuta دقيقة دقائق"),
        "h": ("hour", "hr hrs hr. std stunden stunde heure heures hora horas jam ч час часов 小时 ore ora godz godz. godzin godziny godzina uur ساعة ساعات 時間"),
        "day": ("day", "days tag tage jour jours día días hari дней 天 tagen giorni giorno dni dzień dagen يوم أيام 日"),
        "week": ("week", "weeks wk wks woche wochen semaine semaines minggu semana semanas settimane settimana tygodni tygodnie tydzień weken أسبوع أسابيع 週間 周"),
        "month": ("month", "mo. mos mth mths mon monat monate mois mes meses bulan месяцев 个月 monaten mesi mese miesiąc miesiące miesięcy mies mies. maanden شهر أشهر شهور شهرا ヶ月 か月 カ月 ヵ月 ケ月 ヶ月間"),
        "year": ("year", "yrs yr y/o jahr jahre ans año años tahun лет год года 年 jahren anni anno rok lata lat roku jaar jaren anos سنة سنوات عام أعوام 年間 岁 周岁 歳 才"),
    },
    "temperature": {
        "°C": ("degree_Celsius", "oC ℃ celsius deg\u00a0c degc c° °с درجة\u00a0مئوية"),
        "°F": ("degree_Fahrenheit", "oF ℉ fahrenheit degf deg\u00a0f"),
        "K": ("kelvin", ""),
    },
    "pressure": {
        "bar": ("bar", "bars бар"),
        "Pa": ("pascal", "pa"),
        "kPa": ("kilopascal", "kpa KPA"),
        "MPa": ("megapascal", "mpa"),
        "hPa": ("hectopascal", "hpa"),
        "psi": ("psi", "PSI"),
    },
    "force": {"N": ("newton", "newtons"), "kN": ("kilonewton", "KN")},
    "torque": {"Nm": ("newton*meter", "nm. n·m n.m n-m")},
    "speed": {
        "km/h": ("kilometer/hour", "kmh kph км/ч"),
        "m/s": ("meter/second", ""),
        "mph": ("mile/hour", ""),
    },
    "flow": {
        "l/min": ("liter/minute", "lpm l/m"),
        "m³/h": ("meter**3/hour", "m3/h cmh"),
        "l/h": ("liter/hour", "lph l/hr"),
        "gpm": ("gallon/minute", "gal/min"),
        "cfm": ("foot**3/minute", ""),
    },
    "resistance": {"Ω": ("ohm", "Ohm Ohms ω ом"), "kΩ": ("kiloohm", "kohm kω")},
    "capacitance": {"µF": ("microfarad", "uf мкф")},
    "loudness": {"dB": ("", "db dba dB(A) db(a) DB дб decibel decibels")},
    "luminous_flux": {"lm": ("lumen", "lumen лм 流明")},
    "illuminance": {"lx": ("lux", "lux")},
    "luminance": {"nit": ("candela/meter**2", "nits cd/m² cd/m2")},
    # Of an angle or, carelessly, of temperature: the sign is sure, what it measures is not.
    "degrees": {"°": ("degree", "deg degree degrees grad")},
    "optical_power": {"dpt": ("1/meter", "dioptrien diopter diopters")},
    "resolution": {
        "px": ("", "pixel pixels piksel точек пикселей 像素"),
        "MP": ("", "mp Mp megapixel megapixels mpx mpix Mpx мп"),
        "dpi": ("", "DPI dots/inch"),
        "ppi": ("", "PPI"),
    },
    "ratio": {"%": ("percent", "pct percent prozent процентов procent por\u00a0ciento パーセント %\u00a0vol %\u00a0vol. %vol %\u00a0abv ٪"), "‰": ("permille", "")},
    "magnification": {"x": ("", "× х X fach times")},
    "density": {"den": ("denier", "DEN")},
    "activity": {"IU": ("", "iu i.u. i.u ie")},
    "protection": {"SPF": ("", "spf lsf")},
    "transfers": {"GT/s": ("", "gt/s")},
}  # fmt: skip

# What is counted: unit → spellings. Pieces under all their names are one unit; other things keep theirs.
COUNTED: dict[str, str] = {
    "pcs": "pc pcs. pc. piece pieces pce pces psc piezas pieza pz pezzi pièces pièce stück stk stk. st. stuks szt шт шт. штук штуки "
           "item items unit units unidades unidad ud uds und unds each ea ea. ct. count counts cnt buah pieza(s) piece(s) 个 件 枚 只 支 条 块 pack packs pk pks "
           "pkt pkg package packages set sets satz teilig teile teiliges sztuk sztuki sztuka szt. stücke peças peça pezzo قطعة قطع حبة حبات 片 個 点 本 台 把 根 套 セット",
    "pair": "pairs pr prs paar paire paires pares пар 双 对 paio paia para pary جوز زوج 足",
    "dozen": "doz dzn dozens dutzend",
    "sheet": "sheets blatt feuilles hojas листов 张 fogli arkuszy",
    "page": "pages seiten pgs pagine páginas stron",
    "roll": "rolls rollen rouleaux rollos 卷",
    "card": "cards karten",
    "form": "forms",
    "capsule": "capsules caps kapseln gélules cápsulas 粒 капсул capsule kapsułek kapsułki capsulas كبسولة カプセル",
    "tablet": "tablets tabletten tabs comprimés tabletas caplet caplets compresse comprimidos tabletek قرص أقراص 錠",
    "softgel": "softgels",
    "gummy": "gummies",
    "lozenge": "lozenges",
    "serving": "servings portionen portions",
    "dose": "doses dosen",
    "load": "loads waschladungen lavages",
    "wash": "washes wäschen",
    "use": "uses anwendungen",
    "bag": "bags beutel sachets sachet tea\u00a0bags teabags tea\u00a0bag sacs sacchetti bustine bolsas bolsitas saszetek torebek 袋 包",
    "pod": "pods k-cups k-cup kcups kcup",
    "packet": "packets sticks stick",
    "box": "boxes bx kartons karton caja cajas boîtes 盒 箱",
    "case": "cases carton cartons",
    "bottle": "bottles flaschen flasche bouteilles botellas 瓶 bottiglie butelek",
    "can": "cans dosen latas lattine puszek 罐 缶",
    "jar": "jars gläser",
    "tube": "tubes tuben",
    "mask": "masks masken masques",
    "liner": "liners",
    "wipe": "wipes tücher",
    "brush": "brushes",
    "pad": "pads",
    "strip": "strips",
    "layer": "layers ply plies lagig 层",
    "label": "labels etiketten",
    "envelope": "envelopes",
    "sticker": "stickers",
    "key": "keys tasten",
    "core": "cores kerne",
    "thread": "threads",
    "port": "ports",
    "channel": "channels kanäle",
    "slot": "slots",
    "speed": "speeds",
    "drawer": "drawers",
    "shelf": "shelves",
    "seat": "seats",
    "person": "persons people personen persone personas personnes osób أشخاص 人",
    "wheel": "wheels roda",
    "colour": "colors colours color farben",
    "function": "functions",
    "stage": "stages",
    "cycle": "cycles",
    "stitch": "stitches",
    "led": "leds",
    "lens": "lenses linsen",
    "pin": "pins",
    "tooth": "teeth",
    "blade": "blades",
    "drop": "drops",
}  # fmt: skip

# Spellings that mean two things, or a size, where they stand behind a bare number: they stay text.
NEVER = {"#", "b", "c", "d", "f", "n", "M", "S", "H", "an", "mo", "mon", "ps", "kn"}  # fmt: skip


def names(unit: pint.Unit, registry: pint.UnitRegistry) -> set[str]:
    """What pint calls a simple unit: name, symbol, aliases, each with prefix, and their plurals."""
    (name,) = unit._units
    found = {name, f"{unit:~}".strip()}
    for prefix, base, _ in registry.parse_unit_name(name):
        definition = registry._units[base]
        for called in definition.aliases:
            symbol = registry._prefixes[prefix].symbol if prefix and len(called) <= 2 else prefix
            found.add(f"{symbol}{called}")
    found = {n for n in found if "_" not in n and not n.startswith("degree")}
    long = {
        n
        for n in found
        if len(n) > 3 and n.isalpha() and not n.endswith(("s", "z", "x", "ch", "feet", "foot", "C", "F"))
    }
    return found | {f"{n}s" for n in long} | {n.replace("meter", "metre").replace("liter", "litre") for n in long}


def main() -> None:
    registry = pint.UnitRegistry()
    about = f"Generated by benchmarks/unit_table.py from pint {pint.__version__}; edit that file, not this one. "
    about += "unit: factor to the first unit of its dimension, and every way to write it, read as written, else in lower case."
    dimensions = []
    taken: dict[str, str] = {}
    for dimension, units in [*PHYSICAL.items(), ("count", {u: ("", s) for u, s in COUNTED.items()})]:
        first = next((registry.Unit(e) for e, _ in units.values() if e), None)
        lines = []
        for unit, (expression, spellings) in units.items():
            if unit in NEVER:
                continue
            found = [unit, *(s.replace("\u00a0", " ") for s in spellings.split(" ") if s)]
            factor = 1.0
            if unit == "dozen":
                factor = 12.0
            if expression:
                own = registry.Unit(expression)
                if dimension == "temperature":
                    factor = 1.0  # offsets are no factors: measures of temperature are compared unit by unit
                else:
                    factor = float(registry.Quantity(1, own).to(first).magnitude)
                if "/" not in expression and "*" not in expression:
                    found += sorted(n for n in names(own, registry) if n and n not in NEVER)
            if dimension == "count" and unit not in ("pcs", "dozen"):
                factor = 1.0
            kept = []
            for one in dict.fromkeys(found):
                if one in NEVER and one != unit:
                    continue
                if taken.setdefault(one, unit) == unit:
                    kept.append(one)
                else:
                    sys.stderr.write(f"{one}: {taken[one]} before {unit}\n")
            body = {"factor": float(f"{factor:.10g}"), "spellings": kept}
            lines.append(f"   {written(unit)}: {written(body)}")
        dimensions.append(f"  {written(dimension)}: {{\n" + ",\n".join(lines) + "\n  }")
    units_of_all = ",\n".join(dimensions)
    TARGET.write_text(f'{{\n "about": {written(about)},\n "units": {{\n{units_of_all}\n }}\n}}\n', encoding="utf-8")


def written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()
