"""Reads a YAML file strictly, replaces the variables in it, and records the line of each key."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sidecar.config.variables import replace_variables

_MERGE_TAG = "tag:yaml.org,2002:merge"
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")

Key = tuple[str | int, ...]
"""Names and list indexes that lead to a value."""


@dataclass(frozen=True, slots=True)
class YamlFile:
    """The content of a YAML file: its mapping, the line of each key, and its problems."""

    path: Path
    """Path of the file."""

    data: dict[str, Any] = field(default_factory=dict)
    """The mapping in the file; empty if the file cannot be used."""

    lines: dict[Key, int] = field(default_factory=dict)
    """Line numbers, from 1, by key."""

    problems: tuple[str, ...] = ()
    """Why the file cannot be used, each with the file and line."""

    def line_of(self, key: Key) -> int:
        """Return the line of the key, or of the nearest key above it."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)


def read_yaml_file(path: Path, environ: Mapping[str, str]) -> YamlFile:
    """Return the content of a YAML file, or the problems with it. A problem never quotes a value."""
    problems: list[str] = []
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        loader = _Loader(text)
        node = loader.get_single_node()
        for line, problem in _replace_variables(node, environ, set()):
            problems.append(f"{path}:{line}: {problem}")
        data = None if node is None else loader.construct_document(node)
    except OSError as error:
        problems.append(f"{path}: cannot be read ({error.strerror}); pass another file with --config")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problems.append(f"{path}:{line}: is not UTF-8 text; save it as UTF-8")
    except (yaml.YAMLError, ValueError, AttributeError, RecursionError) as error:
        problems.append(describe_yaml_error(path, error, text))
    else:
        if data is not None and not isinstance(data, dict):
            problems.append(f"{path}: must be a mapping of names to values, such as `sinks:`")
    if problems:
        return YamlFile(path, problems=tuple(problems))
    lines: dict[Key, int] = {}
    _record_lines(node, (), lines, set())
    return YamlFile(path, {str(name): value for name, value in (data or {}).items()}, lines)


def _replace_variables(
    node: yaml.Node | None, environ: Mapping[str, str], seen: set[int]
) -> Iterator[tuple[int, str]]:
    """Replace the variables in the texts below the node. Yield the line and the problem of each wrong text.

    Each node is visited once, because aliases can repeat it. Keys are not searched.
    """
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for _, child in node.value:
            yield from _replace_variables(child, environ, seen)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _replace_variables(child, environ, seen)
    elif isinstance(node, yaml.ScalarNode) and "$" in node.value:
        try:
            node.value = replace_variables(node.value, environ)
        except ValueError as error:
            yield node.start_mark.line + 1, str(error)


class _Loader(yaml.SafeLoader):
    """A safe YAML loader that rejects repeated keys, and accepts surrogate pairs in escapes, as in JSON.

    It reads plain scalars by YAML 1.2, as editors do: `no`, `1:30`, `0644` and `2026-11-28` are not a boolean, a
    number to the base 60 or 8, and a date.
    """

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - as the base class declares it

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        value = super().construct_scalar(node)
        return _SURROGATES.sub(_join_surrogates, value) if isinstance(value, str) else value


def _join_surrogates(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16-be", "surrogatepass").decode("utf-16-be")


class _KeyProblem(yaml.constructor.ConstructorError):
    """An error about a key. Its text is written by the sidecar and may be shown, unlike the messages of PyYAML."""


def _construct_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if key_node.tag == _MERGE_TAG:
            continue
        key = loader.construct_object(key_node)
        if not isinstance(key, Hashable):
            raise _KeyProblem(None, None, "a list or mapping cannot be a key", key_node.start_mark)
        if not isinstance(key, str):
            raise _KeyProblem(
                None, None, f"the name {key_node.value} is not text; put it into quotes", key_node.start_mark
            )
        if key in seen:
            raise _KeyProblem(None, None, f'the key "{key}" occurs twice; remove one', key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


_SCALARS = {
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    "null": r"null|Null|NULL|~|",
    "merge": "<<",
}
"""The core schema of YAML 1.2, and merge keys."""

for _name, _pattern in _SCALARS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(rf"(?:{_pattern})\Z"), None)
_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)


