"""`DATASHEET.md`: the questions of *Datasheets for Datasets*, answered as far as the dataset itself knows.

Gebru, Morgenstern, Vecchione, Wortman Vaughan, Wallach, Daumé III, Crawford: Communications of the ACM 64(12), 2021.
The questions are told in short. What is known is written between two comments and anew each time; what people write
below stays, under whichever question it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from m5tools.errors import UsageError
from m5tools.shards import passages
from m5tools.shards.facts import Facts
from m5tools.shards.inert import Row, code, shown, table
from m5tools.shards.lineage import FetchFacts, Lineage
from m5tools.shards.manifest import CROISSANT, DATASHEET, ShardManifest

OPEN: Final = "*To be answered by whoever publishes this.*"
_KNOWN: Final = "<!-- known: written anew by `m5 papers` -->"
_END: Final = "<!-- end of what is known -->"
_ROWS: Final = ("rows", "new", "updated", "unchanged", "rejects")
_TITLE: Final = f"""\
# Datasheet

After *Datasheets for Datasets* (Gebru et al., Communications of the ACM 64(12), 2021). m5tools has filled in what the
dataset knows of itself; `m5 papers` brings that up to date and leaves what you write below it. Questions that only
people can answer say: {OPEN}
"""

QUESTIONS: Final[dict[str, tuple[str, ...]]] = {
    "Motivation": (
        "For what purpose was the dataset created?",
        "Who created it, and on behalf of whom?",
        "Who paid for it?",
    ),
    "Composition": (
        "What do the instances represent?",
        "How many instances are there?",
        "Is it everything, or a sample of a larger set?",
        "What data does each instance consist of?",
        "Is there a label or target?",
        "Is any information missing from instances?",
        "Are relations between instances made explicit?",
        "Are there recommended splits?",
        "Are there errors, noise or redundancies?",
        "Is it self-contained, or does it rely on outside resources?",
        "Does it contain confidential data?",
        "Does it contain data that may offend, insult or threaten?",
        "Does it relate to people: can they be identified, are groups or sensitive facts told?",
    ),
    "Collection process": (
        "How was the data acquired?",
        "By which mechanisms was it collected, and how were these validated?",
        "If it is a sample, how was it drawn?",
        "Who was involved in the collection, and how were they paid?",
        "Over what time was it collected?",
        "Was there an ethical review?",
        "Were the people concerned told, and did they consent?",
        "Has the effect on the people concerned been analysed?",
    ),
    "Preprocessing, cleaning, labelling": (
        "What was done to the data?",
        "Is the raw data kept?",
        "Is the software available?",
    ),
    "Uses": (
        "What has it been used for, and who tells so?",
        "What else could it be used for?",
        "Does its making limit future uses?",
        "What should it not be used for?",
    ),
    "Distribution": (
        "Who will receive it, how and when?",
        "Under which licence or terms of use?",
        "Have third parties imposed restrictions?",
        "Do export controls or other rules apply?",
    ),
    "Maintenance": (
        "Who maintains it, and how can they be reached?",
        "Is there an erratum?",
        "Will it be updated, and how will that be told?",
        "Are there limits to how long data about people may be kept?",
        "Will older versions stay available?",
        "Can others extend it?",
    ),
}
_HEADINGS: Final = frozenset(
    line for section, questions in QUESTIONS.items() for line in (f"## {section}", *(f"### {q}" for q in questions))
)


def text(manifest: ShardManifest, facts: Facts, lineage: Lineage | None, answers: dict[str, str]) -> str:
    """The datasheet.

    Args:
        manifest, facts, lineage: as for the card.
        answers: what people wrote, by question.
    """
    known = dict(_known(manifest, facts, lineage))
    lines = [_TITLE]
    for section, questions in QUESTIONS.items():
        lines += [f"## {section}", ""]
        for question in questions:
            lines += [f"### {question}", ""]
            if question in known:
                lines += [_KNOWN, "", known[question], "", _END, ""]
            if answers.get(question):
                lines += [answers[question], ""]
            elif question not in known:
                lines += [OPEN, ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def answers_in(folder: Path) -> dict[str, str]:
    """What people wrote into the datasheet that stands, by question; nothing where there is none.

    Raises:
        UsageError: it is not UTF-8, so their answers would be lost.
    """
    path = folder / DATASHEET
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8, so your answers in it cannot be kept; save it as UTF-8") from error
    written: dict[str, list[str]] = {}
    question, inside = "", False
    for line in lines:
        if line in _HEADINGS:
            question, inside = line.removeprefix("### "), False
        elif line == _KNOWN:
            inside = True
        elif line == _END:
            inside = False
        elif not inside and line != OPEN:
            written.setdefault(question, []).append(line)
    asked = {question for questions in QUESTIONS.values() for question in questions}
    found = {question: "\n".join(body).strip("\n") for question, body in written.items() if question in asked}
    return {question: answer for question, answer in found.items() if answer.strip()}


def left_open(sheet: str) -> int:
    """How many questions of a datasheet nobody has answered."""
    return sheet.splitlines().count(OPEN)


def _known(manifest: ShardManifest, facts: Facts, lineage: Lineage | None) -> Iterator[tuple[str, str]]:
    """Question and answer, of all that the dataset knows."""
    yield (
        "What do the instances represent?",
        "A sample is one product as a source lists it (an offer), with what of picture, text, attribute table, clip "
        "and sound the source gives.",
    )
    yield "How many instances are there?", "\n".join(passages.splits(manifest.in_order, facts))
    yield "Is it everything, or a sample of a larger set?", _selection(manifest, lineage)
    yield (
        "What data does each instance consist of?",
        "One JSON (identifiers, title, description, price, category path, attributes, further texts) and media files; "
        f"`README.md` lists the members, `{CROISSANT}` the columns of the index.",
    )
    yield (
        "Is there a label or target?",
        "\n".join(("The category path as the sources give it.", "", *passages.tail(facts))),
    )
    yield (
        "Is any information missing from instances?",
        "\n".join(
            (
                "Yes. The index tells state and reason of each modality of each sample; samples of all splits:",
                "",
                *passages.missing(facts),
            )
        ),
    )
    yield (
        "Are relations between instances made explicit?",
        "Samples with the same `cluster` in the index were found to be other offers of one product; `group_id` in the "
        "JSON is the source's own grouping of variants.",
    )
    yield (
        "Are there recommended splits?",
        f"{', '.join(manifest.in_order) or 'None'}. Products found to be the same or variants lie in one split. "
        "Columns `coarse`, `fine` and `classification` give the parts in the tasks (query, gallery, distractor; train, "
        "test).",
    )
    yield "Are there errors, noise or redundancies?", "\n".join(_noise(facts))
    yield (
        "Is it self-contained, or does it rely on outside resources?",
        "Self-contained: all media are in the tars. Addresses in the JSON (`url`) lead to the pages that products came "
        "from, which may change or vanish.",
    )
    if lineage is not None:
        yield "How was the data acquired?", "\n".join(passages.sources(lineage))
        yield "By which mechanisms was it collected, and how were these validated?", "\n".join(_mechanisms(lineage))
        yield "Over what time was it collected?", "\n".join(_time(lineage))
        yield "What was done to the data?", "\n".join(passages.stages(lineage))
        yield (
            "Under which licence or terms of use?",
            "That of the dataset as a whole is for its publisher to say. The sources are under:\n\n"
            + "\n".join(f"- {shown(source.source)}: {passages.licence_words(source)}" for source in lineage.sources),
        )
    yield (
        "Is the software available?",
        "m5tools; settings and versions of its stages stand under *What was done to the data?* and in `lineage.json`.",
    )


def _selection(manifest: ShardManifest, lineage: Lineage | None) -> str:
    cut = shown(str(manifest.config.get("cut", "")))
    said = f"The products that the cut *{cut}* selects from all that were ingested."
    limits = [shown(s.entry) for s in lineage.stages if "limit" in s.settings] if lineage else []
    return said + (f" Only a sample, drawn by seed, was ingested by {', '.join(limits)}." if limits else "")


def _noise(facts: Facts) -> Iterator[str]:
    yield "Tags name what measuring found; the cut may have withheld what they mark. Samples with each tag:"
    yield ""
    rows = [(code(tag), count) for tag, count in sorted(facts.tags.items(), key=lambda item: (-item[1], item[0]))]
    yield from table(("tag", "samples"), rows) if rows else ("None has one.",)


def _mechanisms(lineage: Lineage) -> Iterator[str]:
    rows: list[Row] = [
        [shown(source.source), shown(crawl.crawl_id), shown(crawl.mapping), *(crawl.counts.get(w, 0) for w in _ROWS)]
        for source in lineage.sources
        for crawl in source.crawls
    ]
    yield "Each crawl was delivered as files and read by a mapping of its fields:"
    yield ""
    yield from table(("source", "crawl", "mapping", *_ROWS), rows)
    if lineage.fetch is not None:
        yield ""
        yield from _fetched(lineage.fetch)


def _fetched(fetch: FetchFacts) -> Iterator[str]:
    if fetch.asked:
        yield (
            f"Media: {fetch.asked:,} URLs were asked. Each site's robots.txt was read first and obeyed (RFC 9309); "
            f"{fetch.blocked_by_robots:,} URLs were not asked for because it forbids it."
        )
    else:
        yield "Media came with the crawls as files; no URL was asked, so no robots.txt applied."
    yield ""
    yield from table(("listed media", "locations"), [(code(state), n) for state, n in sorted(fetch.locations.items())])


def _time(lineage: Lineage) -> Iterator[str]:
    for source in lineage.sources:
        yield f"- {shown(source.source)}: {passages.days(source)}"
