"""What a pipeline can say about enriching."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from sidecar.described import SECRET_FILE, Described
from sidecar.enrich import registry
from sidecar.enrich.detectors import DETECTORS
from sidecar.enrich.leaves import METADATA
from sidecar.enrich.own import Own
from sidecar.enrich.redact import Action as What
from sidecar.enrich.redact import FieldAt, Named, Pattern, Redactor, Rule, drop, hashed, mask
from sidecar.enrich.transform_settings import (
    Convert,
    Copy,
    DropFields,
    DropWhen,
    Fingerprint,
    Host,
    KeepFields,
    KeepWhen,
    KubernetesFields,
    Lowercase,
    Rename,
    Sampled,
    UserAgent,
)
from sidecar.flow import Step
from sidecar.patterns import compiled
from sidecar.spelling import did_you_mean

_OURS = ("@timestamp", "event.ingested", "log.offset", "log.file.path")

KINDS = {
    "rename": "fields under other names",
    "copy": "fields under other names as well",
    "drop_fields": "without these fields",
    "keep_fields": "nothing but these fields",
    "lowercase": "texts in lower case",
    "convert": "values of another type",
    "fingerprint": "a hash over fields",
    "drop_when": "without records for which an expression holds",
    "keep_when": "only records for which an expression holds",
    "sample": "a part of the records",
    "user_agent": "name, version, system and device of a client",
    "redact": "without secrets and personal data",
    "add": "constant fields",
    "host": "facts of the machine",
    "kubernetes": "where the Pod is, its labels and annotations",
}
"""What enrichers there are, and what each does."""


class AddFields(Described):
    """Constant fields for every document."""

    add: dict[str, Any]
    """Names and values, nested or dotted."""

    @field_validator("add")
    @classmethod
    def _not_ours(cls, values: dict[str, Any]) -> dict[str, Any]:
        for path in _paths(values, ""):
            if path in _OURS or path.split(".")[0] in METADATA or any(ours.startswith(f"{path}.") for ours in _OURS):
                raise ValueError(f"{path} is set by the sidecar itself; choose another name")
        return values


Action = Literal["mask", "hash", "drop"]


class Redaction(Described):
    """One thing that has to go, where its name alone does not say enough."""

    name: str | None = None
    """One of the known names."""

    pattern: str | None = None
    """A pattern of your own, in the syntax of the `regex` library; with groups only the last one goes."""

    field: str | None = None
    """Dotted path of a field; all of its value goes."""

    action: Action | None = None
    """What becomes of it; as for all others unless told."""

    @field_validator("name")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None and name not in DETECTORS:
            raise ValueError(f"no such name as {name!r}; use one of {', '.join(DETECTORS)}, or a pattern")
        return name

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None and compiled(pattern).search("") is not None:
            raise ValueError("the pattern matches where there is nothing")
        return pattern

    @model_validator(mode="after")
    def _one(self) -> Redaction:
        if len([each for each in (self.name, self.pattern, self.field) if each]) != 1:
            raise ValueError("needs one of name, pattern and field")
        return self


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class Redact(Described):
    """What is taken out of every record before anything of it leaves or is kept."""

    redact: Annotated[
        tuple[Annotated[Redaction, BeforeValidator(_named, json_schema_input_type=str | Redaction)], ...],
        Field(min_length=1),
    ]
    """Names, patterns and fields."""

    action: Action = "mask"
    """`mask` writes `[REDACTED]`, `hash` a mark that is the same for the same text, `drop` nothing."""

    salt_file: Annotated[Path | None, SECRET_FILE] = None
    """File with the secret that makes marks unguessable; at least 16 bytes. `hash` needs it."""

    @model_validator(mode="after")
    def _salted(self) -> Redact:
        if any((each.action or self.action) == "hash" for each in self.redact):
            self.redactor()
        return self

    def step(self) -> Step:
        """What does it."""
        return Step("redact", self.redactor().redacted)

    def redactor(self) -> Redactor:
        """What does it. Raises `ValueError` if the salt cannot be read."""
        actions: dict[str, What] = {"mask": mask, "drop": drop}
        if self.salt_file is not None:
            actions["hash"] = hashed(_salt(self.salt_file))
        rules: list[Rule] = []
        for each in self.redact:
            wanted = each.action or self.action
            if wanted not in actions:
                raise ValueError("the action hash needs a salt_file")
            action = actions[wanted]
            if each.name is not None:
                rules.append(Named(DETECTORS[each.name], action))
            else:
                rules.append(FieldAt(each.field, action) if each.field else Pattern(each.pattern or "", action))
        return Redactor(rules)


def _salt(path: Path) -> bytes:
    try:
        salt = path.read_bytes().strip()
    except OSError as error:
        raise ValueError(f"the salt_file {path} cannot be read ({error.strerror})") from error
    if len(salt) < 16:
        raise ValueError(f"the salt_file {path} has less than 16 bytes")
    return salt


def _paths(values: Mapping[str, Any], prefix: str) -> list[str]:
    found: list[str] = []
    for name, value in values.items():
        path = f"{prefix}{name}"
        found += _paths(value, f"{path}.") if isinstance(value, Mapping) and value else [path]
    return found


class OwnEnricher(Described):
    """A function that was installed beside the sidecar (entry point `log_sidecar.enrichers`)."""

    name: str
    """Name of its entry point."""

    options: dict[str, Any] = Field(default_factory=dict)
    """What it is called with, beside the records."""

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and len(given) == 1:
            ((name, options),) = given.items()
            return {"name": name, "options": options or {}}
        return given

    @model_validator(mode="after")
    def _can_be_called(self) -> OwnEnricher:
        known = [*KINDS, *registry.names()]
        if self.name not in known:
            advice = did_you_mean(self.name, known) or f"; known are {', '.join(known)}"
            raise ValueError(f'there is no enricher "{self.name}"{advice}')
        try:
            function = registry.resolve(self.name)
        except Exception as error:  # whatever the import of a plug-in raises
            raise ValueError(f"{self.name} cannot be imported: {type(error).__name__}: {error}") from error
        try:
            signature(function).bind([], **self.options)
        except TypeError as error:
            raise ValueError(f"{self.name} cannot be called so: {error}") from error
        return self

    def step(self) -> Step:
        """What does it."""
        return Step(self.name, Own(self.name, registry.resolve(self.name), self.options))


def _kind(value: object) -> str:
    """The name of the enricher, which is that of its first setting."""
    if isinstance(value, BaseModel):
        name, field = next(iter(type(value).model_fields.items()))
        name = field.alias or name
    else:
        name = str(next(iter(value), "") if isinstance(value, Mapping) else value)
        name = next((kind for kind in KINDS if isinstance(value, Mapping) and kind in value), name)
    return name if name in KINDS else "own"


def _with_no_options(value: object) -> object:
    return {value: {}} if isinstance(value, str) else value


_ALONE = BeforeValidator(_with_no_options, json_schema_input_type=str | dict[str, object])
"""Its name alone will do."""

AnyEnricher = Annotated[
    Annotated[AddFields, Tag("add")]
    | Annotated[Redact, Tag("redact")]
    | Annotated[KubernetesFields, _ALONE, Tag("kubernetes")]
    | Annotated[Host, _ALONE, Tag("host")]
    | Annotated[UserAgent, _ALONE, Tag("user_agent")]
    | Annotated[Rename, Tag("rename")]
    | Annotated[Copy, Tag("copy")]
    | Annotated[DropFields, Tag("drop_fields")]
    | Annotated[KeepFields, Tag("keep_fields")]
    | Annotated[Lowercase, Tag("lowercase")]
    | Annotated[Convert, Tag("convert")]
    | Annotated[Fingerprint, Tag("fingerprint")]
    | Annotated[Sampled, Tag("sample")]
    | Annotated[DropWhen, Tag("drop_when")]
    | Annotated[KeepWhen, Tag("keep_when")]
    | Annotated[OwnEnricher, _ALONE, Tag("own")],
    Discriminator(_kind),
]
