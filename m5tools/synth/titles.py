"""Titles and descriptions: each seller words the same product differently and names only some of its facts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import ftfy.bad_codecs  # noqa: F401 - registers the encoding
import numpy as np
import polars as pl

from m5tools.synth import strangers, words
from m5tools.synth.columns import glue, join, mask, number, otherwise, pick, table
from m5tools.synth.draws import Bools, Ints
from m5tools.synth.listing import Listing
from m5tools.synth.mess import Mess
from m5tools.synth.profile_m5product import FEATURE_KEPT
from m5tools.synth.tables import Named
from m5tools.synth.world import Facts, World, translated
from m5tools.vocabulary import Modality, State

# Which of colour, measure and material a title names: one or two of them.
_NAMED: Final = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], np.bool_)
_NAMES_MODEL: Final = 0.35
_HAS_DESCRIPTION: Final = 0.8
_HAS_SHOP_OPENER: Final = 0.35
_MISREAD: Final = 0.02

_WINDOWS: Final = "sloppy-windows-1252"  # of ftfy
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_OPENERS = table(text for language in words.TITLE_OPENERS for text in language)
_CLOSERS = table(text for language in words.TITLE_CLOSERS for text in language)
_BOILERPLATE = table(
    form
    for sentences, greetings in zip(words.BOILERPLATE, words.SHOP_GREETINGS, strict=True)
    for text in sentences
    for form in (text, f"*** {text} ***", f"- {text}", text.upper(), *(f"{greeting} {text}" for greeting in greetings))
)
_FORMS: Final = 4 + len(words.SHOP_GREETINGS[0])
_PLACES = table(text for language in words.PLACES_OF_USE for text in language)
_SHORT = table(words.SHORT_TITLES)
_LEADS = [table(lead[part] for language in words.LEADS for lead in language) for part in range(3)]
_BODIES = [table(body[part] for body in words.BODIES) for part in range(3)]
_DETAILS = [table(detail[part] for detail in words.DETAILS) for part in range(3)]
_BRAND_PHRASES = [table(phrase[part] for language in words.BRAND_PHRASES for phrase in language) for part in range(3)]
_USES = [table(use[part] for use in words.USES) for part in range(3)]


@dataclass(frozen=True)
class Texts:
    """Title and description of each offer (String, null where there is none) and what the title names.

    `misread`: bool, the description is in the wrong encoding and can be put right.
    """

    title: pl.Series
    description: pl.Series
    named: Named
    misread: Bools


def texts(world: World, rows: Listing, facts: Facts, mess: Mess) -> Texts:
    """The texts of a batch."""
    draws, offer = world.draws, rows.offer
    pattern = _NAMED[draws.below("title-names", offer, len(_NAMED))]
    named = Named(*pattern.T)  # a near miss "text.terse" names none of them; its table lists them all the same
    told = strangers.told(world, rows, facts, mess, Modality.TEXT)
    nouns = _nouns(world, offer, told)
    title = _titles(world, offer, told, nouns, named)
    generic = pick(world.nouns, translated(world.noun[facts.category], np.zeros_like(offer), np.zeros_like(offer)))
    title = otherwise(mess.generic_title, generic, title)
    terse = mess.is_near("text.terse")
    found = np.flatnonzero(terse)
    title = title.scatter(found, _terse(world, offer, told).gather(found))
    short = mess.has("text.short")
    title = otherwise(short, pick(_SHORT, draws.below("short", offer, len(words.SHORT_TITLES))), title)

    branded = mess.is_near("text.brand_phrase")
    described = draws.chance("described", offer, _HAS_DESCRIPTION) & ~short & ~terse & ~mess.generic_title | branded
    at_length = world.config.layout == "json_lines"  # the other layout has titles only
    written = _descriptions(world, rows, told, nouns) if at_length else pl.repeat("-", len(offer), eager=True)
    description = mask(written, described)
    found = np.flatnonzero(branded)
    phrases = _brand_phrases(world, told.language[found], told.brand[found])
    description = description.scatter(found, join(" ", description.gather(found), phrases))
    found = np.flatnonzero(mess.has("text.boilerplate"))
    description = description.scatter(
        found, _boilerplate(world, offer[found], rows.seller[found], facts.language[found])
    )

    present = mess.state_is(Modality.TEXT, State.PRESENT)
    title, description = mask(title, present), mask(description, present)
    lost, text_tags = mess.has("text.mojibake"), mess.has_any("text.")
    misread = draws.chance("misread", offer, _MISREAD) & ~text_tags & ~branded & description.is_not_null().to_numpy()
    signs, there = mess.is_near("text.lost_sign"), description.is_not_null().to_numpy()
    title = _without_signs(world, offer, title, signs & ~there)
    if at_length:
        description = _without_signs(world, offer, description, signs & there)
        description = _misread(world, offer, _lost(world, offer, description, lost), misread & ~signs)
    return Texts(_lost(world, offer, title, lost), description, named, misread & ~signs)


def _nouns(world: World, offer: Ints, told: Facts) -> pl.Series:
    draws = world.draws
    wording = draws.below("noun-wording", offer, 2)
    noun = pick(world.nouns, translated(world.noun[told.category], told.language, wording))
    prefix = world.prefix[told.category]
    full = join(" ", pick(world.prefixes, prefix, prefix > 0), noun)
    clear = draws.chance("noun", offer, world.config.informativeness.text)
    return otherwise(clear, full, pick(world.vague, told.language * 2 + wording))


def _titles(world: World, offer: Ints, told: Facts, nouns: pl.Series, named: Named) -> pl.Series:
    draws = world.draws
    wording = draws.below("value-wording", offer, 2)
    form = draws.below("form", offer, 3)
    brand_first = draws.chance("brand-first", offer, 0.6)
    colour_first = draws.chance("colour-first", offer, 0.5)
    fashion = told.language * len(words.TITLE_OPENERS[0])
    brands = pick(world.brands, told.brand)
    colours = pick(world.colours, translated(told.colour, told.language, wording), named.colour)
    return join(
        " ",
        pick(_OPENERS, fashion + draws.below("opener", offer, 7), draws.chance("opened", offer, 0.3)),
        mask(brands, brand_first),
        mask(colours, colour_first),
        nouns,
        mask(brands, ~brand_first),
        mask(world.model(told), draws.chance("names-model", offer, _NAMES_MODEL)),
        mask(colours, ~colour_first),
        pick(world.measures, world.measure_code(told, form), named.measure),
        pick(world.materials, translated(told.material, told.language, wording), named.material),
        *_features(world, offer, told),
        pick(_CLOSERS, fashion + draws.below("closer", offer, 7), draws.chance("closed", offer, 0.3)),
    )


def _features(world: World, offer: Ints, told: Facts) -> list[pl.Series]:
    """What a title of the release's length praises beside; each seller something else of it."""
    columns = []
    for j, feature in enumerate(told.features):
        praised = world.draws.chance(f"praises-{j}", offer, FEATURE_KEPT)
        columns.append(pick(world.features, feature * len(words.LANGUAGES) + told.language, praised))
    return columns


