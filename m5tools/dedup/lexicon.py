"""The vocabularies of a run, read once in a process, for every unit asks for them."""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from pathlib import Path

import polars as pl

from m5tools.dedup.evidence.likeness import Vocabularies
from m5tools.dedup.evidence.vocabulary import Vocabulary
from m5tools.dedup.gathered import Gathered
from m5tools.dedup.sought import TITLES, VOCABULARIES

_File = tuple[Path, int, int]
_Stamped = tuple[_File, _File]


def vocabulary_of(gathered: Gathered, kind: str) -> Vocabulary:
    """One of :data:`m5tools.dedup.sought.VOCABULARIES`, over the whole dataset."""
    return _read(*_stamped(gathered, kind))


def vocabularies_of(gathered: Gathered) -> Vocabularies:
    """What wording is weighed by."""
    return _together(*(_stamped(gathered, field.name) for field in fields(Vocabularies)))


def _stamped(gathered: Gathered, kind: str) -> _Stamped:
    """The files of a vocabulary, each with what tells whether it was written anew."""
    counts, titles = (gathered.files(name)[0] for name in (kind, TITLES))
    return tuple((file, file.stat().st_ino, file.stat().st_mtime_ns) for file in (counts, titles))  # type: ignore[return-value]


@lru_cache(maxsize=len(VOCABULARIES))
def _read(counts: _File, titles: _File) -> Vocabulary:
    counted, titled = (pl.read_parquet(file, glob=False) for file, *_ in (counts, titles))
    return Vocabulary(counted, int(titled["titles"].sum()))


@lru_cache(maxsize=1)
def _together(*kinds: _Stamped) -> Vocabularies:
    return Vocabularies(*(_read(*files) for files in kinds))
