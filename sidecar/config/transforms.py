"""What a pipeline can say about enriching."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    Discriminator,
    Tag,
)

from sidecar.document.settings import AddFields
from sidecar.transform.field_settings import (
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
from sidecar.transform.plugin_settings import OwnEnricher
from sidecar.transform.redaction.settings import Redact
from sidecar.transform.registry import KINDS


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
