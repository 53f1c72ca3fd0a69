"""Checks the additional headers and query parameters of requests."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sidecar.lib.declarations import SecretStr
from sidecar.sinks.common.checks import Problem

# RFC 9110, 5.1 and 5.5
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\x80-\xff\t]*")
_RESERVED_HEADERS = frozenset({
    "accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type",
    "transfer-encoding",
})  # fmt: skip
_RESERVED_PARAMETERS = frozenset({"filter_path", "pipeline", "timeout", "require_alias", "require_data_stream"})


def list_header_problems(headers: Mapping[str, SecretStr]) -> list[Problem]:
    """Return the problems of additional headers."""
    names = [name for name in headers if not _HEADER_NAME.fullmatch(name)]
    reserved = [name for name in headers if name.lower() in _RESERVED_HEADERS]
    values = [name for name, value in headers.items() if not _HEADER_VALUE.fullmatch(value.get_secret_value())]
    return [
        (bool(names), "headers", "contains an invalid header name", "use letters, digits and -"),
        (bool(reserved), "headers", f"sets {', '.join(reserved)}, which the sidecar sets itself", "remove it"),
        (bool(values), "headers", f"has a value with a control character ({', '.join(values)})",
         "write the value on one line"),
    ]  # fmt: skip


def list_parameter_problems(parameters: Mapping[str, str]) -> list[Problem]:
    """Return the problems of additional query parameters."""
    reserved = sorted(_RESERVED_PARAMETERS.intersection(parameters))
    advice = "use the setting of the same name, or remove the parameter"
    return [(bool(reserved), "parameters", f"sets {', '.join(reserved)}, which the sidecar sets itself", advice)]
