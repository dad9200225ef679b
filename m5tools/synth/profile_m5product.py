"""The measured shape of M5Product: label tail, attribute vocabulary and which modalities are missing together.

Counts are those of the distributed master JSON (6,313,067 products, 6,522 labels) and of section 3 of
"M5Product: Self-harmonized Contrastive Learning for E-commercial Multi-modal Pretraining" (CVPR 2022).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from m5tools.synth import words
from m5tools.synth.draws import Floats

PRODUCTS: Final = 6_313_067
LABELS: Final = 6_522
ATTRIBUTE_NAMES: Final = 5_679

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
