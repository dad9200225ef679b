"""A source mapping: which fields of a delivered record become which fields of a product.

Known layouts are files in `schemas/sources/`; a user's own mapping is a file of the same form. A field selector is the
name of a field or a dotted path into the record (`seller.name`, `offers.0.price`; a field that is itself called
`name.en_US` comes first), or a list of such paths of which the first that is not blank counts.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from m5tools import documents, licences, resources
from m5tools.ingest.charset import text_encoding
from m5tools.vocabulary import Modality

if TYPE_CHECKING:
    from m5tools.manifest import Declared

DECLARED: Final = ("license", "homepage", "terms")
"""Words that tell about the source, not about its records."""
Address = Annotated[str, AfterValidator(licences.address)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


def _known_encoding(name: str) -> str:
    known = text_encoding(name)
    if known is None:
        raise ValueError("not an encoding of text that Python knows")
    return known


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ValueError(f"two columns are called '{name}'; the second would hide the first")
    return names


def _no_group(pattern: str) -> str:
    if re.compile(_compiles(pattern)).groups:
        raise ValueError("it has a group, whose text would count as a level; write it as (?:…)")
    return pattern


def _language_lines(pattern: str) -> str:
    missing = {"language", "value"} - re.compile(_compiles(pattern)).groupindex.keys()
    if missing:
        raise ValueError(f"it needs the groups (?P<language>…) and (?P<value>…); missing: {', '.join(sorted(missing))}")
    return pattern


def _at_most_one_group(pattern: str) -> str:
    if re.compile(_compiles(pattern)).groups > 1:
        raise ValueError("more than one group; write the others as (?:…)")
    return pattern


def _below_a_folder(pattern: str) -> str:
    if not pattern or PurePath(pattern).is_absolute() or ".." in PurePath(pattern).parts:
        raise ValueError(f"'{pattern}' is no glob below a folder; name files relative to the root")
    return pattern


Selector = str | tuple[str, ...]
Separator = Annotated[str, AfterValidator(_no_group)]
ProductField = Literal[
    "native_id", "url", "title", "description", "brand", "gtin", "mpn", "sku", "group_id", "price",
    "currency", "availability", "condition", "seller", "language", "crawled_at",
]  # fmt: skip
FIELDS: Final[tuple[ProductField, ...]] = get_args(ProductField)


class CategoryField(_Model):
    """Where the category path is and how it is written."""

    select: Selector | None = Field(None, alias="from")
    columns: tuple[str, ...] = Field((), description="instead of 'from': fields that hold one level each, root first")
    item: str | None = Field(None, description="for a list of objects: the key of the name; default: the usual ones")
    choices: str | None = Field(
        None, description="separator between several paths, of which the longest counts; default: found out"
    )
    levels: Separator | None = Field(
        None, description="regular expression between the levels of a path; default: the strongest sign in it"
    )
    skip: tuple[str, ...] = Field((), description="levels that say nothing, such as 'Default Category'")

    @model_validator(mode="after")
    def _one_place(self) -> CategoryField:
        if (self.select is None) == (not self.columns):
            raise ValueError("write either 'from' or 'columns'")
        return self


class AttributeField(_Model):
    """One place where attributes are, or a field of its own.

    Objects, lists of objects or of pairs, JSON, HTML tables and strings of pairs are told apart by themselves; the keys
    and separators are for layouts that want others.
    """

    select: Selector = Field(alias="from")
    name: str | None = Field(None, description="the field's value is the value of the attribute of this name")
    numbered_values: str | None = Field(
        None, description="'from' and this hold {n}, the number that joins a field of names with its field of values"
    )
    language: str | None = Field(None, description="language of names and values, where it is not the mapping's")
    name_key: str = Field("name", description="in a list of objects: the key of the name")
    value_key: str = Field("value", description="in a list of objects: the key of the value")
    pairs: str | None = Field(
        None,
        min_length=1,
        description="in a string: separator between pairs, default: found out; with `name`, between values",
    )
    assign: str = Field("=", min_length=1, description="in a string: separator between name and value")
    keys_are_values: bool = Field(False, description="in an object of objects: the inner keys are the values")
    options: tuple[str, ...] = Field((), description="names that tell variants of one group apart; '*' = all")
    skip: tuple[str, ...] = Field((), description="names that are no attributes of the product")
    blank: tuple[str, ...] = Field((), description="values that say there is none, such as 'n/a'")

    @model_validator(mode="after")
    def _numbers_in_both(self) -> AttributeField:
        templates = (self.select, self.numbered_values)
        if self.numbered_values is not None and not all(isinstance(t, str) and t.count("{n}") == 1 for t in templates):
            raise ValueError("'from' and 'numbered_values' each need {n} once, where the number stands")
        return self


class MediaField(_Model):
    """One place where media locations are."""

    select: Selector = Field(alias="from")
    role: str | None = None
    split: str | None = Field(None, description="separator, where one string holds several")
    item: Selector | None = Field(None, description="for a list of objects: the key that holds the location")
    role_item: str | None = Field(None, description="for a list of objects: the key that holds the role")
    prefix: str = Field("", description="folder below the media root that paths start from")
    downloads: str | None = Field(
        None, description="field that lists what the crawler has downloaded of them, as objects of url and path"
    )


class TextField(_Model):
    """A further text beside title and description."""

    select: Selector = Field(alias="from")
    role: str
    language: str | None = None
    lines: Annotated[str, AfterValidator(_language_lines)] | None = Field(
        None, description="lines of the form (?P<language>…)(?P<value>…)"
    )


class TableLayout(_Model):
    """For `format: csv`: how the file is written, where that is not to be found out."""

    encoding: Annotated[str, AfterValidator(_known_encoding)] | None = None
    delimiter: str | None = Field(
        default=None, min_length=1, description="of several characters: lines are split, not quoted"
    )
    columns: Annotated[tuple[str, ...], AfterValidator(_distinct)] = Field(
        default=(), description="names of the columns, where no line of the file holds them"
    )
    header: bool | None = Field(
        default=None, description="whether the first full line holds the names of the columns; default: found out"
    )


_OF_A_STEM = ("stem", "name", "folders", "title", "text", "image", "video", "audio")


class FolderParts(_Model):
    """For `format: folder`: which files around a stem make one product.

    A pattern is a file-name suffix: `.png`, `_desc_es.ogg`. The longest suffix that fits a file counts.
    """

    text: str | None = Field(None, description="suffix of the text file; its first line is the title")
    texts: dict[str, str] = Field(default_factory=dict, description="suffix of a further text file → field it becomes")
    image: dict[str, str] = Field(default_factory=dict, description="suffix → role")
    video: dict[str, str] = Field(default_factory=dict, description="suffix → role")
    audio: dict[str, str] = Field(default_factory=dict, description="suffix → role")

    @model_validator(mode="after")
    def _gives_texts_other_fields(self) -> FolderParts:
        if taken := sorted(set(_OF_A_STEM).intersection(self.texts.values())):
            raise ValueError(f"texts: the field '{taken[0]}' is there already; give the text a field of its own")
        return self


class Companion(_Model):
    """Files beside the records that add values to them by key.

    A CSV file adds its rows. Of any other file the row is its `path` below the root and its `name`: pictures that are
    called after their products.
    """

    files: Annotated[str, AfterValidator(_below_a_folder)] = Field(
        description="glob below the folder of the companion root"
    )
    key: str = Field(description="column of the companion that holds the record's key")
    find: Annotated[str, AfterValidator(_at_most_one_group)] | None = Field(
        None, description="regular expression whose group gives the keys in that column"
    )
    matches: Selector = Field(description="field of the record that the key is compared with")
    columns: dict[str, str] = Field(
        default_factory=dict, description="companion column → field it is appended to, as a list"
    )
    whole: str | None = Field(None, description="field that the first row of the key becomes, as an object")

    @model_validator(mode="after")
    def _adds_something(self) -> Companion:
        if not self.columns and self.whole is None:
            raise ValueError("it adds nothing; name 'columns' or 'whole'")
        return self


class Mapping(_Model):
    """A whole source mapping."""

    source: str = Field(description="name of the layout")
    about: str = ""
    license: Annotated[str, AfterValidator(licences.spdx)] | None = Field(
        None,
        description="SPDX id of the licence of the source's data, or several joined by AND, OR, WITH; "
        "one that has no id: LicenseRef-my-name",
    )
    homepage: Address | None = Field(None, description="page that tells about the source")
    terms: Address | None = Field(None, description="page with the source's terms of use")
    format: Literal["json_lines", "json", "csv", "parquet", "xml", "folder", "pages"]
    table: TableLayout | None = Field(None, description="for `format: csv`: what its first lines do not tell")
    record: str | None = Field(
        None,
        description="for `format: xml`: the element that is one record, else found out; for `format: json`: the member "
        "of one object that lists the records, or its path (`data.products`); for `format: json_lines`: that of every "
        "line",
    )
    unique_products: bool = Field(False, description="the source lists each product once")
    many_sellers: bool = Field(False, description="the source lists offers of many sellers, whom it does not name")
    language: str | None = Field(None, description="language of all texts and attributes that declare no other")
    decimal: Literal[",", "."] | None = Field(
        None,
        description="decimal sign of numbers and prices ('1.299' is 1299 under ','); default: that of the language",
    )
    detect: tuple[str, ...] = Field((), description="fields whose presence together recognises the layout")
    requires: tuple[str, ...] = Field(
        (), description="fields that a row fills if it is a product; other rows, which companions read, are rejects"
    )
    html: tuple[ProductField, ...] = Field((), description="product fields delivered as HTML")
    fields: dict[ProductField, Selector] = Field(default_factory=dict)
    constants: dict[Literal["currency", "seller", "brand", "condition", "availability"], str] = Field(
        default_factory=dict, description="values that hold for the whole source"
    )
    category: CategoryField | None = None
    attributes: tuple[AttributeField, ...] = ()
    texts: tuple[TextField, ...] = ()
    media: dict[Modality, tuple[MediaField, ...]] = Field(default_factory=dict)
    parts: FolderParts | None = None
    companions: tuple[Companion, ...] = ()

    @model_validator(mode="after")
    def _sellers_without_names(self) -> Mapping:
        if self.many_sellers and ("seller" in self.fields or "seller" in self.constants):
            raise ValueError("it names its sellers, so that 'many_sellers' says nothing; leave one of them out")
        if self.many_sellers and self.unique_products:
            raise ValueError("a source that lists each product once has no offers of 'many_sellers'; leave one out")
        return self

    @property
    def declared(self) -> Declared:
        """What it declares of the source."""
        told = {word: getattr(self, word) for word in DECLARED}
        return cast("Declared", {word: value for word, value in told.items() if value is not None})

    def reading(self) -> dict[str, Any]:
        """Whatever of it decides what is read; what is declared about the source does not."""
        # What was read before there was such a word is not read anew for it.
        unsaid = () if self.many_sellers else ("many_sellers",)
        return self.model_dump(mode="json", exclude={*DECLARED, *unsaid})


def load(name: str) -> Mapping:
    """A shipped mapping by name, or a mapping file by path.

    Raises:
        UsageError: there is none, or it is not valid; the message names the file, the field and what is wrong.
    """
    return documents.load(documents.locate("mapping", "schemas/sources", name), Mapping)


def known() -> dict[str, Mapping]:
    """All shipped mappings by name."""
    folder = resources.folder("schemas") / "sources"
    return {p.stem: load(p.stem) for p in sorted(folder.glob("*.yaml"))}
