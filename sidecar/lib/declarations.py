"""The names that settings are declared with: those of pydantic, or substitutes that validate nothing.

Settings import these names from here. Only the modules that validate and describe settings import pydantic itself.
"""

from typing import TYPE_CHECKING

from sidecar.lib.plain_settings import is_plain

if TYPE_CHECKING or not is_plain():
    from pydantic import (
        AfterValidator,
        AwareDatetime,
        BaseModel,
        BeforeValidator,
        ConfigDict,
        Discriminator,
        Field,
        GetJsonSchemaHandler,
        PositiveInt,
        SecretStr,
        SerializeAsAny,
        Tag,
        ValidationError,
        WithJsonSchema,
        field_validator,
        model_validator,
    )
    from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError
else:
    from sidecar.lib.plain_settings import (
        AfterValidator,
        AwareDatetime,
        BaseModel,
        BeforeValidator,
        ConfigDict,
        CoreSchema,
        Discriminator,
        Field,
        GetJsonSchemaHandler,
        InitErrorDetails,
        PositiveInt,
        PydanticCustomError,
        SecretStr,
        SerializeAsAny,
        Tag,
        ValidationError,
        WithJsonSchema,
        field_validator,
        model_validator,
    )

__all__ = [
    "AfterValidator",
    "AwareDatetime",
    "BaseModel",
    "BeforeValidator",
    "ConfigDict",
    "CoreSchema",
    "Discriminator",
    "Field",
    "GetJsonSchemaHandler",
    "InitErrorDetails",
    "PositiveInt",
    "PydanticCustomError",
    "SecretStr",
    "SerializeAsAny",
    "Tag",
    "ValidationError",
    "WithJsonSchema",
    "field_validator",
    "model_validator",
]
