"""No option is ignored: one that the sidecar does not know is named, or the section that contains it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.convert.kinds import SourceFile, convert
from sidecar.convert.writer import write
from tests.unit.convert.example_files import EXAMPLES, name_of

YAML_EXAMPLES = [example for example in EXAMPLES if example.suffix in (".yml", ".yaml", ".json")]
OPTION = "zzz_unknown"

FREE = re.compile(
    r"fields|labels|headers|env|expressions|mapping|route|contains|equals|range|logs_path|static_labels|lines_total"
)
"""Mappings whose names are those of fields and the like, not of options."""

CONTENTS = {
    "decompression": "`exclude` replaces all of it",
    "filebeat.config.modules": "the directory replaces all of it",
    "server": "the sidecar has another server",
}
"""Sections that are read only in part → why the rest means nothing."""

Key = tuple[str | int, ...]


def mappings(value: Any, key: Key = ()) -> Iterator[Key]:
    """Yield the key of each mapping in a document."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if isinstance(value, dict):
        yield key
    for name, child in items:
        yield from mappings(child, (*key, name))


def lines_of(node: yaml.Node, key: Key) -> list[int]:
    """Return the lines of all nodes that lead to a key, without the root."""
    lines = []
    for part in key:
        if isinstance(node, yaml.MappingNode):
            name, node = next((name, child) for name, child in node.value if name.value == part)
            lines.append(name.start_mark.line + 1)
        else:
            assert isinstance(node, yaml.SequenceNode)
            node = node.value[part]
        lines.append(node.start_mark.line + 1)
    return lines


@pytest.mark.parametrize("example", YAML_EXAMPLES, ids=name_of)
def test_an_unknown_option_is_named_or_its_section(example: Path) -> None:
    ignored = []
    place = re.compile(rf"# [^\n]*?: {re.escape(example.name)}:(\d+): ")
    original = yaml.safe_load(example.read_text())
    for key in mappings(original):
        last = str(key[-1]) if key else ""
        if FREE.fullmatch(last) or last in CONTENTS:
            continue
        data = deepcopy(original)
        target = data
        for part in key:
            target = target[part]
        target[OPTION] = "x"
        text = yaml.safe_dump(data, sort_keys=False)
        result = write(convert(SourceFile(example, text), example.parent.name))
        if f"{OPTION}: " in result:
            continue
        root = yaml.compose(text)
        assert root is not None
        if not set(map(int, place.findall(result))).intersection(lines_of(root, key)):
            ignored.append(".".join(map(str, key)))
    assert ignored == []
