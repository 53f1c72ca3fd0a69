"""Settings whose meaning stands below each field, where readers of the source find it, and `sidecar schema`, too."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic_core import CoreSchema


class Described(BaseModel):
    """Settings that nobody changes and that know all their names.

    The meanings are read from the source when somebody asks for them: to do so for every start takes 0.1 s.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, meaning in meanings(cls).items():
            properties[cls.model_fields[name].alias or name].setdefault("description", meaning)
        return schema


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """What each field means, by its name."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Described):
            found |= _below_each_field(base)
    return {name: found[name] for name in model.model_fields if name in found}


def _below_each_field(model: type[BaseModel]) -> dict[str, str]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }  # fmt: skip
