"""The words of the simulated shops, in four languages: nouns, colours, materials, phrases, attribute names.

Pure data. Every tuple indexed by language follows `LANGUAGES`; `|` separates the wordings different sellers use.
"""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("en", "de", "fr", "zh")
LANGUAGE_SHARES: Final = (0.70, 0.12, 0.10, 0.08)
CURRENCIES: Final = ("USD", "EUR", "EUR", "CNY")

# (departments, measure, nouns en / de / fr / zh); a noun's first wording names its category.
NOUNS: Final[tuple[tuple[str, str, str, str, str, str], ...]] = (
    ("Home/Kitchen", "capacity", "electric kettle|water boiler", "Wasserkocher|Teekocher",
     "bouilloire électrique|bouilloire", "电热水壶|烧水壶"),
    ("Electronics/Audio", "length", "wireless headphones|bluetooth headset", "Kopfhörer|Funkkopfhörer",
     "casque sans fil|casque audio", "无线耳机|头戴耳机"),
    ("Fashion/Shoes", "size", "running shoes|jogging trainers", "Laufschuhe|Joggingschuhe",
     "chaussures de course|baskets de running", "跑步鞋|运动鞋"),
    ("Beauty/Skin", "volume", "face cream|moisturising cream", "Gesichtscreme|Feuchtigkeitscreme",
     "crème visage|crème hydratante", "面霜|保湿霜"),
    ("Electronics/Computing", "screen", "laptop computer|notebook pc", "Laptop|Notebook",
     "ordinateur portable|pc portable", "笔记本电脑|手提电脑"),
    ("Home/Living", "length", "floor lamp|standing light", "Stehlampe|Standleuchte",
     "lampadaire|lampe sur pied", "落地灯|立式灯"),
    ("Fashion/Bags", "capacity", "travel backpack|hiking rucksack", "Rucksack|Reiserucksack",
     "sac à dos|sac de voyage", "双肩背包|旅行背包"),
    ("Electronics/Storage", "storage", "usb flash drive|memory stick", "USB-Stick|Speicherstick",
     "clé USB|clé mémoire", "优盘|闪存盘"),
    ("Home/Kitchen", "power", "coffee machine|espresso maker", "Kaffeemaschine|Espressomaschine",
     "machine à café|cafetière", "咖啡机|意式咖啡机"),
    ("Grocery/Drinks", "weight", "green tea|loose leaf tea", "Grüner Tee|Grüntee",
     "thé vert|thé en feuilles", "绿茶|茶叶"),
    ("Fashion/Clothing", "size", "rain jacket|waterproof coat", "Regenjacke|Regenmantel",
     "veste de pluie|imperméable", "雨衣|防水外套"),
    ("Beauty/Hair", "power", "hair dryer|blow dryer", "Haartrockner|Föhn",
     "sèche-cheveux|séchoir", "吹风机|电吹风"),
    ("Sports/Fitness", "weight", "dumbbell set|hand weights", "Hantelset|Kurzhanteln",
     "haltères|poids de musculation", "哑铃|健身哑铃"),
    ("Electronics/Phones", "storage", "smart phone|mobile phone", "Smartphone|Handy",
     "téléphone mobile|smartphone", "智能手机|手机"),
    ("Toys/Games", "length", "building blocks|toy bricks", "Bausteine|Klötze",
     "blocs de construction|briques", "积木|拼装玩具"),
    ("Home/Bedroom", "length", "memory pillow|sleeping pillow", "Kopfkissen|Nackenkissen",
     "oreiller|coussin de nuit", "枕头|记忆枕"),
    ("Garden/Tools", "length", "garden hose|water hose", "Gartenschlauch|Wasserschlauch",
     "tuyau d'arrosage|tuyau de jardin", "花园水管|浇花软管"),
    ("Electronics/Video", "screen", "television set|smart tv", "Fernseher|Flachbildfernseher",
     "téléviseur|télé connectée", "电视机|智能电视"),
    ("Beauty/Makeup", "volume", "lip gloss|liquid lipstick", "Lippenglanz|Lipgloss",
     "brillant à lèvres|rouge liquide", "唇彩|口红"),
    ("Fashion/Clothing", "size", "denim jeans|blue-jeans trousers", "Jeanshose|Denimhose",
     "pantalon en jean|jean", "牛仔裤|长裤"),
    ("Home/Kitchen", "volume", "coffee mug|drinking cup", "Kaffeebecher|Tasse",
     "tasse à café|mug", "咖啡杯|马克杯"),
    ("Electronics/Cables", "length", "USB cable|charging cord", "USB-Kabel|Ladekabel",
     "câble USB|cordon de charge", "数据线|充电线"),
    ("Baby/Transport", "weight", "baby stroller|pushchair", "Kinderwagen|Buggy",
     "poussette|landau", "婴儿车|手推车"),
    ("Tools/Power", "power", "cordless drill|battery screwdriver", "Akkubohrer|Akkuschrauber",
     "perceuse sans fil|visseuse", "电钻|充电钻"),
    ("Home/Living", "length", "wall clock|hanging clock", "Wanduhr|Uhr",
     "horloge murale|pendule", "挂钟|时钟"),
    ("Sports/Cycling", "size", "bike helmet|cycling helmet", "Fahrradhelm|Radhelm",
     "casque de vélo|casque cycliste", "自行车头盔|骑行头盔"),
    ("Pets/Dogs", "weight", "dog food|dry kibble", "Hundefutter|Trockenfutter",
     "croquettes chien|nourriture pour chien", "狗粮|犬粮"),
    ("Home/Cleaning", "power", "vacuum cleaner|robot hoover", "Staubsauger|Bodensauger",
     "aspirateur|aspirateur balai", "吸尘器|扫地机"),
    ("Music/Strings", "length", "acoustic guitar|folk guitar", "Gitarre|Akustikgitarre",
     "guitare acoustique|guitare folk", "吉他|民谣吉他"),
    ("Office/Supplies", "volume", "fountain pen|ink pen", "Füller|Füllfederhalter",
     "stylo plume|stylo encre", "钢笔|墨水笔"),
    ("Home/Kitchen", "capacity", "cooking pot|stew pan", "Kochtopf|Schmortopf",
     "marmite|faitout", "汤锅|炖锅"),
    ("Fashion/Accessories", "length", "leather belt|waist belt", "Ledergürtel|Gürtel",
     "ceinture en cuir|ceinture", "皮带|腰带"),
    ("Health/Care", "volume", "hand soap|liquid soap", "Handseife|Flüssigseife",
     "savon liquide|savon pour les mains", "洗手液|香皂"),
    ("Electronics/Photo", "storage", "action camera|sports cam", "Actionkamera|Sportkamera",
     "caméra d'action|caméra sport", "运动相机|摄像机"),
    ("Automotive/Parts", "volume", "engine oil|motor oil", "Motoröl|Leichtlauföl",
     "huile moteur|lubrifiant", "机油|润滑油"),
    ("Sports/Camping", "weight", "camping tent|dome tent", "Campingzelt|Kuppelzelt",
     "tente de camping|tente dôme", "帐篷|露营帐篷"),
)  # fmt: skip