def _record_lines(node: yaml.Node | None, key: Key, lines: dict[Key, int], seen: set[int]) -> None:
    """Record the line of every key below the node.

    Each node is visited once, because aliases can repeat it forever.
    """
    if id(node) in seen:
        return
    seen.add(id(node))
    children: list[tuple[str | int, yaml.Node, yaml.Node]]
    if isinstance(node, yaml.MappingNode):
        children = [(str(name.value), name, value) for name, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        children = [(index, value, value) for index, value in enumerate(node.value)]
    else:
        return
    for part, key_node, value in children:
        lines[*key, part] = key_node.start_mark.line + 1
        _record_lines(value, (*key, part), lines, seen)


_QUOTE = "put the text into quotes"
_PROBLEMS = (
    ("mapping values are not allowed", f"a colon is not expected here; check the indentation, or {_QUOTE}"),
    (r"found character '\\t'|found a tab", "a tab is used for the indentation or after a colon; use spaces"),
    ("found character '", f"a text begins with a character that YAML reserves, such as %, @ or `; {_QUOTE}"),
    ("expected alphabetic or numeric character", f"a text begins with * or &, which YAML reserves; {_QUOTE}"),
    ("found undefined alias", f"a text begins with *, which refers to an anchor that does not exist; {_QUOTE}"),
    ("found duplicate anchor", "the same anchor (&) occurs twice; rename one"),
    ("could not determine a constructor", f"a text begins with !, which YAML reserves for types; {_QUOTE}"),
    ("could not find expected ':'", "a line does not have the format `name: value`; check colon and indentation"),
    (r"expected ',' or '\]'", "a list that begins with [ has no comma or no closing ]"),
    ("expected ',' or '}'", "a mapping that begins with { has no comma or no closing }"),
    ("expected the node content", "a value or a closing bracket is missing"),
    (r"expected <block end>, but found '[\]\[,{}]'", f"a value is followed by more; check the brackets, or {_QUOTE}"),
    ("for merging", "<< needs a mapping, or the alias of one"),
    ("recursive", "an anchor contains its own alias (*); remove it"),
    ("incompatible YAML document", "the file is written for another version of YAML; remove the line with %YAML"),
    ("expected <block end>", "the indentation does not match the lines above"),
    ("did not find expected", "the indentation does not match the lines above"),
    ("found unexpected end of stream", "a quote is not closed"),
    ("found unexpected document separator", "a quote is not closed before the line with ---"),
    ("found unknown escape character", "a backslash in double quotes begins an escape; use single quotes"),
    ("expected escape sequence", "a backslash in double quotes begins an escape; use single quotes"),
    ("but found another document", "the file has more than one document; keep only the part above the line with ---"),
    ("sequence entries are not allowed", "a list begins on the line of its name; write the - on the next line"),
)

_UNKNOWN_PROBLEM = "this is not valid YAML; check indentation, quotes and brackets"


def describe_yaml_error(path: Path, error: Exception, text: str) -> str:
    """Return the problem and its line. The message of PyYAML is not used, because it may quote a password."""
    if isinstance(error, yaml.MarkedYAMLError):
        message = f"{error.problem} {error.context}"
        known = (sentence for pattern, sentence in _PROBLEMS if re.search(pattern, message))
        cause = error.problem if isinstance(error, _KeyProblem) else next(known, _UNKNOWN_PROBLEM)
        # PyYAML reports a missing quote or bracket at the end of the file. Show the line where the text begins.
        is_unclosed = "no closing" in str(cause) or "not closed" in str(cause)
        mark = (error.context_mark if is_unclosed else None) or error.problem_mark or error.context_mark
        return f"{path}:{mark.line + 1}: {cause}" if mark else f"{path}: {cause}"
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"{path}:{line}: contains a character that YAML does not allow (U+{error.character:04X}); remove it"
    if isinstance(error, RecursionError):
        return f"{path}: is nested too deeply; use at most a few hundred levels"
    return f"{path}: contains a date or number that does not exist; put it into quotes"
