"""Names that a rotation makes from another one, and names that merely look alike."""

from __future__ import annotations

import pytest

from sidecar.tail.rotation_names import find_originals, is_rotation_of

MADE = [
    "app.log.1", "app.log.12.gz", "app.log.gz", "app.log-20261128", "app.log-20261128-1795395600.gz",
    "app.log.2026-11-28_12", "app-2026-11-28T12-00-00.000.log", "app-2026-11-28T12-00-00.000.log.gz",
    "app__2026-11-28_12-00-00.log", "app.2026-11-28.0.log", "app.log.old", "app.log.bak", "app.log.prev",
    "app.OLD.log", "app.1.log", "app-1.log", "app.log.103-104.gz", "app.log.20261128T120000Z", "app.log.1.old",
]  # fmt: skip
ALIKE = [
    "app.log", "app", "app-secret.log", "app.log.secret", "app.logs", "application.log", "app.txt", "my-app.log",
    "APP.log.1", "app.log1", "app1.log", "app.log.", "app.log..", "app.log.gz.1x", "app-old-secret.log", ".app.log.1",
    "app.log.1 ", "app.log.1\n", "app_log.1", "appxlog.1", "app.log.oldest",
]  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_a_name_that_a_rotation_makes_is_known_for_it(name: str) -> None:
    assert is_rotation_of("/logs/app.log", f"/logs/{name}")
    assert "/logs/app.log" in find_originals(f"/logs/{name}")


@pytest.mark.parametrize("name", ALIKE)
def test_a_name_that_merely_looks_alike_is_none(name: str) -> None:
    assert not is_rotation_of("/logs/app.log", f"/logs/{name}")


@pytest.mark.parametrize(
    ("original", "name", "is_made"),
    [
        ("app.log.1", "app.log.2.gz", True),
        ("app.log.1", "app.log", False),
        ("messages", "messages-20261128", True),
        ("messages", "messages.log", False),
        ("token.log", "token", False),
        ("0.log", "0.log.20261128-120000", True),
        ("0.log", "1.log", False),
        ("web-1.log", "web-2.log", False),
        ("1", "2", False),
    ],
)
def test_the_number_in_a_name_of_its_own_is_not_that_of_a_rotation(original: str, name: str, is_made: bool) -> None:
    assert is_rotation_of(f"/logs/{original}", f"/logs/{name}") is is_made


def test_another_directory_holds_no_rotation() -> None:
    assert not is_rotation_of("/logs/app.log", "/logs/old/app.log.1")
