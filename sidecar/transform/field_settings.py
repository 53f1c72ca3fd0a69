"""What a pipeline can say about changing fields, and about records that it does not want."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from sidecar.lib.conversions import FieldType, converter_for
from sidecar.lib.jsontext.nested import MAX_PATH_DEPTH
from sidecar.lib.settings_model import SettingsModel
from sidecar.lib.user_regex import compile_user_regex
from sidecar.model.records import Transform
from sidecar.model.reserved_fields import SIDECAR_FIELDS, is_reserved
from sidecar.transform import fields as transforms
from sidecar.transform import user_agent
from sidecar.transform.expression import parse_expression
from sidecar.transform.filters import ConditionFilter, Sampler


def _path(path: str) -> str:
    if not all(path.split(".")) or path.count(".") >= MAX_PATH_DEPTH:
        raise ValueError(f"{path!r} is not a field path; write for example url.path")
    return path


def _source(path: str) -> str:
    if is_reserved(path):
        raise ValueError(
            f"{path} is set by the sidecar itself, after all that is done here; it always stays as it is"
        )
    return _path(path)


def _target(path: str) -> str:
    if is_reserved(path) or any(own.startswith(f"{path}.") for own in SIDECAR_FIELDS):
        raise ValueError(f"{path} is set by the sidecar itself; choose another name")
    return _path(path)


Path = Annotated[str, AfterValidator(_path)]
Source = Annotated[str, AfterValidator(_source)]
Target = Annotated[str, AfterValidator(_target)]
Sources = Annotated[tuple[Source, ...], Field(min_length=1)]


def validate_pattern(text: str) -> str:
    """The pattern. Raises `ValueError` if it does not compile."""
    compile_user_regex(text)
    return text


class RenameSettings(SettingsModel):
    """Fields under other names."""

    rename: Annotated[dict[Source, Target], Field(min_length=1)]
    """Old path and new path. Where there is a field at the new path already, the old one keeps its name."""

    @model_validator(mode="after")
    def _differ(self) -> RenameSettings:
        for old, new in self.rename.items():
            if old == new:
                raise ValueError(f"{old} is renamed to itself")
        return self

    def step(self) -> Transform:
        """What does it."""
        return transforms.make_transform(transforms.RenameFields(self.rename))


class CopySettings(SettingsModel):
    """Fields under other names as well."""

    paths: Annotated[dict[Source, Target], Field(min_length=1, alias="copy")]
    """Path of the field, and that of its copy. Where there is a field already, nothing is copied."""

    def step(self) -> Transform:
        """What does it."""
        return transforms.make_transform(transforms.CopyFields(self.paths))


class DropFieldsSettings(SettingsModel):
    """Without these fields."""

    drop_fields: Sources
    """Paths; all that is below them goes, too."""

    def step(self) -> Transform:
        """What does it."""
        return transforms.make_transform(transforms.DropFields(self.drop_fields))


class KeepFieldsSettings(SettingsModel):
    """Nothing but these fields."""

    keep_fields: Annotated[tuple[Path, ...], Field(min_length=1)]
    """Paths; all that is below them stays, too. So does what the sidecar adds, and `@timestamp`."""

    def step(self) -> Transform:
        """What does it."""
        return transforms.make_transform(transforms.KeepFields(self.keep_fields))


class LowercaseSettings(SettingsModel):
    """Texts in lower case."""

    lowercase: Sources
    """Paths. What is no text stays as it is."""

    def step(self) -> Transform:
        """What does it."""
        return transforms.make_transform(transforms.LowercaseFields(self.lowercase))


class ConvertSettings(SettingsModel):
    """Values of another type."""

    convert: Annotated[dict[Source, FieldType], Field(min_length=1)]
    """Path and type: `integer`, `float`, `boolean`, `string`, `date` (RFC 3339), `ip` (which is only checked). What
    cannot be read so stays as it is."""

    def step(self, read: Callable[[str], str]) -> Transform:
        """What does it; `read` reads dates."""
        return transforms.make_transform(
            transforms.ConvertFields({path: (kind, converter_for(kind, read)) for path, kind in self.convert.items()})
        )


class HashFieldsOptions(SettingsModel):
    """Which fields, and where the hash goes."""

    fields: Sources
    """Paths of the fields that the hash is made of."""

    target: Target = "fingerprint"
    """Path of the hash."""


class HashFieldsSettings(SettingsModel):
    """A hash over fields."""

    fingerprint: HashFieldsOptions
    """`fields` and `target`. The same values give the same hash; it is no id of the document."""

    def step(self) -> Transform:
        """What does it."""
        return transforms.make_transform(transforms.HashFields(self.fingerprint.fields, self.fingerprint.target))


class SampleOptions(SettingsModel):
    """Which part is kept."""

    rate: Annotated[float, Field(gt=0, lt=1)]
    """The part of the records that is kept, as 0.1."""

    field: Source | None = None
    """Keep or drop together what has the same value here, as `trace.id`; else each record is for itself."""


class SampleSettings(SettingsModel):
    """A part of the records only."""

    sample: SampleOptions
    """`rate` and `field`. The others are counted as filtered; the same ones are chosen again after a restart."""

    def step(self) -> Transform:
        """What does it."""
        return Transform("sample", Sampler(self.sample.rate, self.sample.field))


def _expression(text: str) -> str:
    for path in parse_expression(text).fields:
        _source(path)
    return text


Condition = Annotated[str, AfterValidator(_expression)]


class DropWhenSettings(SettingsModel):
    """Without the records for which an expression holds."""

    drop_when: Condition
    """Expression, as `level == "debug" and url.path ~ "^/health"`. These records are counted as filtered."""

    def step(self) -> Transform:
        """What does it."""
        return Transform("drop_when", ConditionFilter(parse_expression(self.drop_when), keeps=False))


class KeepWhenSettings(SettingsModel):
    """Nothing but the records for which an expression holds."""

    keep_when: Condition
    """Expression, as `status >= 400`. All other records are counted as filtered."""

    def step(self) -> Transform:
        """What does it."""
        return Transform("keep_when", ConditionFilter(parse_expression(self.keep_when), keeps=True))


class UserAgentOptions(SettingsModel):
    """It has none."""


class UserAgentSettings(SettingsModel):
    """Name, version, system and device of a client, from `user_agent.original`."""

    user_agent: UserAgentOptions
    """No options."""

    def step(self) -> Transform:
        """What does it."""
        return transforms.make_transform(user_agent.ParseUserAgent())


class HostOptions(SettingsModel):
    """What is said of the machine."""

    name: Annotated[str, Field(min_length=1)] | None = None
    """`host.name`, instead of the name of the node or of the machine."""


class HostSettings(SettingsModel):
    """Facts of the machine."""

    host: HostOptions
    """`name`. Adds `host.architecture`, `host.os.type` and `host.os.kernel` as well."""


class KubernetesOptions(SettingsModel):
    """Which labels and annotations."""

    labels: tuple[str, ...] = ("*",)
    """Names of labels, or globs; all of them unless told."""

    annotations: tuple[str, ...] = ()
    """Names of annotations, or globs; none unless told. They are read from `/etc/podinfo/annotations`."""


class KubernetesFieldsSettings(SettingsModel):
    """Where the Pod is, with labels and annotations of choice."""

    kubernetes: KubernetesOptions
    """`labels` and `annotations`."""
