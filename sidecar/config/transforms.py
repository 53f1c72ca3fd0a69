"""The type of an item in the list `transforms` of a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    Discriminator,
    Tag,
)

from sidecar.document.settings import StaticFieldsSettings
from sidecar.transform.field_settings import (
    ConvertSettings,
    CopySettings,
    DropFieldsSettings,
    DropWhenSettings,
    HashFieldsSettings,
    HostSettings,
    KeepFieldsSettings,
    KeepWhenSettings,
    KubernetesFieldsSettings,
    LowercaseSettings,
    RenameSettings,
    SampleSettings,
    UserAgentSettings,
)
from sidecar.transform.plugin_settings import PluginSettings
from sidecar.transform.redaction.settings import RedactSettings
from sidecar.transform.registry import KINDS


def _select_kind(value: object) -> str:
    """Return the name of the transform, which is the name of its first setting."""
    if isinstance(value, BaseModel):
        name, field = next(iter(type(value).model_fields.items()))
        name = field.alias or name
    else:
        name = str(next(iter(value), "") if isinstance(value, Mapping) else value)
        name = next((kind for kind in KINDS if isinstance(value, Mapping) and kind in value), name)
    return name if name in KINDS else "own"


def _expand_name(value: object) -> object:
    return {value: {}} if isinstance(value, str) else value


_ALONE = BeforeValidator(_expand_name, json_schema_input_type=str | dict[str, object])
"""Also accepts the name of the transform alone, without options."""


AnyTransform = Annotated[
    Annotated[StaticFieldsSettings, Tag("add")]
    | Annotated[RedactSettings, Tag("redact")]
    | Annotated[KubernetesFieldsSettings, _ALONE, Tag("kubernetes")]
    | Annotated[HostSettings, _ALONE, Tag("host")]
    | Annotated[UserAgentSettings, _ALONE, Tag("user_agent")]
    | Annotated[RenameSettings, Tag("rename")]
    | Annotated[CopySettings, Tag("copy")]
    | Annotated[DropFieldsSettings, Tag("drop_fields")]
    | Annotated[KeepFieldsSettings, Tag("keep_fields")]
    | Annotated[LowercaseSettings, Tag("lowercase")]
    | Annotated[ConvertSettings, Tag("convert")]
    | Annotated[HashFieldsSettings, Tag("fingerprint")]
    | Annotated[SampleSettings, Tag("sample")]
    | Annotated[DropWhenSettings, Tag("drop_when")]
    | Annotated[KeepWhenSettings, Tag("keep_when")]
    | Annotated[PluginSettings, _ALONE, Tag("own")],
    Discriminator(_select_kind),
]
