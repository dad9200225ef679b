"""What is wrong with each offer, decided before a word of it is written: files, texts and tables, and the truth of it.

All decisions hang on the offer, so a re-listed offer has the same defects. Image trouble is exclusive (one kind a
product), so are the kinds of text trouble, and so on: every verdict can be read off the product alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from m5tools.synth.config import ImageFaults, StreamFaults, SynthConfig, VideoFaults
from m5tools.synth.draws import Bools, Draws, Ints
from m5tools.vocabulary import MODALITIES, Modality, Reason, State

TAGS: Final = (
    "image.blank", "image.placeholder", "image.tiny",
    "text.boilerplate", "text.mojibake", "text.short",
    "table.sparse", "table.placeholder", "table.contradictory",
    "video.static", "video.black", "audio.silent", "audio.clipped",
    "pair.title_table_mismatch",
)  # fmt: skip
TAG_BIT: Final = {tag: 1 << position for position, tag in enumerate(TAGS)}
# What looks like a defect to a careless measure and is none: night shots, white goods on white, low recordings, a text
# that lost a dash or a trademark sign.
NEAR_MISSES: Final = (
    "image.dark", "image.pale", "image.small", "text.terse", "text.brand_phrase", "text.lost_sign", "table.two",
    "video.dark", "video.slow", "audio.quiet",
)  # fmt: skip
NEAR_MISS_BIT: Final = {near_miss: 1 << position for position, near_miss in enumerate(NEAR_MISSES)}


class Sound(IntEnum):
    """Where a product's sound is."""

    NOWHERE = 0
    IN_VIDEO = 1
    OWN_FILE = 2


@dataclass(frozen=True)
class Mess:
    """The verdicts on a batch of offers, one row each.

    `tags`: int64 bit mask over `TAGS`; `states`, `reasons`: uint8 (rows, 5) in the order of the modalities;
    `images`: listed images, 0-3; `video`: bool; `sound`: codes of `Sound`; `image_fault`, `video_fault`,
    `audio_fault`: codes of `Reason` that listed files suffer from (0: none); `partial`: only the second image does;
    `noisy`: bool (rows, 5), modalities that tell of or show another product; `near_misses`: int64 bit mask over
    `NEAR_MISSES`.
    """

    tags: Ints
    states: NDArray[np.uint8]
    reasons: NDArray[np.uint8]
    images: Ints
    video: Bools
    sound: Ints
    image_fault: Ints
    video_fault: Ints
    audio_fault: Ints
    partial: Bools
    generic_title: Bools
    noisy: Bools
    near_misses: Ints

    def has(self, tag: str) -> Bools:
        found: Bools = (self.tags & TAG_BIT[tag]) != 0
        return found

    def has_any(self, start: str) -> Bools:
        found: Bools = (self.tags & sum(bit for tag, bit in TAG_BIT.items() if tag.startswith(start))) != 0
        return found

    def is_near(self, near_miss: str) -> Bools:
        found: Bools = (self.near_misses & NEAR_MISS_BIT[near_miss]) != 0
        return found

    def state_is(self, modality: Modality, state: State) -> Bools:
        found: Bools = self.states[:, modality.bit] == state
        return found


