"""How a detected format is called in the status."""

from __future__ import annotations

import pytest

from sidecar.pipeline.format_name import name_format


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"parser":"nginx"}', "nginx"),
        ('{"parser":["json","plain"],"timestamp":{"field":"at"}}', "json, plain"),
        ('{"parser":{"type":"cri","content":"json"}}', "cri"),
        ('{"parser":"log4j","multiline":"java"}', "log4j (multiline: java)"),
        ('{"parser":"json","multiline":{"continuation":"^ "}}', "json (multiline: by pattern)"),
        ('{"parser":"of_a_newer_version"}', "plain"),
        ('{"parser":7}', "plain"),
    ],
)
def test_a_format_is_named_by_its_parsers_and_its_preset(text: str, name: str) -> None:
    assert name_format(text) == name