def _descriptions(world: World, rows: Listing, told: Facts, nouns: pl.Series) -> pl.Series:
    """Own sentences about the product, often after one sentence of the shop."""
    draws, offer, language = world.draws, rows.offer, told.language
    lead = language * len(words.LEADS[0]) + draws.below("lead", offer, len(words.LEADS[0]))
    wording = draws.below("value-wording", offer, 2)
    form = draws.below("form", offer, 3)
    place = language * len(words.PLACES_OF_USE[0]) + draws.below("place", offer, len(words.PLACES_OF_USE[0]))
    weight = (list(words.MEASURES).index("weight") * 8 + told.weight) * 3 + form
    pieces: dict[str, tuple[list[pl.Series], Ints, pl.Series, pl.Series]] = {
        "lead": (_LEADS, lead, nouns, pick(world.brands, told.brand)),
        "body": (_BODIES, language, pick(world.materials, translated(told.material, language, wording)),
                 pick(world.measures, weight)),
        "detail": (_DETAILS, language, pick(world.extra_names, told.extra_names[0]),
                   pick(world.extra_values, told.extra_values[0])),
        "use": (_USES, language, nouns, pick(_PLACES, place)),
    }  # fmt: skip
    shares = {"lead": 1.0, "body": 0.6, "detail": 0.6, "use": 0.8}
    sentences = []
    for name, (around, code, first, second) in pieces.items():
        sentence = glue(pick(around[0], code), first, pick(around[1], code), second, pick(around[2], code))
        sentences.append(mask(sentence, draws.chance(f"says-{name}", offer, shares[name])))
    opened = draws.chance("shop-opener", offer, _HAS_SHOP_OPENER)
    shop = _shop_sentence(language, rows.seller % len(words.BOILERPLATE[0]), _shop_form(world, rows.seller))
    return join("", glue(mask(shop, opened), " "), *sentences)