def decide(config: SynthConfig, draws: Draws, offer: Ints) -> Mess:
    """The verdicts on offers, by key.

    In a crawl without media the links are remote, a missing file is a dead link, and states are those that a complete
    fetch would find.
    """
    missing, flat = config.missing, config.layout == "m5product"
    neither = draws.chance("no-video-audio", offer, missing.joint_video_audio)
    video = ~neither & ~draws.chance("no-video", offer, missing.video)
    audible = ~neither & ~draws.chance("no-audio", offer, missing.audio)
    own_file = audible & ~flat & (~video | draws.chance("own-audio", offer, config.own_audio))
    sound = np.where(own_file, Sound.OWN_FILE, np.where(audible & video, Sound.IN_VIDEO, Sound.NOWHERE))
    no_text = draws.chance("no-text", offer, missing.text)
    no_table = draws.chance("no-table", offer, missing.table) & ~no_text
    image_listed = ~draws.chance("no-image", offer, missing.image)

    # A file's fault, from the reasons a reader will give.
    gone = Reason.MISSING_FILE if config.media else Reason.DEAD_LINK
    image_fault = _fault(draws, "image-fault", offer, config.faults.image, gone) * image_listed
    video_fault = _fault(draws, "video-fault", offer, config.faults.video, gone) * video
    audio_fault = _fault(draws, "audio-fault", offer, config.faults.audio, gone) * own_file

    image_ok = image_listed & (image_fault == 0)
    video_ok = video & (video_fault == 0)
    heard_in_video = (sound == Sound.IN_VIDEO) & video_ok
    audio_ok = heard_in_video | (own_file & (audio_fault == 0))
    generic = draws.chance("generic-title", offer, config.duplicates.generic_title) & ~no_text & ~no_table
    text, table = ~no_text & ~generic, ~no_table & ~generic
    tags = _tags(config, draws, offer, image_ok, text, table, video_ok, audio_ok)
    noisy = _noise(config, draws, offer, tags, {
        Modality.IMAGE: image_ok, Modality.TEXT: text, Modality.TABLE: table, Modality.VIDEO: video_ok,
        Modality.AUDIO: audio_ok,
    })  # fmt: skip
    # A mismatch can be seen only where the title names facts and the table is whole.
    torn = (noisy[:, Modality.TEXT.bit] | noisy[:, Modality.TABLE.bit]) & text & table
    tags |= np.where(torn, TAG_BIT["pair.title_table_mismatch"], 0)

    near_misses = _near_misses(config, draws, offer, tags, {
        Modality.IMAGE: image_ok, Modality.TEXT: text & ~torn, Modality.TABLE: table & ~torn, Modality.VIDEO: video_ok,
        Modality.AUDIO: audio_ok,
    })  # fmt: skip

    partial = image_ok & draws.chance("partial", offer, config.faults.image.partial) & (tags & _IMAGE_TAGS == 0)
    several = 1 + draws.choice("images", offer, (0.45, 0.35, 0.20))
    images = np.where(tags & _IMAGE_TAGS != 0, 1, np.where(partial, np.maximum(several, 2), several))
    if flat:
        partial, images = np.zeros_like(partial), np.ones_like(images)

    # Without a file of its own, sound shares the fate of the video: nobody can tell whether an unreadable one is mute.
    heard = (sound != Sound.NOWHERE) | (video_fault != 0)
    listed = {
        Modality.IMAGE: image_listed, Modality.TEXT: ~no_text, Modality.TABLE: ~no_table,
        Modality.VIDEO: video, Modality.AUDIO: heard,
    }  # fmt: skip
    fault = {
        Modality.IMAGE: image_fault, Modality.VIDEO: video_fault,
        Modality.AUDIO: np.where(own_file, audio_fault, video_fault),
    }  # fmt: skip
    states = np.empty((len(offer), len(MODALITIES)), np.uint8)
    reasons = np.empty_like(states)
    for modality in MODALITIES:
        why = fault.get(modality, np.zeros_like(offer))
        states[:, modality.bit] = np.where(
            listed[modality], np.where(why == 0, State.PRESENT, State.FAILED), State.ABSENT
        )
        reasons[:, modality.bit] = np.where(listed[modality], why, Reason.NOT_LISTED)
    return Mess(
        tags=tags, states=states, reasons=reasons, images=images * image_listed, video=video,
        sound=sound.astype(np.int64), image_fault=image_fault, video_fault=video_fault, audio_fault=audio_fault,
        partial=partial, generic_title=generic, noisy=noisy, near_misses=near_misses,
    )  # fmt: skip


_IMAGE_TAGS = sum(TAG_BIT[tag] for tag in TAGS if tag.startswith("image."))


def _fault(draws: Draws, stream: str, offer: Ints, rates: ImageFaults | StreamFaults, gone: Reason) -> Ints:
    kinds = [(gone, rates.missing_file), (Reason.EMPTY, rates.empty), (Reason.UNDECODABLE, rates.undecodable),
             (Reason.WRONG_TYPE, rates.wrong_type)]  # fmt: skip
    if isinstance(rates, ImageFaults | VideoFaults):
        kinds.append((Reason.TRUNCATED, rates.truncated))
    codes = np.array([*(reason for reason, _ in kinds), Reason.NONE], np.int64)
    return codes[draws.choice(stream, offer, tuple(rate for _, rate in kinds))]


