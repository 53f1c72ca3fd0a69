"""Names that a reader meets anywhere in the package mean one thing."""

import ast
from collections import Counter
from pathlib import Path

import sidecar


def test_each_class_is_named_once() -> None:
    files = Path(sidecar.__path__[0]).rglob("*.py")
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text())))
    names = Counter(node.name for node in nodes if isinstance(node, ast.ClassDef))
    assert {name: count for name, count in names.items() if count > 1} == {}
