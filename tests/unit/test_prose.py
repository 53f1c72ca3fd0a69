"""Prose is plain English: each phrase that makes a sentence hard to read is banned, with words to use instead."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]

SOURCES = (
    "*.md", "docs/**/*.md", "deploy/**/*.md", "deploy/**/*.yaml", "examples/**/*.md", "examples/**/*.yaml",
    "tests/**/*.md", "sidecar/**/*.py", "sidecar/**/*.c",
)  # fmt: skip
"""Globs of what is checked. Of Python and C the comments, docstrings and messages count as prose."""

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
    "so many": "the number of, at most",
    "(?:parser|sink|destination|driver|receiver|database|server)s? takes?": "accepts, stores",
    "(?:tells?|knows?|says) of": "reports, has",
    "mend(?:s|ed|ing)?": "fix",
    "in force": "in use",
    "(?:logs?|state|letters|files) lies?|may lie": "is",
    "than (?:it|one|they) may": "than the limit",
    "(?:is|are) there twice": "occurs twice",
    "(?:is|are|was|were|be) not there|not be there": "is missing, must be absent",
    "is spoken": "is supported",
    "through with": "has finished",
    "of (?:which|whom) there": "name the number",
    "comes? again": "is sent again",
    "also (?:if|when)": "even if",
    "verdicts?": "result",
    "more than nothing": "greater than 0",
    "no word of": "nothing of",
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

_C_CODE = re.compile(r"\A.*?(?=/\*|\Z)|(?<=\*/).*?(?=/\*|\Z)", re.DOTALL)

NOT_IMPERATIVE = frozenset(
    {
        "A",
        "All",
        "Also",
        "An",
        "As",
        "Each",
        "Every",
        "Here",
        "How",
        "It",
        "Its",
        "Itself",
        "Many",
        "More",
        "No",
        "Nobody",
        "None",
        "Nothing",
        "One",
        "Only",
        "Same",
        "Some",
        "Such",
        "That",
        "The",
        "There",
        "These",
        "They",
        "This",
        "Those",
        "What",
        "When",
        "Where",
        "Whether",
        "Which",
        "Who",
        "Whose",
        "Why",
    }
)
"""First words of a function's docstring that are no verb. `Return whether …` is right, `Whether …` is not."""

_THIRD_PERSON = re.compile(r"(?!(?:Pass|Process|Address|Compress|Press)\b)[A-Z][a-z]+s\b")
_PRONOUN_FIRST = re.compile(
    r"(?:It|Its|Those|These|One of|One more|All of|The one|The same|That|There may|What was)\b"
)

NOT_SWEPT: tuple[str, ...] = ()
"""Paths in which only the first `_FIRST_PHRASES` phrases are banned, until these files are rewritten."""

_FIRST_PHRASES = 16


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


def prose_of_c(text: str) -> str:
    """Return the comments, each on its line; code is left out."""
    return _C_CODE.sub(_blank, text)


def findings(prose: str, phrases: int = len(BANNED)) -> Iterator[Finding]:
    """Yield every banned phrase, even if a line break divides it."""
    prose = _ALLOWED.sub(_blank, prose)
    for pattern, phrase in islice(_BANNED.items(), phrases):
        for found in pattern.finditer(prose):
            yield Finding(prose.count("\n", 0, found.start()) + 1, " ".join(found[0].split()), BANNED[phrase])


def docstring_problems(page: str, text: str) -> Iterator[str]:
    """Yield the docstrings that begin with a pronoun, and those of functions that do not begin with an imperative."""
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", ())
        statements: list[ast.AST] = body if isinstance(body, list) else []
        for statement in statements:
            if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Constant):
                continue
            if not isinstance(statement.value.value, str):  # an ellipsis
                continue
            first = statement.value.value.strip()
            place = f"{page}:{statement.lineno}: {first[:60]!r}"
            if _PRONOUN_FIRST.match(first):
                yield f"{place} begins with a pronoun; name the thing"
            elif statement is statements[0] and is_function(node) and not is_imperative(first):
                yield f"{place} does not begin with an imperative; write for example: Return whether …"


def is_function(node: ast.AST) -> bool:
    """Return whether a node is a function or method, but not a property, which is documented like a field."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    return not any(name.endswith("property") for name in decorators)


def is_imperative(docstring: str) -> bool:
    word = re.match(r"\w+", docstring)
    return word is not None and word[0] not in NOT_IMPERATIVE and not _THIRD_PERSON.match(docstring)


_PROSE_OF = {".py": prose_of_python, ".c": prose_of_c}


def pages() -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for source in SOURCES for path in ROOT.glob(source))


@pytest.mark.parametrize("page", pages())
def test_a_page_holds_no_banned_phrase(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    prose = _PROSE_OF.get(Path(page).suffix, prose_of_markdown)(text)
    banned = sorted(findings(prose, _FIRST_PHRASES if page.startswith(NOT_SWEPT) else len(BANNED)))
    assert not [f"{page}:{line}: {phrase!r}; write: {instead}" for line, phrase, instead in banned]


@pytest.mark.parametrize(
    "page", [page for page in pages() if page.endswith(".py") and not page.startswith(NOT_SWEPT)]
)
def test_a_docstring_begins_with_a_verb_or_a_noun(page: str) -> None:
    assert page.startswith(NOT_SWEPT) or not list(docstring_problems(page, (ROOT / page).read_text(encoding="utf-8")))


def test_code_is_not_prose_and_a_phrase_may_span_lines() -> None:
    text = "It is sent unless\ntold. `behind` is a column.\n```\nnobody\n```\nIt runs behind a proxy.\n"
    assert [(found.line, found.phrase) for found in findings(prose_of_markdown(text))] == [(1, "unless told")]


def test_only_comments_of_c_are_prose() -> None:
    found = [
        (each.line, each.phrase) for each in findings(prose_of_c("int behind;\n/* nobody\n * stands */ at = anew;\n"))
    ]
    assert sorted(found) == [(2, "nobody"), (3, "stands")]


@pytest.mark.parametrize(
    "docstring",
    ["Whether it is open.", "What is left.", "Returns the size.", "It is read.", "Those that match.", "The same."],
)
def test_a_function_is_documented_by_what_it_does(docstring: str) -> None:
    text = f'def size():\n    """{docstring}"""\n'
    assert len(list(docstring_problems("size.py", text))) == 1


def test_a_property_and_a_class_are_documented_by_a_noun() -> None:
    text = 'class Size:\n    """Measures."""\n    @property\n    def size(self):\n        """The size."""\n'
    assert not list(docstring_problems("size.py", f'{text}\n    def add(self):\n        """Add one."""\n'))


def test_comments_and_docstrings_of_python_are_prose() -> None:
    text = 'def behind():  # nobody calls it\n    """Goes on."""\n    return "stands there"\n'
    found = {(each.line, each.phrase) for each in findings(prose_of_python(text))}
    assert found == {(1, "nobody"), (2, "Goes on"), (3, "stands")}