# Finer categories are nouns with one or two of these in front.
MODIFIERS: Final = ("mini", "travel", "kids", "pro", "outdoor", "vintage", "compact", "deluxe", "eco", "smart",
                    "folding", "classic", "sport", "studio")  # fmt: skip

VAGUE_NOUNS: Final = ("item|product", "Artikel|Produkt", "article|produit", "商品|产品")

COLOURS: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("red|scarlet", "rot|Rot", "rouge|rouge vif", "红色|大红"),
    ("blue|navy blue", "blau|Blau", "bleu|bleu marine", "蓝色|深蓝"),
    ("green|forest green", "grün|Grün", "vert|vert sapin", "绿色|墨绿"),
    ("black|jet black", "schwarz|Schwarz", "noir|noir mat", "黑色|亮黑"),
    ("white|ivory white", "weiß|Weiß", "blanc|blanc ivoire", "白色|象牙白"),
    ("grey|gray", "grau|Grau", "gris|gris clair", "灰色|浅灰"),
    ("yellow|lemon yellow", "gelb|Gelb", "jaune|jaune citron", "黄色|柠檬黄"),
    ("pink|rose pink", "rosa|Rosa", "rose|rose pâle", "粉色|粉红"),
    ("brown|dark brown", "braun|Braun", "marron|brun", "棕色|褐色"),
    ("purple|violet", "lila|violett", "violet|mauve", "紫色|紫罗兰"),
)

