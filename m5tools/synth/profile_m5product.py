"""The measured shape of M5Product: label tail, attribute vocabulary, which modalities are missing together, and the
length of its records.

Counts are those of the distributed master JSON (6,313,067 products, 6,522 labels, 5,794,852,057 bytes) and of
section 3 of "M5Product: Self-harmonized Contrastive Learning for E-commercial Multi-modal Pretraining" (CVPR 2022).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from m5tools.synth import words
from m5tools.synth.draws import Floats

PRODUCTS: Final = 6_313_067
BYTES: Final = 5_794_852_057
LABELS: Final = 6_522
ATTRIBUTE_NAMES: Final = 5_679

# The release has 918 bytes a product. How they are spread over its fields is not published; titles and links of its
# relative Product1M have 78 and 86 bytes, so most of the rest are tables: about twenty attributes of thirty bytes. A
# sheet is four attributes of one part of the product, which a shop lists together or not at all.
SHEETS: Final = 5
SHEET: Final = 4
SHEET_VALUES: Final = 64
SHEET_KEPT: Final = 0.8
FEATURES_TOLD: Final = 3
FEATURE_KEPT: Final = 0.7
# What titles praise, in the order of `words.LANGUAGES`: no word of it stands in `words`, so none is a value, a name or
# a brand elsewhere, and no number is among them.
FEATURES: Final = (
    ("easily cleaned", "reinigungsfreundlich", "nettoyage facile", "容易清洗"),
    ("energy saving", "energiesparend", "peu énergivore", "节能省电"),
    ("low noise", "besonders leise", "très silencieux", "静音低噪"),
    ("space saving", "platzsparend", "peu encombrant", "节省空间"),
    ("ever lasting", "besonders haltbar", "longue durée", "坚固持久"),
    ("never irritating", "hautfreundlich", "jamais irritant", "亲肤不刺激"),
    ("anti slip", "rutschfest", "antidérapant", "防滑底纹"),
    ("scratch proof", "kratzfest", "résiste aux rayures", "耐刮耐磨"),
    ("washable", "waschbar", "lavable", "可水洗"),
    ("breathable", "atmungsaktiv", "respirant", "透气舒适"),
    ("child safe", "kindersicher", "sécurité des enfants", "儿童安全"),
    ("any weather", "wetterfest", "quatre saisons", "四季皆宜"),
    ("stackable", "stapelbar", "empilable", "可叠放"),
    ("ergonomic", "ergonomisch", "ergonomique", "人体工学"),
    ("leak proof", "auslaufsicher", "anti-fuite", "防漏防溢"),
    ("dust proof", "staubdicht", "anti-poussière", "防尘防潮"),
    ("heat resistant", "hitzebeständig", "résiste aux flammes", "耐高温"),
    ("double layer", "doppelwandig", "double paroi", "双层加厚"),
    ("quick setup", "schnell aufgebaut", "vite monté", "快速安装"),
    ("odour free", "geruchsfrei", "toujours inodore", "无异味"),
    ("refill included", "samt Nachfüllung", "recharge comprise", "附赠替换装"),
    ("much praised", "unter Kennern geschätzt", "apprécié des connaisseurs", "达人钟爱"),
    ("finely crafted", "fein verarbeitet", "finement travaillé", "工艺精湛"),
    ("everyday use", "alltagstauglich", "usage quotidien", "每日必备"),
)  # fmt: skip

# (rank, products of the label at that rank). Fixed by the counts: 1 (largest), 850 (more than 2,000), 3261.5 (median),
# 4797.5 (100 or fewer), 6178.5 (10 or fewer), 6475.5 (singletons). The others are fitted so that the top 1, 10 and 20 %
# of labels hold 17.9, 48.4 and 67.3 % of the products and the bottom half 6.6 %.
_TAIL: Final = (
    (1.0, 109_611.0), (8.0, 28_949.3), (65.0, 7_621.4), (200.0, 3_456.8), (652.0, 2_412.3), (850.0, 2_000.5),
    (1304.0, 1_420.9), (2200.0, 904.9), (3261.5, 406.0), (4100.0, 227.2), (4797.5, 100.5), (6178.5, 10.5),
    (6475.5, 1.5), (6522.0, 0.6),
)  # fmt: skip

# What a configuration with `profile: m5product` starts from; explicit values win.
#   joint       14.83 % of the video fields are empty
#   table       0.08 %, image 0.006 % of the fields are empty; 1.3 % of the image links are dead
#   video       all five modalities are there for 80 %: some 4 % have a video link but no usable video or sound
DEFAULTS: Final[dict[str, Any]] = {
    "layout": "m5product",
    "categories": LABELS,
    "attribute_names": ATTRIBUTE_NAMES - len(words.SHARED_NAMES),
    "missing": {
        "joint_video_audio": 0.1483,
        "image": 0.00006,
        "text": 0.0,
        "table": 0.0008,
        "video": 0.0,
        "audio": 0.025,
    },
    "faults": {
        "image": {"missing_file": 0.013, "empty": 0.0, "truncated": 0.0, "undecodable": 0.0, "wrong_type": 0.0},
        "video": {"missing_file": 0.025, "empty": 0.0, "undecodable": 0.0, "wrong_type": 0.0, "truncated": 0.0},
    },
}


def label_counts(labels: int) -> Floats:
    """Expected products of each of `labels` labels at full size, float64, largest first.

    For fewer labels than M5Product has, ranks are taken evenly from the same curve.
    """
    ranks = 1 + np.arange(labels) * ((LABELS - 1) / max(1, labels - 1))
    knots = np.log(np.array(_TAIL))
    counts: Floats = np.maximum(1.0, np.rint(np.exp(np.interp(np.log(ranks), knots[:, 0], knots[:, 1]))))
    return counts
