"""The type of an item in the list `transforms` of a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from sidecar.document.settings import StaticFieldsSettings
from sidecar.lib.declarations import BaseModel, Discriminator, Tag
from sidecar.lib.settings_model import ShortForm, one_of
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
from sidecar.transform.registry import KINDS, PLUGINS


def _select_kind(value: object) -> str:
    """Return the name of the transform, which is the name of its first setting; "own" for a plug-in."""
    if isinstance(value, BaseModel):
        name, field = next(iter(type(value).model_fields.items()))
        name = field.alias or name
    else:
        name = str(next(iter(value), "") if isinstance(value, Mapping) else value)
        name = next((kind for kind in KINDS if isinstance(value, Mapping) and kind in value), name)
    return name if name in KINDS else "own"


def _expand_name(value: object) -> object:
    return {value: {}} if isinstance(value, str) else value


def names_without_options() -> set[str]:
    """Return the names of transforms that need no options. Plug-ins are included, because they may need none."""
    return {"kubernetes", "host", "user_agent", *PLUGINS.names()}


def _name_only(*names: str) -> ShortForm:
    """Return a short form that accepts one of these names alone, or the name of a plug-in if no names are passed."""
    return ShortForm(_expand_name, schema=lambda: one_of(names or PLUGINS.names()))


AnyTransform = Annotated[
    Annotated[StaticFieldsSettings, Tag("add")]
    | Annotated[RedactSettings, Tag("redact")]
    | Annotated[KubernetesFieldsSettings, _name_only("kubernetes"), Tag("kubernetes")]
    | Annotated[HostSettings, _name_only("host"), Tag("host")]
    | Annotated[UserAgentSettings, _name_only("user_agent"), Tag("user_agent")]
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
    | Annotated[PluginSettings, _name_only(), Tag("own")],
    Discriminator(_select_kind),
]