COLOUR_RGB: Final = (
    (205, 40, 45), (40, 80, 200), (40, 150, 70), (45, 45, 50), (225, 225, 220),
    (135, 135, 140), (235, 200, 40), (240, 130, 175), (125, 80, 45), (125, 60, 165),
)  # fmt: skip

MATERIALS: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("stainless steel|inox steel", "Edelstahl|rostfreier Stahl", "acier inoxydable|inox", "不锈钢|钢"),
    ("plastic|ABS plastic", "Kunststoff|ABS-Kunststoff", "plastique|plastique ABS", "塑料|ABS塑料"),
    ("cotton|100 % cotton", "Baumwolle|100 % Baumwolle", "coton|100 % coton", "棉|纯棉"),
    ("leather|genuine leather", "Leder|Echtleder", "cuir|cuir véritable", "皮革|真皮"),
    ("oak wood|solid oak", "Eichenholz|Eiche massiv", "bois de chêne|chêne massif", "橡木|实木"),
    ("glass|borosilicate glass", "Glas|Borosilikatglas", "verre|verre borosilicate", "玻璃|高硼硅玻璃"),
    ("aluminium|aluminum", "Aluminium|Alu", "aluminium|alu", "铝|铝合金"),
    ("polyester|recycled polyester", "Polyester|recycelter Polyester", "polyester|polyester recyclé", "涤纶|聚酯"),
    ("ceramic|stoneware", "Keramik|Steingut", "céramique|grès", "陶瓷|炻器"),
    ("bamboo|natural bamboo", "Bambus|Naturbambus", "bambou|bambou naturel", "竹|天然竹"),
)

ORIGINS: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("Germany", "Deutschland", "Allemagne", "德国"), ("China", "China", "Chine", "中国"),
    ("Italy", "Italien", "Italie", "意大利"), ("Vietnam", "Vietnam", "Viêt Nam", "越南"),
    ("Japan", "Japan", "Japon", "日本"), ("Turkey", "Türkei", "Turquie", "土耳其"),
    ("Poland", "Polen", "Pologne", "波兰"), ("USA", "USA", "États-Unis", "美国"),
)  # fmt: skip

# Attribute names; keys of the six every category has, then one per measure.
NAMES: Final[dict[str, tuple[str, str, str, str]]] = {
    "brand": ("Brand|brand name", "Marke|Hersteller", "Marque|marque", "品牌|牌子"),
    "model": ("Model|Model number", "Modell|Modellnummer", "Modèle|Référence modèle", "型号|货号"),
    "colour": ("Color|Colour", "Farbe|Farbton", "Couleur|Coloris", "颜色|颜色分类"),
    "material": ("Material|Main material", "Material|Hauptmaterial", "Matière|Matériau", "材质|主要材质"),
    "weight": ("Item weight|Shipping weight", "Artikelgewicht|Versandgewicht", "Poids brut|Poids colis",
               "毛重|商品毛重"),
    "origin": ("Country of origin|Made in", "Herkunftsland|Ursprung", "Pays d'origine|Origine", "产地|原产地"),
    "capacity": ("Capacity|Volume", "Fassungsvermögen|Volumen", "Capacité|Contenance", "容量|容积"),
    "screen": ("Screen size|Display size", "Bildschirmgröße|Diagonale", "Taille d'écran|Diagonale", "屏幕尺寸|尺寸"),
    "storage": ("Storage|Memory", "Speicher|Speicherplatz", "Stockage|Mémoire", "存储容量|内存"),
    "length": ("Length|Total length", "Länge|Gesamtlänge", "Longueur|Longueur totale", "长度|总长"),
    "size": ("Size|EU size", "Größe|EU-Größe", "Taille|Pointure", "尺码|欧码"),
    "power": ("Power|Wattage", "Leistung|Nennleistung", "Puissance|Puissance nominale", "功率|额定功率"),
    "volume": ("Content|Volume", "Inhalt|Füllmenge", "Contenu|Volume", "净含量|规格"),
    "pack": ("Net weight|Pack size", "Nettogewicht|Packungsgröße", "Poids net|Conditionnement", "净重|包装规格"),
}  # fmt: skip