def _terse(world: World, offer: Ints, told: Facts) -> pl.Series:
    """A short title that says exactly what it is: the model alone, or with its brand."""
    model, brand = world.model(told), pick(world.brands, told.brand)
    return otherwise(world.draws.chance("model-alone", offer, 0.5), model, join(" ", brand, model))


def _brand_phrases(world: World, language: Ints, brand: Ints) -> pl.Series:
    """What a brand says of itself under everything it makes, whoever sells it."""
    choices = len(words.BRAND_PHRASES[0])
    phrase = language * choices + world.draws.below("brand-phrase", brand, choices)
    around = [pick(part, phrase) for part in _BRAND_PHRASES]
    founded = number(1880 + world.draws.below("founded", brand, 140))
    return glue(around[0], pick(world.brands, brand), around[1], founded, around[2])


def _boilerplate(world: World, offer: Ints, seller: Ints, language: Ints) -> pl.Series:
    """Three or four sentences of the shop and nothing else."""
    four = world.draws.chance("four-sentences", offer, 0.5)
    pool, form = len(words.BOILERPLATE[0]), _shop_form(world, seller)
    sentences = [_shop_sentence(language, (seller + j) % pool, form) for j in range(4)]
    return join(" ", *sentences[:3], mask(sentences[3], four))


def _shop_sentence(language: Ints, which: Ints, form: Ints) -> pl.Series:
    """A sentence of the pool in one of its forms."""
    return pick(_BOILERPLATE, (language * len(words.BOILERPLATE[0]) + which) * _FORMS + form)


def _shop_form(world: World, seller: Ints) -> Ints:
    """How each shop sets its sentences off; most write them plainly."""
    return world.draws.choice("shop-form", seller, (0.12, 0.12, 0.08, 0.02, 0.02, 0.02, 0.02)) + 1


def _lost(world: World, offer: Ints, column: pl.Series, chosen: Bools) -> pl.Series:
    """Break the letters outside ASCII for good: each one, or each of its bytes, became U+FFFD."""
    found = np.flatnonzero(chosen & column.is_not_null().to_numpy())
    by_letter = world.draws.chance("letters-lost", offer[found], 0.6)
    broken = []
    for text, letters in zip(_accented(world, offer, column, found, words.ACCENTED_PHRASES), by_letter, strict=True):
        whole = _NOT_ASCII.sub("\ufffd", text) if letters else text.encode().decode("ascii", errors="replace")
        broken.append(whole)
    return column.scatter(found, broken) if broken else column


def _without_signs(world: World, offer: Ints, column: pl.Series, chosen: Bools) -> pl.Series:
    """A dash, an apostrophe or a trademark sign became U+FFFD; no letter did."""
    found = np.flatnonzero(chosen)
    texts = [_NOT_ASCII.sub("\ufffd", sign) for sign in words.LOST_SIGNS]
    sign = world.draws.below("lost-sign", offer[found], len(texts))
    with_sign = [f"{text} {texts[which]}" for text, which in zip(column.gather(found), sign, strict=True)]
    return column.scatter(found, with_sign) if with_sign else column


def _misread(world: World, offer: Ints, column: pl.Series, chosen: Bools) -> pl.Series:
    """UTF-8 read as Windows-1252, the bytes that it does not know as Latin-1: it looks broken and nothing is lost."""
    found = np.flatnonzero(chosen)
    texts = [text.encode().decode(_WINDOWS) for text in _accented(world, offer, column, found, words.ACCENTED_PHRASES)]
    return column.scatter(found, texts) if texts else column


def _accented(world: World, offer: Ints, column: pl.Series, found: Ints, pool: tuple[str, ...]) -> list[str]:
    """The texts with a few words behind them that hold letters to break."""
    accent = world.draws.below("accent", offer[found], len(pool))
    return [f"{text} {pool[which]}" for text, which in zip(column.gather(found), accent, strict=True)]
