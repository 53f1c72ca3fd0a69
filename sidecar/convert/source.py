"""Reads the file of another tool into sections that remember their lines, and which options were used.

Values never appear in messages, because any of them may be a secret.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from sidecar.config.yaml_file import describe_yaml_error
from sidecar.convert.variables import has_reference, translate
from sidecar.errors import ConfigurationError

MAX_FILE_BYTES = 1 << 20
_MAX_NODES, _MAX_DEPTH = 100_000, 100

Scalar = str | int | float | bool | None


class SourceNode:
    """A value with its place: a scalar, a list of nodes, or a `Section`.

    `text`: the scalar as it is written, with references in the syntax of the sidecar.
    """

    __slots__ = ("file", "line", "text", "value")

    def __init__(self, value: Scalar | list[SourceNode] | Section, text: str, file: str, line: int) -> None:
        self.value, self.text, self.file, self.line = value, text, file, line

    @property
    def place(self) -> str:
        """The file and line."""
        return f"{self.file}:{self.line}"

    @property
    def is_scalar(self) -> bool:
        """Whether this is a text, number or flag."""
        return not isinstance(self.value, list | Section | None)

    def to_plain(self) -> Any:
        """Return the value without places: texts, numbers, flags, lists and mappings."""
        if isinstance(self.value, list):
            return [item.to_plain() for item in self.value]
        if isinstance(self.value, Section):
            return {name: node.to_plain() for name, node in self.value.items()}
        return self.text if isinstance(self.value, str) else self.value


class UnusedOption(NamedTuple):
    """An option that nothing read, or that has another type than expected."""

    path: str
    """Names that lead to it, with dots."""

    place: str
    """File and line."""

    name: str
    """Last part of the path."""

    is_variable: bool
    """Whether a variable decides its value."""

    is_mistyped: bool
    """Whether the option is known, but has another type than expected."""


class Section:
    """A mapping of options. It records which options were used, so that the others can be reported.

    A method that finds another type than it expects returns its default; the option then counts as not used.
    """

    def __init__(self, nodes: Mapping[str, SourceNode], file: str, line: int) -> None:
        self._nodes = dict(nodes)
        self._used: set[str] = set()
        self._mistyped: set[str] = set()
        self._opened: set[str] = set()
        self.file, self.line = file, line

    def __contains__(self, name: str) -> bool:
        return name in self._nodes

    def __bool__(self) -> bool:
        return bool(self._nodes)

    def names(self) -> list[str]:
        """Return the names of all options."""
        return list(self._nodes)

    def items(self) -> Iterator[tuple[str, SourceNode]]:
        """Yield all options, without marking them as used."""
        yield from self._nodes.items()

    @property
    def place(self) -> str:
        """The file and line."""
        return f"{self.file}:{self.line}"

    def place_of(self, name: str) -> str:
        """Return the file and line of an option, or of the section if it has no such option."""
        node = self._nodes.get(name)
        return node.place if node else self.place

    def use(self, *names: str) -> None:
        """Mark options as used."""
        self._used.update(names)

    def skip(self) -> None:
        """Mark all options as used, with everything below them."""
        self._used.update(self._nodes)
        self._opened.clear()

    def node(self, name: str) -> SourceNode | None:
        """Return the value of an option, of any type."""
        if name in self._nodes:
            self._used.add(name)
        return self._nodes.get(name)

    def text(self, name: str, default: str = "") -> str:
        """Return a scalar as text."""
        node = self._nodes.get(name)
        if node is None or not node.is_scalar:
            self._mistyped.add(name)
            return default
        self._used.add(name)
        return node.text

    def word(self, name: str, default: str = "") -> str:
        """Return a text in lower case, for options with fixed choices."""
        return self.text(name, default).strip().lower()

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a flag. `on` and `off` and similar words are accepted, because the tools do."""
        node = self._nodes.get(name)
        if node is None:
            return default
        word = str(node.value).strip().lower() if node.is_scalar else ""
        if word not in ("true", "false", "yes", "no", "on", "off", "1", "0"):
            self._mistyped.add(name)
            return default
        self._used.add(name)
        return word in ("true", "yes", "on", "1")

    def number(self, name: str) -> int | float | None:
        """Return a finite number."""
        node = self._nodes.get(name)
        try:
            number = float(node.text) if node and node.is_scalar and not isinstance(node.value, bool) else math.inf
        except ValueError:
            number = math.inf
        if not math.isfinite(number):
            self._mistyped.add(name)
            return None
        self._used.add(name)
        return int(number) if number.is_integer() else number

    def texts(self, name: str, separator: str = "") -> list[str]:
        """Return a list of scalars as texts. A scalar is a list of one, or is split at the separator."""
        node = self._nodes.get(name)
        if node is None:
            return []
        items = node.value if isinstance(node.value, list) else [node]
        if not all(item.is_scalar for item in items):
            self._mistyped.add(name)
            return []
        self._used.add(name)
        texts = [item.text for item in items]
        if separator:
            texts = [part.strip() for text in texts for part in text.split(separator)]
        return [text for text in texts if text]

    def section(self, name: str) -> Section:
        """Return a mapping; an empty one if there is none."""
        node = self._nodes.get(name)
        if node is None or not isinstance(node.value, Section):
            self._mistyped.add(name)
            return Section({}, self.file, node.line if node else self.line)
        self._used.add(name)
        self._opened.add(name)
        return node.value

    def sections(self, name: str) -> list[Section]:
        """Return the mappings in a list, or a single mapping as a list of one."""
        node = self._nodes.get(name)
        items = node.value if node is not None and isinstance(node.value, list) else [node] if node else []
        sections = [item.value for item in items if isinstance(item.value, Section)]
        if sections and len(sections) == len(items):
            self._used.add(name)
            self._opened.add(name)
        else:
            self._mistyped.add(name)
        return sections

    def unused(self, prefix: str = "") -> Iterator[UnusedOption]:
        """Yield each option that was not used, and mark it as used."""
        for name, node in self._nodes.items():
            if name not in self._used:
                if node.value is not None:
                    yield UnusedOption(
                        f"{prefix}{name}", node.place, name, has_reference(node.text), name in self._mistyped
                    )
                self._used.add(name)
                continue
            if name in self._opened:
                yield from _unused_below(node, f"{prefix}{name}")