SHARED_NAMES: Final = frozenset(word for texts in NAMES.values() for text in texts for word in text.split("|"))

# Eight magnitudes of each measure as `dot form|other unit|comma form`.
MEASURES: Final[dict[str, tuple[str, ...]]] = {
    "capacity": ("0.5 L|500 ml|0,5 L", "1 L|1000 ml|1,0 L", "1.5 L|1500 ml|1,5 L", "1.7 L|1700 ml|1,7 L",
                 "2 L|2000 ml|2,0 L", "2.5 L|2500 ml|2,5 L", "3 L|3000 ml|3,0 L", "5 L|5000 ml|5,0 L"),
    "screen": ('13.3 in|13.3"|33,8 cm', '14 in|14"|35,6 cm', '15.6 in|15.6"|39,6 cm', '17.3 in|17.3"|43,9 cm',
               '24 in|24"|61 cm', '27 in|27"|68,6 cm', '43 in|43"|109,2 cm', '55 in|55"|139,7 cm'),
    "storage": ("16 GB|16GB|16 Go", "32 GB|32GB|32 Go", "64 GB|64GB|64 Go", "128 GB|128GB|128 Go",
                "256 GB|256GB|256 Go", "512 GB|512GB|512 Go", "1 TB|1024 GB|1 To", "2 TB|2048 GB|2 To"),
    "weight": ("100 g|0.1 kg|0,1 kg", "150 g|0.15 kg|0,15 kg", "250 g|0.25 kg|0,25 kg", "400 g|0.4 kg|0,4 kg",
               "500 g|0.5 kg|0,5 kg", "750 g|0.75 kg|0,75 kg", "1 kg|1000 g|1,0 kg", "1.5 kg|1500 g|1,5 kg"),
    "length": ("20 cm|200 mm|0,2 m", "35 cm|350 mm|0,35 m", "50 cm|500 mm|0,5 m", "80 cm|800 mm|0,8 m",
               "100 cm|1 m|1,0 m", "120 cm|1.2 m|1,2 m", "150 cm|1.5 m|1,5 m", "200 cm|2 m|2,0 m"),
    "size": ("36|EU 36|Gr. 36", "37|EU 37|Gr. 37", "38|EU 38|Gr. 38", "39|EU 39|Gr. 39",
             "40|EU 40|Gr. 40", "41|EU 41|Gr. 41", "42|EU 42|Gr. 42", "43|EU 43|Gr. 43"),
    "power": ("40 W|40 watts|0,04 kW", "150 W|150 watts|0,15 kW", "450 W|450 watts|0,45 kW",
              "700 W|700 watts|0,7 kW", "850 W|850 watts|0,85 kW", "1200 W|1.2 kW|1,2 kW",
              "1800 W|1.8 kW|1,8 kW", "2200 W|2.2 kW|2,2 kW"),
    "volume": ("30 ml|3 cl|0,03 L", "50 ml|5 cl|0,05 L", "75 ml|7.5 cl|0,075 L", "100 ml|10 cl|0,1 L",
               "150 ml|15 cl|0,15 L", "200 ml|20 cl|0,2 L", "300 ml|30 cl|0,3 L", "500 ml|50 cl|0,5 L"),
}  # fmt: skip

