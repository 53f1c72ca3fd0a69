"""Applies a JSON patch (RFC 6902), as the API server does with the answer of a webhook."""

from __future__ import annotations

import copy
from typing import Any

Object = dict[str, Any]


def apply_patch(item: Object, operations: list[Object]) -> Object:
    """Return a copy with the operations `add` and `remove`. Raises `AssertionError` where one does not fit."""
    result = copy.deepcopy(item)
    for operation in operations:
        *path, last = [key.replace("~1", "/").replace("~0", "~") for key in operation["path"].split("/")[1:]]
        parent: Any = result
        for key in path:
            parent = parent[int(key)] if isinstance(parent, list) else parent[key]
        if operation["op"] == "remove":
            assert (0 <= int(last) < len(parent)) if isinstance(parent, list) else last in parent, operation
            del parent[int(last) if isinstance(parent, list) else last]
        elif isinstance(parent, list):
            assert 0 <= int(last) <= len(parent), operation
            parent.insert(int(last), copy.deepcopy(operation["value"]))
        else:
            parent[last] = copy.deepcopy(operation["value"])
    return result