def _unused_below(node: SourceNode, prefix: str) -> Iterator[UnusedOption]:
    if isinstance(node.value, Section):
        yield from node.value.unused(f"{prefix}.")
    elif isinstance(node.value, list):
        for index, child in enumerate(node.value):
            if isinstance(child.value, Section):
                yield from child.value.unused(f"{prefix}.{index}.")


def read_text(path: Path) -> str:
    """Return the text of a file. Raise `ConfigurationError` if it cannot be read, or is no text."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name is invalid"
        raise ConfigurationError(
            f"cannot be read ({reason})", location=str(path), hint="pass the configuration of the other tool"
        ) from error
    return decode(data, str(path))


def decode(data: bytes, name: str) -> str:
    """Return the data as text without a byte order mark. Raise `ConfigurationError` if it is no text."""
    if len(data) > MAX_FILE_BYTES:
        raise ConfigurationError("is larger than 1 MiB, so it is no configuration", location=name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError("is not UTF-8 text", location=f"{name}:{line}", hint="save it as UTF-8") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigurationError("contains a NUL character, so it is no text", location=f"{name}:{line}")
    return text


def read_yaml(text: str, file: str, syntax: str, *, dotted: bool = False) -> SourceNode:
    """Return the root of a YAML document. `dotted`: a dot in a name separates nested names.

    Raise `ConfigurationError` with the line if it is not valid.
    """
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            raise ConfigurationError("is empty", location=file, hint="pass the configuration of the other tool")
        return _YamlReader(loader, file, syntax, dotted=dotted).convert(root, 0)
    except (yaml.YAMLError, ValueError, AttributeError, RecursionError) as error:
        problem = describe_yaml_error(Path(file), error, text)
        raise ConfigurationError("the file cannot be read", problems=(problem,)) from error


class _YamlReader:
    """Converts the nodes of PyYAML."""

    def __init__(self, loader: yaml.SafeLoader, file: str, syntax: str, *, dotted: bool) -> None:
        self._loader, self._file, self._syntax, self._dotted = loader, file, syntax, dotted
        self._count = 0

    def convert(self, node: yaml.Node, depth: int) -> SourceNode:
        line = node.start_mark.line + 1
        self._count += 1
        if self._count > _MAX_NODES or depth > _MAX_DEPTH:
            raise ConfigurationError(
                "is nested too deeply, or repeats aliases too often", location=f"{self._file}:{line}"
            )
        if isinstance(node, yaml.MappingNode):
            return SourceNode(self._convert_mapping(node, depth), "", self._file, line)
        if isinstance(node, yaml.SequenceNode):
            return SourceNode([self.convert(item, depth + 1) for item in node.value], "", self._file, line)
        return self._convert_scalar(node, line)

    def _convert_scalar(self, node: yaml.Node, line: int) -> SourceNode:
        value: Scalar = node.value
        kind = node.tag.rpartition(":")[2]
        if kind in ("null", "bool", "int", "float") and "$" not in node.value:
            value = self._loader.construct_object(node)
        text = translate(node.value, self._syntax)
        return SourceNode(text if isinstance(value, str) else value, text, self._file, line)

    def _convert_mapping(self, node: yaml.MappingNode, depth: int) -> Section:
        self._refuse_repeated_names(node)
        self._loader.flatten_mapping(node)
        tree: dict[str, Any] = {}
        for key, child in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigurationError(
                    "a list or mapping cannot be a name", location=f"{self._file}:{key.start_mark.line + 1}",
                    hint="put a text in brackets or braces into quotes",
                )  # fmt: skip
            names = [part for part in key.value.split(".") if part] if self._dotted else []
            value = self.convert(child, depth + 1)
            value.line = key.start_mark.line + 1
            self._insert(tree, names or [key.value], value)
        return Section(tree, self._file, node.start_mark.line + 1)

    def _refuse_repeated_names(self, node: yaml.MappingNode) -> None:
        """Raise an error if two options have the same name, because one of them would be lost."""
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in lines:
                raise ConfigurationError(
                    f'the name "{key.value}" occurs twice, first in line {lines[key.value]}',
                    location=f"{self._file}:{line}", hint="remove one, or merge the two",
                )  # fmt: skip
            lines[key.value] = line

    def _insert(self, tree: dict[str, SourceNode], names: list[str], value: SourceNode) -> None:
        """Add a value under its names, and merge mappings: `a.b: 1` and `a: {c: 2}` are one mapping."""
        first, *rest = names
        if len(names) > _MAX_DEPTH:
            raise ConfigurationError("a name has too many dots", location=value.place)
        if rest:
            inner: dict[str, SourceNode] = {}
            self._insert(inner, rest, value)
            value = SourceNode(Section(inner, self._file, value.line), "", self._file, value.line)
        existing = tree.get(first)
        if existing and isinstance(existing.value, Section) and isinstance(value.value, Section):
            for name, node in value.value.items():
                self._insert(existing.value._nodes, [name], node)
        else:
            tree[first] = value


_TOML_HEADER = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_TOML_KEY = re.compile(r"\s*([A-Za-z0-9_.\"'-]+)\s*=")


def read_toml(text: str, file: str, syntax: str) -> SourceNode:
    """Return the root of a TOML document. Raise `ConfigurationError` with the line if it is not valid."""
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        # The message of the parser is not used, because it may quote a value.
        at = re.search(r"at line (\d+)", str(error))
        place = f"{file}:{at[1]}" if at else f"{file}:{text.count(chr(10)) + 1}"
        raise ConfigurationError(
            "this is not valid TOML", location=place, hint="check quotes, brackets and repeated names"
        ) from error
    return _from_toml(data, (), file, _toml_lines(text), syntax)


def _toml_lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line of each table and key, by their names. Lines within long texts do not count."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    is_in_text = False
    for number, line in enumerate(text.split("\n"), 1):
        if not is_in_text:
            if header := _TOML_HEADER.fullmatch(line):
                table = _toml_names(header[1])
                lines.setdefault(table, number)
            elif key := _TOML_KEY.match(line):
                lines.setdefault((*table, *_toml_names(key[1])), number)
        if (line.count('"""') + line.count("'''")) % 2:
            is_in_text = not is_in_text
    return lines


def _toml_names(text: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in text.split("."))


def _from_toml(
    value: Any, key: tuple[str, ...], file: str, lines: Mapping[tuple[str, ...], int], syntax: str
) -> SourceNode:
    known = next((key[:size] for size in range(len(key), 0, -1) if key[:size] in lines), ())
    line = lines.get(known, 1)
    if len(key) > _MAX_DEPTH:
        raise ConfigurationError("is nested too deeply", location=f"{file}:{line}")
    if isinstance(value, dict):
        nodes = {name: _from_toml(child, (*key, name), file, lines, syntax) for name, child in value.items()}
        return SourceNode(Section(nodes, file, line), "", file, line)
    if isinstance(value, list):
        return SourceNode([_from_toml(child, key, file, lines, syntax) for child in value], "", file, line)
    if isinstance(value, bool):
        return SourceNode(value, str(value).lower(), file, line)
    text = translate(str(value), syntax)
    return SourceNode(text if not isinstance(value, int | float) else value, text, file, line)