# The open vocabulary of further attribute names: place × part × aspect (English in every language).
PLACES: Final = ("", "inner", "outer", "front", "rear", "upper", "lower", "main", "spare")
PARTS: Final = (
    "handle", "lid", "base", "strap", "cover", "frame", "cable", "switch", "filter", "pocket", "seam", "lens", "button",
    "wheel", "hinge", "panel", "seal", "motor", "tube", "grip", "buckle", "liner", "label", "box", "tray", "foot",
    "edge", "clip", "port", "blade", "shell", "spring", "nozzle", "valve", "rim", "sleeve", "plate", "hook", "rod",
    "cap",
)  # fmt: skip
ASPECTS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("finish", ("matte", "glossy", "brushed", "satin", "rough", "polished", "textured", "lacquered")),
    ("shape", ("round", "square", "oval", "tapered", "curved", "flat", "conical", "angled")),
    ("type", ("fixed", "removable", "foldable", "magnetic", "screw-on", "snap-on", "sliding", "rotating")),
    ("style", ("modern", "rustic", "minimal", "retro", "nordic", "industrial", "floral", "striped")),
    ("length", ("4 cm", "6.5 cm", "9 cm", "12 cm", "18 cm", "25 cm", "32 cm", "48 cm")),
    ("width", ("8 mm", "11 mm", "15 mm", "22 mm", "30 mm", "45 mm", "60 mm", "90 mm")),
    ("count", ("1", "2", "3", "4", "6", "8", "10", "12")),
    ("coating", ("nickel", "teflon", "silicone", "enamel", "chrome", "powder coat", "wax", "anodised")),
    ("pattern", ("plain", "checked", "dotted", "zigzag", "herringbone", "paisley", "camouflage", "marbled")),
    ("origin", ("local", "imported", "handmade", "machine made", "recycled", "organic", "certified", "vegan")),
    ("strength", ("light", "medium", "firm", "extra firm", "soft", "flexible", "rigid", "reinforced")),
    ("angle", ("15°", "30°", "45°", "60°", "75°", "90°", "120°", "180°")),
    ("rating", ("A", "A+", "B", "C", "IP44", "IP54", "IP65", "IP67")),
    ("warranty", ("6 months", "1 year", "18 months", "2 years", "3 years", "5 years", "7 years", "10 years")),
    ("closure", ("zip", "snap", "velcro", "drawstring", "button loop", "toggle", "latch", "hook and eye")),
    ("height", ("2 cm", "5 cm", "7.5 cm", "10 cm", "14 cm", "20 cm", "28 cm", "40 cm")),
)  # fmt: skip

BRAND_STARTS: Final = ("Kor", "Vel", "Nor", "Lum", "Tar", "Bri", "Sol", "Mer", "Zen", "Fal", "Hav", "Ost", "Pra", "Qui",
                       "Ryd", "Ska")  # fmt: skip
BRAND_ENDS: Final = ("vano", "tek", "iva", "wick", "mont", "dale", "ora", "lex", "line", "ström", "éa", "berg")

TITLE_OPENERS: Final = (
    ("New", "Original", "Bestseller:", "2024", "Sale", "Premium", "Official"),
    ("Neu:", "Original", "Top-Angebot:", "2024", "Aktion", "Premium", "Geprüft:"),
    ("Nouveau :", "Original", "Promo :", "2024", "Soldes", "Premium", "Officiel"),
    ("新款", "正品", "热卖", "2024", "特价", "高端", "官方"),
)
TITLE_CLOSERS: Final = (
    ("with gift box", "for home and office", "fast delivery", "for men and women", "- great gift", "by post", "| shop"),
    ("mit Geschenkbox", "für Zuhause und Büro", "schnelle Lieferung", "für Damen und Herren", "- Geschenkidee",
     "vom Händler", "| Shop"),
    ("avec coffret", "pour maison et bureau", "livraison rapide", "homme et femme", "- idée cadeau", "en stock",
     "| boutique"),
    ("送礼盒", "家用办公", "包邮", "男女通用", "礼品", "现货", "旗舰店"),
)  # fmt: skip

