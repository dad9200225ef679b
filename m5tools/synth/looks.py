"""What a product looks, moves and sounds like: the cues that pictures, clips and sounds are made from.

Cues of the category are replaced by cues drawn at random, and a copying seller shoots the product anew, as often as
the configured informativeness of the modality says. Nuisance that belongs to one modality alone is added where the file
is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from m5tools.synth import words
from m5tools.synth.draws import Floats, Ints
from m5tools.synth.listing import Listing
from m5tools.synth.world import Facts, World

SHAPES: Final = 12
TEXTURES: Final = 6
ACCENTS: Final = 10
MOTIONS: Final = 6
KEYS: Final = 12
CHORDS: Final = 4
RHYTHMS: Final = 8


@dataclass(frozen=True)
class Looks:
    """Cues of a batch of offers, int64 codes or float64 in [0, 1), one row each.

    `angle`, `density`, `phase` shape the body's texture; `speed` and `start` the movement; `melody` is (rows, 4) scale
    degrees, `timbre` the share of overtones.
    """

    shape: Ints
    texture: Ints
    accent: Ints
    colour: Ints
    angle: Floats
    density: Floats
    phase: Floats
    motion: Ints
    speed: Floats
    start: Floats
    key: Ints
    chord: Ints
    rhythm: Ints
    melody: Ints
    timbre: Floats


def looks(world: World, rows: Listing, facts: Facts) -> Looks:
    """The cues of a batch."""
    draws, group, category = world.draws, rows.group, facts.category
    informative = world.config.informativeness

    def of_category(name: str, kinds: int, faithful: float) -> Ints:
        """Not every product looks like its kind; all its sellers show it as it is."""
        genuine = draws.chance(f"genuine-{name}", group, faithful)
        return np.where(genuine, draws.below(name, category, kinds), draws.below(f"wrong-{name}", group, kinds))

    def shooting(medium: str, faithful: float) -> Ints:
        """The product itself where the seller uses the maker's file, the offer where he made his own."""
        shared = draws.chance(f"shared-{medium}", rows.offer, (1 + faithful) / 2)
        return np.where(shared | (rows.offer == rows.instance), rows.instance, rows.offer)

    image, video, audio = informative.image, informative.video, informative.audio
    right_colour = draws.chance("genuine-body-colour", rows.instance, (1 + image) / 2)
    wrong_colour = draws.below("body-colour", rows.instance, len(words.COLOURS))
    photo, clip, track = shooting("photo", image), shooting("clip", video), shooting("track", audio)
    style = np.where(photo == rows.instance, group, photo)  # variants are shot in one style
    return Looks(
        shape=of_category("shape", SHAPES, image),
        texture=of_category("texture", TEXTURES, image),
        accent=of_category("accent", ACCENTS, image),
        colour=np.where(right_colour, facts.colour, wrong_colour),
        angle=draws.unit("angle", style),
        density=draws.unit("density", style),
        phase=draws.unit("phase", photo),
        motion=of_category("motion", MOTIONS, video),
        speed=draws.unit("speed", clip),
        start=draws.unit("start", clip),
        key=of_category("key", KEYS, audio),
        chord=of_category("chord", CHORDS, audio),
        rhythm=of_category("rhythm", RHYTHMS, audio),
        melody=np.stack([draws.below(f"note-{n}", track, 7) for n in range(4)], axis=1),
        timbre=draws.unit("timbre", track),
    )
