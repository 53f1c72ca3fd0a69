"""Prose is plain English: each phrase that makes a sentence hard to read is banned, with words to use instead."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]

SOURCES = ("*.md", "docs/**/*.md", "deploy/**/*.md", "examples/**/*.md", "tests/**/*.md", "sidecar/**/*.py")
"""Globs of what is checked. Comments, docstrings and messages of Python files count as prose."""

BANNED = {
    "at a stroke": "in one pass",
    "unless (?:it is |they are )?told": "by default",
    "(?:is|are|was|were|be) (?:told|said)": "is reported, is logged",
    "stands?": "is",
    "behind": "after, lag",
    "beside": "next to, alongside",
    "round": "around",
    "be had": "is available",
    "at hand": "is available",
    "anew": "again",
    "nobody|somebody|whoever": "name the actor",
    "of ours": "the sidecar's",
    "of (?:its|their) own": "a separate, custom",
    "goes on|go on": "continues",
    "takes nothing": "is unavailable, rejects all documents",
    "what has to go": "what is redacted",
    "put in the place of": "replaces",
    "so many of": "the number of",
}
"""Phrase (a regular expression) → what to write instead."""

ALLOWED = (
    "stand-in",
    "left behind",
    "looks behind",
    "furthest behind",
    "behind a proxy",
    "behind a load balancer",
    "round trip",
    "round trips",
    "rule of thumb",
)
"""Where a banned word is the word of the field."""

_BANNED = {re.compile(rf"\b(?:{phrase.replace(' ', chr(92) + 's+')})\b", re.IGNORECASE): phrase for phrase in BANNED}
_ALLOWED = re.compile("|".join(rf"\b{phrase.replace(' ', chr(92) + 's+')}\b" for phrase in ALLOWED), re.IGNORECASE)

# What is not prose in Markdown: generated tables (checked at their source), code blocks, inline code, link targets.
_NOT_PROSE = re.compile(
    r"<!-- generated: .*?<!-- end -->|^[ ]*```.*?^[ ]*```|`[^`\n]*(?:\n[^`\n]+)?`|\]\([^)\s]*\)",
    re.DOTALL | re.MULTILINE,
)


class Finding(NamedTuple):
    line: int
    phrase: str
    instead: str


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])


def prose_of_markdown(text: str) -> str:
    """Return the text with everything but prose as blanks, so that lines keep their numbers."""
    return _NOT_PROSE.sub(_blank, text)


def prose_of_python(text: str) -> str:
    """Return comments and string literals, each on its line; code is left out."""
    lines = [""] * (text.count("\n") + 2)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            lines[token.start[0]] += token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            for offset, line in enumerate(prose_of_markdown(node.value).split("\n")):
                lines[min(node.lineno + offset, len(lines) - 1)] += f" {line}"
    return "\n".join(lines[1:])


def findings(prose: str) -> Iterator[Finding]:
    """Return every banned phrase, also one that a line break divides."""
    prose = _ALLOWED.sub(_blank, prose)
    for pattern, phrase in _BANNED.items():
        for found in pattern.finditer(prose):
            yield Finding(prose.count("\n", 0, found.start()) + 1, " ".join(found[0].split()), BANNED[phrase])


def pages() -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for source in SOURCES for path in ROOT.glob(source))


@pytest.mark.parametrize("page", pages())
def test_a_page_holds_no_banned_phrase(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    prose = prose_of_python(text) if page.endswith(".py") else prose_of_markdown(text)
    assert not [f"{page}:{line}: {phrase!r}; write: {instead}" for line, phrase, instead in sorted(findings(prose))]


def test_code_is_not_prose_and_a_phrase_may_span_lines() -> None:
    text = "It is sent unless\ntold. `behind` is a column.\n```\nnobody\n```\nIt runs behind a proxy.\n"
    assert [(found.line, found.phrase) for found in findings(prose_of_markdown(text))] == [(1, "unless told")]


def test_comments_and_docstrings_of_python_are_prose() -> None:
    text = 'def behind():  # nobody calls it\n    """Goes on."""\n    return "stands there"\n'
    found = {(each.line, each.phrase) for each in findings(prose_of_python(text))}
    assert found == {(1, "nobody"), (2, "Goes on"), (3, "stands")}