# Description sentences: the texts around two slots: noun and brand, material and weight, an attribute, noun and place.
LEADS: Final[tuple[tuple[tuple[str, str, str], ...], ...]] = (
    (("The ", " from ", " does its work every day."), ("A ", " designed by ", " with care for details."),
     ("Meet the ", " that ", " has built for years."), ("Our customers like this ", " by ", " most.")),
    (("Dieses Produkt (", ") von ", " hält lange."), ("Entdecken Sie ", " aus dem Hause ", " neu."),
     ("Wer ", " von ", " kennt, bleibt dabei."), ("Beliebt: ", ", entworfen von ", ".")),
    (("Voici : ", " de la maison ", ", conçu pour durer."), ("Découvrez ", " signé ", " dès maintenant."),
     ("Avec ", " de ", ", tout devient simple."), ("Un grand classique : ", " par ", ".")),
    (("这款 ", " 来自 ", "，做工精细。"), ("全新 ", " 由 ", " 设计。"), ("推荐 ", "，品牌 ", "，值得信赖。"),
     ("经典 ", " 出自 ", "。")),
)  # fmt: skip
BODIES: Final[tuple[tuple[str, str, str], ...]] = (
    (" It is made of ", " and weighs about ", "."), (" Gefertigt aus ", ", Gewicht etwa ", "."),
    (" Fabriqué en ", ", pour un poids de ", "."), ("采用", "，重约", "。"),
)  # fmt: skip
DETAILS: Final[tuple[tuple[str, str, str], ...]] = (
    (" Note the ", ": ", "."), (" Besonderheit ", ": ", "."), (" Remarquez ", " : ", "."), ("细节 ", "：", "。"),
)  # fmt: skip
PLACES_OF_USE: Final = (
    ("the garden", "long trips", "a small flat", "the office", "weekend guests", "daily training", "quiet evenings",
     "busy families", "the workshop", "cold mornings", "beginners", "experts"),
    ("den Garten", "lange Reisen", "kleine Wohnungen", "das Büro", "Gäste am Wochenende", "tägliches Training",
     "ruhige Abende", "große Familien", "die Werkstatt", "kalte Morgen", "Anfänger", "Profis"),
    ("le jardin", "les longs voyages", "un petit appartement", "le bureau", "les invités", "l'entraînement",
     "les soirées calmes", "les familles", "l'atelier", "les matins froids", "les débutants", "les experts"),
    ("花园", "长途旅行", "小户型", "办公室", "周末聚会", "日常训练",
     "安静夜晚", "大家庭", "车间", "冬日早晨", "新手", "行家"),
)  # fmt: skip
USES: Final[tuple[tuple[str, str, str], ...]] = (
    (" We recommend this ", " for ", "."), (" Passend als ", " für ", "."), (" Idéal : ", " pour ", "."),
    ("适合", "用于", "。"),
)  # fmt: skip
# What shops paste under everything they sell.
BOILERPLATE: Final = (
    ("Welcome to our store, your satisfaction is our first priority.",
     "Orders are shipped within two working days from our warehouse.",
     "Please contact us before leaving negative feedback.", "Colours may differ slightly because of your monitor.",
     "All major credit cards are accepted at checkout.", "Subscribe to our newsletter and save five percent."),
    ("Willkommen in unserem Shop, Ihre Zufriedenheit ist unser Ziel.",
     "Der Versand erfolgt innerhalb von zwei Werktagen aus unserem Lager.",
     "Bitte kontaktieren Sie uns bei Fragen zu Ihrer Bestellung.", "Die Farben können leicht vom Bild abweichen.",
     "Wir akzeptieren alle gängigen Zahlungsarten.", "Abonnieren Sie unseren Newsletter und sparen Sie."),
    ("Bienvenue dans notre boutique, votre satisfaction est notre priorité.",
     "Les commandes partent sous deux jours ouvrés de notre entrepôt.",
     "Merci de nous contacter avant de laisser un avis.", "Les couleurs peuvent varier selon votre écran.",
     "Nous acceptons toutes les cartes bancaires.", "Abonnez-vous à notre lettre et économisez."),
    ("欢迎光临本店，您的满意是我们的追求。", "订单将在两个工作日内从仓库发出。", "如有问题请先联系客服，不要直接差评。",
     "由于显示器不同，颜色可能略有差异。", "支持所有主流付款方式。", "关注店铺可享受优惠。"),
)  # fmt: skip

