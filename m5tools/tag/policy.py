"""A tagging policy: rules that turn signals into tags. Changing a threshold reads signals again, never media.

A tag is called `<what it judges>.<word>`. The tags of the shipped policies are the vocabulary that cuts and readers
know; any other name is taken for a slip of the pen, unless the policy lists it under `own_tags` with its meaning.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from m5tools import documents, resources, schema
from m5tools.tag.looks import LOOKS
from m5tools.vocabulary import MEDIA, Modality

Table = Literal["image", "video", "audio", "text", "table", "pair"]
Comparison = Literal["below", "above", "at_least", "at_most"]
COMPARISONS: tuple[Comparison, ...] = ("below", "above", "at_least", "at_most")
SHARED = ("shared_products", "shared_titles", "shared_categories")
_MEDIA_TABLES = tuple(m.value for m in MEDIA)
_CODES = ("state", "reason")
# Place, the name that is not known, the beginning of the message, the names there are.
_Wrong = tuple[tuple[str | int, ...], str, str, Collection[str]]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(_Model):
    """One comparison of a signal with a threshold; exactly one of the four."""

    signal: str
    below: FiniteFloat | None = None
    above: FiniteFloat | None = None
    at_least: FiniteFloat | None = None
    at_most: FiniteFloat | None = None

    @model_validator(mode="after")
    def _one_comparison(self) -> Condition:
        if sum(getattr(self, c) is not None for c in COMPARISONS) != 1:
            raise ValueError("give exactly one of below, above, at_least, at_most")
        return self

    @property
    def comparison(self) -> Comparison:
        return next(c for c in COMPARISONS if getattr(self, c) is not None)

    @property
    def threshold(self) -> float:
        return float(getattr(self, self.comparison))


class Rule(_Model):
    """A tag and the conditions that must all hold; the first is the deciding one that a verdict names."""

    tag: str = Field(pattern=r"^(image|text|table|video|audio|pair)\.[a-z][a-z0-9_]*$")
    signals: Table = Field(description="the signal table it reads")
    modality: Modality = Field(description="the modality that a cut withholds for this tag")
    why: str = Field(description="one line for people")
    when: tuple[Condition, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _signals_exist(self) -> Rule:
        known = numbers(self.signals)
        wrong: list[_Wrong] = [
            (("when", place, "signal"), c.signal, f"signals/{self.signals} has no number '{c.signal}'; ", known)
            for place, c in enumerate(self.when)
            if c.signal not in known
        ]
        _refuse("Rule", wrong)
        return self

    @property
    def of_media(self) -> bool:
        """Whether single files are judged."""
        return self.signals in _MEDIA_TABLES


class Policy(_Model):
    """A named set of rules; of several for one tag the first that holds is the verdict."""

    policy: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    about: str = ""
    own_tags: dict[str, str] = Field(
        default_factory=dict, description="tags of this policy that no shipped policy has, each with its meaning"
    )
    rules: tuple[Rule, ...]

    @model_validator(mode="after")
    def _tags_are_known(self) -> Policy:
        known = sorted({*shipped_tags(), *self.own_tags})
        wrong: list[_Wrong] = [
            (("rules", place, "tag"), rule.tag, "no shipped policy has this tag; list it under own_tags or ", known)
            for place, rule in enumerate(self.rules)
            if rule.tag not in known
        ]
        made = [rule.tag for rule in self.rules]
        wrong += [
            (("own_tags", tag), tag, "no rule makes this tag; ", made) for tag in self.own_tags if tag not in made
        ]
        _refuse("Policy", wrong)
        return self

    @model_validator(mode="after")
    def _one_modality_a_tag(self) -> Policy:
        """Rules of one tag are alternatives; they must judge the same thing."""
        about: dict[str, tuple[str, str]] = {}
        for rule in self.rules:
            if about.setdefault(rule.tag, (rule.signals, rule.modality)) != (rule.signals, rule.modality):
                raise ValueError(f"the rules for {rule.tag} differ in signals or modality")
        return self

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags it can give, sorted."""
        return tuple(sorted({rule.tag for rule in self.rules}))

    def of(self, table: str) -> Iterator[tuple[int, Rule]]:
        """The rules that read one signal table, each with its place in the policy."""
        return ((place, rule) for place, rule in enumerate(self.rules) if rule.signals == table)


def numbers(table: str) -> tuple[str, ...]:
    """The signals of one table that a threshold can be set on."""
    columns = schema.law(f"signals_{table}").columns
    known = tuple(c.name for c in columns if schema.is_number(c.type) and c.name not in _CODES)
    known += SHARED if table in _MEDIA_TABLES else ()
    return known + (LOOKS if table == "image" else ())


@cache
def shipped_tags() -> frozenset[str]:
    """Every tag that a shipped policy gives."""
    found: set[str] = set()
    for file in sorted((resources.folder("pipelines") / "policies").glob("*.yaml")):
        rules: Any = documents.read_object(file).get("rules", ())
        found.update(str(rule["tag"]) for rule in rules if isinstance(rule, dict) and "tag" in rule)
    return frozenset(found)


def load(name: str) -> Policy:
    """A shipped policy by name, or a policy file by path.

    Raises:
        UsageError: there is none, or it is not valid.
    """
    return documents.load(documents.locate("policy", "pipelines/policies", name), Policy)


def _refuse(title: str, wrong: list[_Wrong]) -> None:
    """Raise what is wrong with `title` in such a way that the message can name the very line."""
    if not wrong:
        return
    details = []
    for place, name, beginning, known in wrong:
        # Put in as a value: braces in the message itself would be pydantic's placeholders.
        said = PydanticCustomError("unknown_name", "{said}", {"said": beginning + documents.near(name, known)})
        details.append(InitErrorDetails(type=said, loc=place, input=name))
    raise ValidationError.from_exception_data(title, details)
