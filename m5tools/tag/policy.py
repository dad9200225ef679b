"""A tagging policy: rules that turn signals into tags. Changing a threshold reads signals again, never media."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from m5tools import documents, schema
from m5tools.tag.looks import LOOKS
from m5tools.vocabulary import Modality

Table = Literal["image", "video", "audio", "text", "table", "pair"]
SHARED = ("shared_products", "shared_titles", "shared_categories")
_MEDIA_TABLES = ("image", "video", "audio")
_CODES = ("state", "reason")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(_Model):
    """One comparison of a signal with a threshold; exactly one of the four."""

    signal: str
    below: float | None = None
    above: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _one_comparison(self) -> Condition:
        if sum(v is not None for v in (self.below, self.above, self.at_least, self.at_most)) != 1:
            raise ValueError("give exactly one of below, above, at_least, at_most")
        return self

    @property
    def threshold(self) -> float:
        return next(v for v in (self.below, self.above, self.at_least, self.at_most) if v is not None)


class Rule(_Model):
    """A tag and the conditions that must all hold; the first is the deciding one that a verdict names."""

    tag: str = Field(pattern=r"^[a-z]+\.[a-z_]+$")
    signals: Table = Field(description="the signal table it reads")
    modality: Modality = Field(description="the modality that a cut withholds for this tag")
    why: str = Field(description="one line for people")
    when: tuple[Condition, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _signals_exist(self) -> Rule:
        columns = schema.law(f"signals_{self.signals}").columns
        known = tuple(c.name for c in columns if schema.is_number(c.type) and c.name not in _CODES)
        known += SHARED if self.signals in _MEDIA_TABLES else ()
        known += LOOKS if self.signals == "image" else ()
        for condition in self.when:
            if condition.signal not in known:
                raise ValueError(
                    f"signals/{self.signals} has no number '{condition.signal}'; it has {', '.join(known)}"
                )
        return self

    @property
    def of_media(self) -> bool:
        """Whether single files are judged."""
        return self.signals in _MEDIA_TABLES


class Policy(_Model):
    """A named set of rules; of several for one tag the first that holds is the verdict."""

    policy: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    about: str = ""
    rules: tuple[Rule, ...]

    @model_validator(mode="after")
    def _one_modality_a_tag(self) -> Policy:
        """Rules of one tag are alternatives; they must judge the same thing."""
        about: dict[str, tuple[str, str]] = {}
        for rule in self.rules:
            if about.setdefault(rule.tag, (rule.signals, rule.modality)) != (rule.signals, rule.modality):
                raise ValueError(f"the rules for {rule.tag} differ in signals or modality")
        return self


def load(name: str) -> Policy:
    """A shipped policy by name, or a policy file by path.

    Raises:
        UsageError: there is none, or it is not valid.
    """
    return documents.load(documents.locate("policy", "pipelines/policies", name), Policy)