# A greeting that a shop writes before a sentence of the pool.
SHOP_GREETINGS: Final = (
    ("Dear buyer,", "Please note:", "Hello!", "Good to know:"),
    ("Lieber Kunde,", "Bitte beachten:", "Hallo!", "Gut zu wissen:"),
    ("Cher client,", "À noter :", "Bonjour !", "Bon à savoir :"),
    ("亲爱的顾客，", "请注意：", "您好！", "温馨提示："),
)  # fmt: skip
# What a brand says of itself under everything it makes: the texts around its name and the year of its foundation.
BRAND_PHRASES: Final = (
    (("", " has been a family business since ", "."), ("Quality by ", ", made with care since ", "."),
     ("The people of ", " have built things that last since ", ".")),
    (("", " ist ein Familienbetrieb seit ", "."), ("Qualität von ", ", mit Sorgfalt gemacht seit ", "."),
     ("Bei ", " bauen wir Dinge, die halten, seit ", ".")),
    (("", " est une maison familiale depuis ", "."), ("La qualité ", ", un savoir-faire depuis ", "."),
     ("Chez ", ", nous fabriquons pour durer depuis ", ".")),
    (("", " 家族企业，始于 ", " 年。"), ("", " 品质，匠心制造，始于 ", " 年。"),
     ("选择 ", "，经久耐用，始于 ", " 年。")),
)  # fmt: skip

SHORT_TITLES: Final = (
    "Item", "New", "Bag", "Lamp", "Cable", "Product", "Shoe", "Sample", "Test", "Gift", "ITEM", "new!", "Box", "Set",
    "Case", "Other", "Misc", "Toy", "Shirt", "Dress", "Pen", "Cover", "Watch", "Tool", "Goods", "Sale", "Hot", "Part",
    "Artikel", "Neu", "Ware", "Produkt", "Tasche", "Lampe", "Kabel", "Muster", "Article", "Produit", "Sac", "Nouveau",
    "Lot", "Câble", "商品", "新款", "包", "测试", "test123", "Item 3", "asdf", "n/a", "Product 12", "No title",
)  # fmt: skip
# Phrases whose letters a wrong decoding destroys, enough of them to show beyond doubt what encoding they were read in.
ACCENTED_PHRASES: Final = ("Größe wählbar – für Küche", "qualité supérieure – été", "Français & Español – año",
                           "schöne Geschenkhülle – süß", "crème brûlée édition", "Ménagère d'été – légère")  # fmt: skip
# Signs that get lost from texts of any language and leave every word as it was.
# No number is among them: one more number is another product.
LOST_SIGNS: Final = ("it’s new", "“best” quality", "don’t miss it", "…and more", "soft touch™", "home – garden",
                     "registered ® design", "you’ll love it")  # fmt: skip
PLACEHOLDER_VALUES: Final = ("other", "n/a", "see description", "0 kg", "-", "none", "unknown", "not specified")
AVAILABILITIES: Final = ("in_stock", "in_stock", "in_stock", "limited", "preorder", "out_of_stock")
SELLER_STARTS: Final = ("best", "city", "euro", "family", "global", "happy", "metro", "prime", "royal", "smart", "top",
                        "trade", "urban", "value", "world", "your")  # fmt: skip
SELLER_ENDS: Final = ("bazaar", "corner", "deals", "depot", "direct", "goods", "hub", "mart", "outlet", "shop", "store",
                      "supply")  # fmt: skip
