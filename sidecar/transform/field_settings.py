"""Settings of the transforms that change fields, and of the filters."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

from sidecar.lib.conversions import FieldType, converter_for
from sidecar.lib.declarations import AfterValidator, Field, model_validator
from sidecar.lib.jsontext.nested import MAX_PATH_DEPTH
from sidecar.lib.settings_model import SettingsModel
from sidecar.lib.user_regex import compile_user_regex
from sidecar.model.records import Transform
from sidecar.model.reserved_fields import SIDECAR_FIELDS, is_reserved
from sidecar.transform import fields as transforms
from sidecar.transform.expression import parse_expression
from sidecar.transform.filters import ConditionFilter, Sampler


def _path(path: str) -> str:
    if not all(path.split(".")) or path.count(".") >= MAX_PATH_DEPTH:
        raise ValueError(
            f"{path!r} is not a field path: at most {MAX_PATH_DEPTH} names, separated by dots, such as url.path"
        )
    return path


def _source(path: str) -> str:
    if is_reserved(path):
        raise ValueError(f"{path} is set by the sidecar after all transforms, so a transform cannot use it")
    return _path(path)


def _target(path: str) -> str:
    if is_reserved(path) or any(field.startswith(f"{path}.") for field in SIDECAR_FIELDS):
        raise ValueError(f"{path} is set by the sidecar; choose another name")
    return _path(path)


Path = Annotated[str, AfterValidator(_path)]
Source = Annotated[str, AfterValidator(_source)]
Target = Annotated[str, AfterValidator(_target)]
Sources = Annotated[tuple[Source, ...], Field(min_length=1)]


def validate_pattern(text: str) -> str:
    """Return the pattern. Raise `ValueError` if it does not compile."""
    compile_user_regex(text)
    return text


class RenameSettings(SettingsModel):
    """Rename fields."""

    rename: Annotated[dict[Source, Target], Field(min_length=1)]
    """Current path and new path of each field. A field keeps its name if the new path already exists."""

    @model_validator(mode="after")
    def _differ(self) -> RenameSettings:
        for old, new in self.rename.items():
            if old == new:
                raise ValueError(f"{old} is renamed to itself; choose another name")
        return self

    def create_transform(self) -> Transform:
        """Return the transform."""
        return transforms.make_transform(transforms.RenameFields(self.rename))


class CopySettings(SettingsModel):
    """Copy fields."""

    paths: Annotated[dict[Source, Target], Field(min_length=1, alias="copy")]
    """Path of each field and path of its copy. A field is not copied if the path of its copy already exists."""

    def create_transform(self) -> Transform:
        """Return the transform."""
        return transforms.make_transform(transforms.CopyFields(self.paths))


class DropFieldsSettings(SettingsModel):
    """Drop fields."""

    drop_fields: Sources
    """Paths of the fields. Fields below them are dropped too."""

    def create_transform(self) -> Transform:
        """Return the transform."""
        return transforms.make_transform(transforms.DropFields(self.drop_fields))


class KeepFieldsSettings(SettingsModel):
    """Keep only these fields."""

    keep_fields: Annotated[tuple[Path, ...], Field(min_length=1)]
    """Paths of the fields. Fields below them are kept too. `@timestamp` and the fields of the sidecar are always
    kept."""

    def create_transform(self) -> Transform:
        """Return the transform."""
        return transforms.make_transform(transforms.KeepFields(self.keep_fields))


class LowercaseSettings(SettingsModel):
    """Convert texts to lower case."""

    lowercase: Sources
    """Paths of the fields. Values that are not text stay unchanged."""

    def create_transform(self) -> Transform:
        """Return the transform."""
        return transforms.make_transform(transforms.LowercaseFields(self.lowercase))


class ConvertSettings(SettingsModel):
    """Convert values to another type."""

    convert: Annotated[dict[Source, FieldType], Field(min_length=1)]
    """Path and type of each field: `integer`, `float`, `boolean`, `string`, `date` (RFC 3339) or `ip` (only
    validated). A value that cannot be converted stays unchanged."""

    def create_transform(self, read: Callable[[str], str]) -> Transform:
        """Return the transform. `read`: parses dates."""
        return transforms.make_transform(
            transforms.ConvertFields({path: (kind, converter_for(kind, read)) for path, kind in self.convert.items()})
        )


class HashFieldsOptions(SettingsModel):
    """Options of `fingerprint`."""

    fields: Sources
    """Paths of the fields to hash."""

    target: Target = "fingerprint"
    """Path of the field that receives the hash."""


class HashFieldsSettings(SettingsModel):
    """Add a hash of several fields."""

    fingerprint: HashFieldsOptions
    """Which fields to hash, and where to put the hash. Equal values give equal hashes. The hash is not used as the id
    of the document."""

    def create_transform(self) -> Transform:
        """Return the transform."""
        return transforms.make_transform(transforms.HashFields(self.fingerprint.fields, self.fingerprint.target))


class SampleOptions(SettingsModel):
    """Options of `sample`."""

    rate: Annotated[float, Field(gt=0, lt=1)]
    """Fraction of the records that is kept, such as 0.1."""

    field: Source | None = None
    """Keep or drop all records with the same value of this field together, such as `trace.id`. Default: decide for
    each record separately."""


class SampleSettings(SettingsModel):
    """Keep a sample of the records."""

    sample: SampleOptions
    """Which records to keep. All others are counted as filtered. After a restart, the same records are kept."""

    def create_transform(self) -> Transform:
        """Return the transform."""
        return Transform("sample", Sampler(self.sample.rate, self.sample.field))


def _expression(text: str) -> str:
    for path in parse_expression(text).fields:
        _source(path)
    return text


Condition = Annotated[str, AfterValidator(_expression)]


class DropWhenSettings(SettingsModel):
    """Drop the records that match an expression."""

    drop_when: Condition
    """Expression, such as `level == "debug" and url.path ~ "^/health"`. Dropped records are counted as filtered."""

    def create_transform(self) -> Transform:
        """Return the transform."""
        return Transform("drop_when", ConditionFilter(parse_expression(self.drop_when), keeps=False))


class KeepWhenSettings(SettingsModel):
    """Keep only the records that match an expression."""

    keep_when: Condition
    """Expression, such as `status >= 400`. All other records are counted as filtered."""

    def create_transform(self) -> Transform:
        """Return the transform."""
        return Transform("keep_when", ConditionFilter(parse_expression(self.keep_when), keeps=True))


class UserAgentOptions(SettingsModel):
    """`user_agent` has no options."""


class UserAgentSettings(SettingsModel):
    """Add name, version, operating system and device of a client, from `user_agent.original`."""

    user_agent: UserAgentOptions
    """Has no options."""

    @model_validator(mode="after")
    def _is_installed(self) -> UserAgentSettings:
        if find_spec("ua_parser_rs") is None:
            raise ValueError(
                "user_agent needs a package that is not installed; run pip install 'log-sidecar[user-agent]'"
            )
        return self

    def create_transform(self) -> Transform:
        """Return the transform."""
        return transforms.make_transform(import_module("sidecar.transform.user_agent").ParseUserAgent())


class HostOptions(SettingsModel):
    """Options of `host`."""

    name: Annotated[str, Field(min_length=1)] | None = None
    """Value of `host.name`. Default: the name of the node or of the machine."""


class HostSettings(SettingsModel):
    """Add fields of the machine."""

    host: HostOptions
    """Adds `host.name`, `host.architecture`, `host.os.type` and `host.os.kernel`."""


class KubernetesOptions(SettingsModel):
    """Options of `kubernetes`."""

    labels: tuple[str, ...] = ("*",)
    """Names or globs of the labels to add. Default: all."""

    annotations: tuple[str, ...] = ()
    """Names or globs of the annotations to add, read from `/etc/podinfo/annotations`. Default: none."""


class KubernetesFieldsSettings(SettingsModel):
    """Add fields of the Pod, with its labels and annotations."""

    kubernetes: KubernetesOptions
    """Which labels and annotations to add."""
