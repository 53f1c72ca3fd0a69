"""Reads the files of a Fluent Bit configuration, classic or YAML, with includes and the file of parsers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sidecar.convert.kinds import SourceFile
from sidecar.convert.model import Conversion
from sidecar.convert.secrets import find_credentials, names_secret
from sidecar.convert.source import Section, SourceNode, read_text, read_yaml
from sidecar.convert.variables import escape, translate
from sidecar.errors import ConfigurationError

_SECTION = re.compile(r"\[([A-Za-z_]+)\]")
_MAX_INCLUDES = 50
_LISTS = {"inputs": "input", "filters": "filter", "outputs": "output"}
_SECTIONS = {"env", "includes", "service", "parsers", "multiline_parsers", "pipeline"}


@dataclass
class Files:
    """The sections of all files, by their kind in lower case."""

    conversion: Conversion
    """Receives remarks about files that are missing."""

    directory: Path
    """Directory of the first file, to which the names of other files are relative."""

    sections: dict[str, list[Section]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    """Values of `@SET` and `env`, by name."""

    included: set[Path] = field(default_factory=set)
    """Files that were read."""

    def of(self, kind: str) -> list[Section]:
        """Return the sections of a kind: `input`, `filter`, `output`, `service`, `parser` or `multiline_parser`."""
        return self.sections.get(kind, [])

    def read(self, source: SourceFile) -> None:
        """Add the sections of a file, and of the files that it includes."""
        if source.is_classic:
            _ClassicReader(self, source).read()
        else:
            self._read_yaml(source)

    def include(self, pattern: str, place: str, what: str) -> None:
        """Read the files that match a pattern. A file that is missing is a remark."""
        paths = list(self._find(pattern))
        if not paths:
            self.conversion.leave_out(place, what, "the file is not next to this one, or cannot be read")
        for path in paths:
            if path in self.included or len(self.included) >= _MAX_INCLUDES:
                continue
            self.included.add(path)
            self.read(SourceFile(path, read_text(path)))

    def _find(self, pattern: str) -> Iterator[Path]:
        """Yield the files of a name or glob; an absolute name may also be next to the first file."""
        try:
            for candidate in (pattern, Path(pattern).name):
                path = self.directory / candidate
                found = sorted(path.parent.glob(path.name)) if re.search(r"[*?\[]", path.name) else [path]
                if files := [each for each in found if each.is_file()]:
                    yield from files
                    return
        except (OSError, ValueError):
            return

    def add(self, kind: str, section: Section) -> None:
        """Append a section, with the values of variables that the files themselves set."""
        for _, node in section.items():
            self._substitute(node)
        self.sections.setdefault(kind, []).append(section)

    def _substitute(self, node: SourceNode) -> None:
        if isinstance(node.value, list):
            for item in node.value:
                self._substitute(item)
        elif isinstance(node.value, Section):
            for _, child in node.value.items():
                self._substitute(child)
        elif isinstance(node.value, str):
            for name, value in self.variables.items():
                node.text = node.text.replace(f"${{{name}}}", value)
            node.value = node.text

    def set_variable(self, name: str, value: str) -> None:
        """Record the value of a variable. A secret stays a variable, whose value is not part of the result."""
        if not names_secret(name) and not find_credentials(value):
            self.variables[name] = value

    def _read_yaml(self, source: SourceFile) -> None:
        root = read_yaml(source.text, source.name, "fluent_bit").value
        if not isinstance(root, Section):
            raise ConfigurationError("is no mapping of options", location=f"{source.name}:1")
        root = _lower(root)
        for name, node in root.section("env").items():
            if node.is_scalar:
                self.set_variable(name, node.text)
        for name in root.texts("includes"):
            self.include(name, root.place_of("includes"), "includes")
        self._add_all("service", root.sections("service"))
        self._add_all("parser", root.sections("parsers"))
        self._add_all("multiline_parser", root.sections("multiline_parsers"))
        pipeline = root.section("pipeline")
        for name, kind in _LISTS.items():
            self._add_all(kind, pipeline.sections(name))
        self._explain_unknown(root, _SECTIONS)
        self._explain_unknown(pipeline, set(_LISTS))

    def _explain_unknown(self, section: Section, known: set[str]) -> None:
        for name in section.names():
            if name not in known:
                self.conversion.leave_out(section.place_of(name), name, "the sidecar has no such section")

    def _add_all(self, kind: str, sections: Iterable[Section]) -> None:
        for section in sections:
            self.add(kind, _lower(section))


def _lower(section: Section) -> Section:
    """Return the section with names in lower case, because Fluent Bit ignores case."""
    return Section({name.lower(): node for name, node in section.items()}, section.file, section.line)


class _ClassicReader:
    """Reads the classic format: sections such as `[INPUT]`, and indented lines with a name and a value."""

    def __init__(self, files: Files, source: SourceFile) -> None:
        self._files, self._source = files, source
        self._kind, self._line = "", 0
        self._entries: dict[str, list[SourceNode]] = {}

    def read(self) -> None:
        for number, line in enumerate(self._source.text.split("\n"), 1):
            text = line.strip()
            if text and not text.startswith("#"):
                self._read_line(text, number)
        self._finish()

    def _read_line(self, text: str, number: int) -> None:
        name, _, value = text.partition(" ") if " " in text else text.partition("\t")
        if "\t" in name:
            name, _, value = text.partition("\t")
        value = value.strip()
        if name.startswith("@"):
            self._read_command(name.lower(), value, number)
        elif text.startswith("["):
            self._finish()
            match = _SECTION.fullmatch(text)
            if match is None:
                self._fail(number, "a section must be written as [NAME] on a line by itself")
            self._kind, self._line = match[1].lower() if match else "", number
        elif not self._kind:
            self._fail(number, "a line before the first section; begin with a section such as [INPUT]")
        elif not value:
            self._fail(number, "an option needs a name and a value")
        else:
            node_text = translate(value, "fluent_bit")
            self._entries.setdefault(name.lower(), []).append(
                SourceNode(node_text, node_text, self._source.name, number)
            )

    def _read_command(self, name: str, value: str, number: int) -> None:
        if name == "@include" and value:
            kind, line, entries = self._kind, self._line, self._entries
            self._kind, self._entries = "", {}
            self._files.include(value, f"{self._source.name}:{number}", "@INCLUDE")
            self._kind, self._line, self._entries = kind, line, entries
        elif name == "@set" and "=" in value:
            variable, _, content = value.partition("=")
            self._files.set_variable(variable.strip(), escape(content.strip()))
        else:
            self._fail(number, "only @INCLUDE FILE and @SET NAME=VALUE are known")

    def _finish(self) -> None:
        """Add the section that ends here. A name that occurs more than once has a list."""
        if self._kind:
            nodes = {
                name: values[0]
                if len(values) == 1
                else SourceNode(list(values), "", self._source.name, values[0].line)
                for name, values in self._entries.items()
            }
            self._files.add(self._kind, Section(nodes, self._source.name, self._line))
        self._kind, self._entries = "", {}

    def _fail(self, number: int, reason: str) -> None:
        raise ConfigurationError(reason, location=f"{self._source.name}:{number}")
