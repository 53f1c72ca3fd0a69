"""Settings of the `redact` transform."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from sidecar.lib.declarations import ConfigDict, Field, field_validator, model_validator
from sidecar.lib.settings_model import SECRET_FILE, SettingsModel, ShortForm, exactly_one_of, one_of
from sidecar.lib.user_regex import compile_user_regex
from sidecar.model.records import Transform

if TYPE_CHECKING:
    from sidecar.transform.redaction.detectors import Detector
    from sidecar.transform.redaction.redactor import Redactor

Action = Literal["mask", "hash", "drop"]


def _import(module: str) -> Any:
    """Return a module of this package. It is imported on demand, because most pipelines redact nothing."""
    return import_module(f"sidecar.transform.redaction.{module}")


def _detectors() -> Mapping[str, Detector]:
    return cast("Mapping[str, Detector]", _import("detectors").DETECTORS)


class RedactionRuleSettings(SettingsModel):
    """One redaction rule: a built-in detector, a pattern, or a field."""

    model_config = ConfigDict(json_schema_extra=exactly_one_of("name", "pattern", "field"))

    name: str | None = None
    """Name of a built-in detector."""

    pattern: str | None = None
    """A custom pattern (`regex` library). If the pattern has groups, only the last one is redacted."""

    field: str | None = None
    """Dotted path of a field, whose whole value is redacted."""

    action: Action | None = None
    """Action of this rule. Default: the action of the transform."""

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str | None) -> str | None:
        if name is not None and name not in _detectors():
            raise ValueError(f"unknown detector {name!r}; use one of {', '.join(_detectors())}, or a pattern")
        return name

    @field_validator("pattern")
    @classmethod
    def _check_pattern(cls, pattern: str | None) -> str | None:
        if pattern is not None and compile_user_regex(pattern).search("") is not None:
            raise ValueError("the pattern matches the empty text; make it require at least one character")
        return pattern

    @model_validator(mode="after")
    def _check_kind(self) -> RedactionRuleSettings:
        if len([kind for kind in (self.name, self.pattern, self.field) if kind]) != 1:
            raise ValueError("a redaction rule needs exactly one of name, pattern and field")
        return self


def _expand_name(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class RedactSettings(SettingsModel):
    """Redacts secrets and personal data before a record is sent or stored."""

    redact: Annotated[
        tuple[
            Annotated[
                RedactionRuleSettings,
                ShortForm(_expand_name, schema=lambda: one_of(_detectors())),
            ],
            ...,
        ],
        Field(min_length=1),
    ]
    """Detectors, patterns and fields."""

    action: Action = "mask"
    """`mask` replaces a match with `[REDACTED]`, `hash` with a keyed hash that is equal for equal texts. `drop`
    removes the match."""

    salt_file: Annotated[Path | None, SECRET_FILE] = None
    """File with the key of the hash, at least 16 bytes. Required by `hash`."""

    @model_validator(mode="after")
    def _check_salt(self) -> RedactSettings:
        if any((rule.action or self.action) == "hash" for rule in self.redact):
            self.redactor()
        return self

    def create_transform(self) -> Transform:
        """Return the transform."""
        return Transform("redact", self.redactor().redact)

    def redactor(self) -> Redactor:
        """Return the redactor. Raise `ValueError` if the salt cannot be read."""
        redaction = _import("redactor")
        actions = {"mask": redaction.mask, "drop": redaction.drop}
        if self.salt_file is not None:
            actions["hash"] = redaction.make_hash(_read_salt(self.salt_file))
        rules = []
        for rule in self.redact:
            name = rule.action or self.action
            if name not in actions:
                raise ValueError("the action hash requires salt_file")
            action = actions[name]
            if rule.name is not None:
                rules.append(redaction.DetectorRule(_detectors()[rule.name], action))
            elif rule.field:
                rules.append(redaction.FieldRule(rule.field, action))
            else:
                rules.append(redaction.RegexRule(rule.pattern or "", action))
        return cast("Redactor", redaction.Redactor(rules))


def _read_salt(path: Path) -> bytes:
    try:
        salt = path.read_bytes().strip()
    except OSError as error:
        raise ValueError(f"cannot read the salt_file {path}: {error.strerror}") from error
    if len(salt) < 16:
        raise ValueError(f"the salt_file {path} has fewer than 16 bytes; write at least 16 random bytes into it")
    return salt