def _tags(
    config: SynthConfig, draws: Draws, offer: Ints, image: Bools, text: Bools, table: Bools, video: Bools, audio: Bools
) -> Ints:
    """The tags each offer deserves, as bit masks; a modality must be there, and not be a trap, to deserve one."""
    rates = config.tags
    described = config.layout == "json_lines"  # the other layout has titles only
    boilerplate = rates.text_boilerplate * described
    kinds = {
        "image": (image, {"blank": rates.image_blank, "placeholder": rates.image_placeholder,
                          "tiny": rates.image_tiny}),
        "text": (text, {"boilerplate": boilerplate, "mojibake": rates.text_mojibake, "short": rates.text_short}),
        "table": (table, {"sparse": rates.table_sparse, "placeholder": rates.table_placeholder,
                          "contradictory": rates.table_contradictory}),
        "video": (video, {"static": rates.video_static, "black": rates.video_black}),
        "audio": (audio, {"silent": rates.audio_silent, "clipped": rates.audio_clipped}),
    }  # fmt: skip
    tags = np.zeros_like(offer)
    for modality, (there, shares) in kinds.items():
        bits = np.array([*(TAG_BIT[f"{modality}.{kind}"] for kind in shares), 0], np.int64)
        tags |= np.where(there, bits[draws.choice(f"{modality}-tag", offer, tuple(shares.values()))], 0)
    # Nothing moves in a black video either.
    return tags | np.where(tags & TAG_BIT["video.black"] != 0, TAG_BIT["video.static"], 0)


def _noise(config: SynthConfig, draws: Draws, offer: Ints, tags: Ints, usable: dict[Modality, Bools]) -> Bools:
    """Which modalities tell of another product; only one that has no other defect does."""
    drawn = {
        modality: usable[modality] & draws.chance(f"noise-{modality}", offer, getattr(config.noise, modality))
        for modality in MODALITIES
    }
    sound = tags & _TEXT_AND_TABLE_TAGS == 0
    both = usable[Modality.TEXT] & usable[Modality.TABLE]
    mismatch = both & draws.chance("mismatch", offer, config.tags.title_table_mismatch)
    drawn[Modality.TEXT] = (drawn[Modality.TEXT] | mismatch) & sound
    # With both wrong, nothing would say which of them is the product.
    drawn[Modality.TABLE] &= sound & ~drawn[Modality.TEXT]
    for modality in (Modality.IMAGE, Modality.VIDEO, Modality.AUDIO):
        drawn[modality] &= tags & sum(TAG_BIT[tag] for tag in TAGS if tag.startswith(f"{modality}.")) == 0
    return np.stack([drawn[modality] for modality in MODALITIES], axis=1)


def _near_misses(config: SynthConfig, draws: Draws, offer: Ints, tags: Ints, usable: dict[Modality, Bools]) -> Ints:
    """The near misses of each offer, as bit masks: at most one a modality, and only where it has no tag."""
    found = np.zeros_like(offer)
    for modality, there in usable.items():
        kinds = [kind for kind in NEAR_MISSES if kind.startswith(f"{modality}.")]
        if config.layout == "m5product":
            kinds = [kind for kind in kinds if kind != "text.brand_phrase"]  # it has titles only
        sound = there & (tags & sum(TAG_BIT[tag] for tag in TAGS if tag.startswith(f"{modality}.")) == 0)
        bits = np.array([*(NEAR_MISS_BIT[kind] for kind in kinds), 0], np.int64)
        drawn = draws.choice(f"{modality}-near-miss", offer, (config.near_misses / len(kinds),) * len(kinds))
        found |= np.where(sound, bits[drawn], 0)
    return found


_TEXT_AND_TABLE_TAGS = sum(TAG_BIT[tag] for tag in TAGS if tag.startswith(("text.", "table.")))
