"""The words every room shares: modalities, states, reasons, relations, and their fixed codes.

The codes are written into shard indexes and training batches, so they are part of the file format:
a code is never reused and never renumbered; new reasons are appended.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final, Literal, get_args

StageName = Literal[
    "ingest", "fetch", "survey", "measure", "tag", "compare", "dedup", "split", "cut", "shard", "overlay"
]
STAGES: Final[tuple[str, ...]] = get_args(StageName)
"""What is done to a dataset, in its order."""


class Modality(StrEnum):
    """The five modalities of M5Product, in the one order used everywhere (bit i of a mask is the i-th)."""

    IMAGE = "image"
    TEXT = "text"
    TABLE = "table"
    VIDEO = "video"
    AUDIO = "audio"

    @property
    def bit(self) -> int:
        """Position in the fixed order: bit of a mask, column of `present[B, 5]`."""
        return MODALITIES.index(self)


MODALITIES: Final[tuple[Modality, ...]] = tuple(Modality)
MEDIA: Final[tuple[Modality, ...]] = (Modality.IMAGE, Modality.VIDEO, Modality.AUDIO)


class State(IntEnum):
    """What became of one modality of one product. `WITHHELD` exists only in a cut and behind it."""

    PRESENT = 0
    ABSENT = 1
    PENDING = 2
    FAILED = 3
    WITHHELD = 4

    @property
    def word(self) -> str:
        return self.name.lower()


class Reason(IntEnum):
    """Why a modality is not present (0 = it is). One closed list, uint8 codes fixed for ever."""

    NONE = 0
    NOT_LISTED = 1
    NOT_FETCHED = 2
    MISSING_FILE = 3
    CONNECTION_ERROR = 4
    REDIRECT_LOOP = 5
    MEMORY_LIMIT = 6
    DEAD_LINK = 7
    HTTP_ERROR = 8
    DNS_ERROR = 9
    TIMEOUT = 10
    TOO_LARGE = 11
    BLOCKED_BY_ROBOTS = 12
    BLOCKED_ADDRESS = 13
    OUTSIDE_MEDIA_ROOT = 14
    WRONG_TYPE = 15
    EMPTY = 16
    TRUNCATED = 17
    UNDECODABLE = 18
    DECODER_CRASH = 19
    POLICY = 20

    @property
    def word(self) -> str:
        return self.name.lower()


class RejectReason(StrEnum):
    """Why an input row did not become a product."""

    NOT_PARSEABLE = "not_parseable"
    NOT_AN_OBJECT = "not_an_object"
    WRONG_FIELD_COUNT = "wrong_field_count"
    NOT_UTF8 = "not_utf8"
    NO_CONTENT = "no_content"
    TOO_LONG = "too_long"
    REPEATED_ID = "repeated_id"
    NOT_A_PRODUCT = "not_a_product"


class Relation(StrEnum):
    """How two products can be the same thing, from the strictest to the loosest."""

    SAME_OFFER = "same_offer"
    SAME_PRODUCT = "same_product"
    VARIANT = "variant"


class Split(StrEnum):
    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class RetrievalRole(StrEnum):
    """The part of a test product in a retrieval task."""

    QUERY = "query"
    GALLERY = "gallery"
    DISTRACTOR = "distractor"


class Barred(StrEnum):
    """Why a product may stand in no split, though it has one."""

    CONTAMINATED = "contaminated"
    NO_CATEGORY = "no_category"
    BRIDGE = "bridge"


class Band(StrEnum):
    """Where a category sits on the long tail: it belongs to the band in which its first product falls."""

    HEAD = "head"
    MIDDLE = "middle"
    TAIL = "tail"


HEAD_SHARE: Final = 0.5
"""The largest categories that hold this share of all products are the head …"""

MIDDLE_SHARE: Final = 0.9
"""… those from there up to this share the middle, the rest the tail."""


def bit_mask(modalities: tuple[Modality, ...]) -> int:
    """The uint8 mask whose bit i is set for the i-th modality (image = bit 0)."""
    return sum(1 << m.bit for m in modalities)
