"""What is shown of a URL."""

from __future__ import annotations

import pytest

from sidecar.sinks.common.url import show_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mongodb://h:27017,g/logs", "mongodb://h:27017,g/logs"),
        ("mongodb://u:p%40w@h/logs", "mongodb://u:**********@h/logs"),
        (
            "mongodb://h/?replicaSet=rs&tls=true&w=2&appName=x",
            "mongodb://h/?replicaSet=rs&tls=true&w=2&appName=**********",
        ),
        ("mongodb://u:p@ss/word@h/logs", "**********"),
        ("not a URL", "**********"),
    ],
)
def test_only_what_may_be_secret_in_a_url_is_masked(url: str, shown: str) -> None:
    assert show_url(url, {"replicaset"}) == shown
