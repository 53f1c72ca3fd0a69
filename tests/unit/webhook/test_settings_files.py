"""Settings are read again when their files change, and those before stay where a change is not valid."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sidecar.errors import ConfigurationError
from sidecar.inject.reasons import RefusalReason, Refused
from sidecar.webhook.settings_files import SettingsFiles

SINK = "sink: elasticsearch://es:9200/logs\n"


class Files:
    """A file of the administrator, and a directory of namespaces."""

    def __init__(self, folder: Path) -> None:
        self.file, self.namespaces = folder / "settings.yaml", folder / "namespaces"
        self.namespaces.mkdir()
        self.errors: list[str] = []
        self.file.write_text(SINK)
        self.settings = SettingsFiles(self.file, self.namespaces, self.errors.append)

    def of(self, namespace: str, text: str) -> None:
        """Write the file of a namespace, as a ConfigMap does: by a rename."""
        new = self.namespaces / ".new"
        new.write_text(text)
        new.rename(self.namespaces / f"{namespace}.yaml")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_a_namespace_without_a_file_has_the_settings_of_the_administrator(files: Files) -> None:
    settings = files.settings.of_namespace("shop")
    assert settings is files.settings.administrator()
    assert settings.sink == "elasticsearch://es:9200/logs"


def test_each_namespace_has_the_settings_of_its_file_and_no_other(files: Files) -> None:
    files.of("shop", "secret: shop-keys\nprofile: busy\n")
    files.of("bank", "secret: bank-keys\n")
    shop, bank = files.settings.of_namespace("shop"), files.settings.of_namespace("bank")
    assert (shop.secret, shop.profile, shop.sink) == ("shop-keys", "busy", "elasticsearch://es:9200/logs")
    assert (bank.secret, bank.profile) == ("bank-keys", "usual")
    assert files.settings.of_namespace("other").secret == ""
    assert files.settings.of_namespace("shop") is shop


def test_changes_are_read_and_a_removed_file_has_no_effect_any_more(files: Files) -> None:
    files.of("shop", "profile: busy\n")
    assert files.settings.of_namespace("shop").profile == "busy"
    files.of("shop", "profile: flood\n")
    assert files.settings.of_namespace("shop").profile == "flood"
    files.file.write_text(f"{SINK}mode: classic\n")
    assert files.settings.of_namespace("shop").mode == "classic"
    (files.namespaces / "shop.yaml").unlink()
    assert files.settings.of_namespace("shop").profile == "usual"
    assert files.errors == []


def test_a_change_that_is_not_valid_keeps_the_settings_before_and_is_reported_once(files: Files) -> None:
    files.of("shop", "profile: busy\n")
    files.settings.of_namespace("shop")
    files.of("shop", "profile: [busy\n")
    for _ in range(3):
        assert files.settings.of_namespace("shop").profile == "busy"
    files.file.write_text("image: 7\n")
    for _ in range(3):
        assert files.settings.administrator().sink == "elasticsearch://es:9200/logs"
    assert len(files.errors) == 2
    assert files.settings.is_valid is False
    files.file.write_text(SINK)
    files.of("shop", "profile: quiet\n")
    assert files.settings.of_namespace("shop").profile == "quiet"
    assert files.settings.is_valid is True


@pytest.mark.parametrize(
    "text", ["[", "- a", "image: evil\n", "profile: none\n", "secret: other/keys\n", "\0", "a: &a [*a]"]
)
def test_settings_of_a_namespace_that_were_never_valid_refuse_its_pods(files: Files, text: str) -> None:
    files.of("shop", text)
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            files.settings.of_namespace("shop")
        assert refused.value.note.code is RefusalReason.E_SETTINGS
    assert files.settings.of_namespace("bank") is files.settings.administrator()
    assert files.errors


@pytest.mark.parametrize("namespace", ["../settings", "..", "", "a/b", "Shop", "shop\0", "shop\n", "x" * 64, "."])
def test_what_is_no_namespace_reads_no_file(files: Files, namespace: str) -> None:
    (files.namespaces.parent / "secret.yaml").write_text("profile: busy\n")
    assert files.settings.of_namespace(namespace) is files.settings.administrator()
    assert files.settings.of_namespace("../secret") is files.settings.administrator()


def test_a_file_without_end_and_one_that_is_no_text_are_refused(files: Files) -> None:
    (files.namespaces / "shop.yaml").write_bytes(b"\xff\xfe")
    os.truncate(files.namespaces / "shop.yaml", 2 << 20)
    with pytest.raises(Refused):
        files.settings.of_namespace("shop")
    (files.namespaces / "bank.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(Refused):
        files.settings.of_namespace("bank")


def test_the_webhook_does_not_start_with_settings_that_are_not_valid(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        SettingsFiles(tmp_path / "missing.yaml", None, lambda text: None)
    (tmp_path / "settings.yaml").write_text("imag: x\n")
    with pytest.raises(ConfigurationError, match="imag"):
        SettingsFiles(tmp_path / "settings.yaml", None, lambda text: None)
    assert SettingsFiles(None, None, lambda text: None).of_namespace("shop").sink == ""
