"""The sources of settings. Each source knows the origin of its values.

`load` in `loader.py` sets their order: options of the command line, `--set`, environment, `--env-file`, directory of
secrets, YAML file. This module adds to pydantic-settings: the detection of variables that are not settings, the
origins of values, and the expansion of short forms. For example, the environment can add a password to a sink that
the YAML file defines by its URL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, InitSettingsSource, PydanticBaseSettingsSource

from sidecar.config.messages import Origin, suggest
from sidecar.config.yaml_file import Key, YamlFile
from sidecar.errors import ConfigurationError

PREFIX = "SIDECAR_"
NON_SETTING_VARIABLES = frozenset(
    {
        "SIDECAR_CONFIG",
        "SIDECAR_EXIT_WHEN",
        "SIDECAR_GRACE",
        "SIDECAR_MODE",
        "SIDECAR_ON_CONFIG_ERROR",
        "SIDECAR_POD_RESTART_POLICY",
        "SIDECAR_SECRETS_DIR",
    }
)
"""Variables of the sidecar that are not settings."""

_KUBERNETES_SERVICE = re.compile(
    r"SIDECAR_((?!.*__)\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)\w*)?)", re.ASCII
)
"""Variables that Kubernetes sets in every Pod for a Service whose name is `sidecar` or begins with it."""

_NOT_IN_A_VARIABLE = re.compile(r"[^a-z0-9_]")

Names = Mapping[str, Collection[str]]
"""The names below `sinks` and `pipelines` in the YAML file."""

UNKNOWN = "the configuration"
"""The beginning of a message about a value that does not exist in any source."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A setting as text: a variable, an option or a file."""

    name: str
    """The variable with its prefix, the path given to `--set`, or the name of a secret file."""

    value: str
    """The text."""

    place: str
    """Origin of the value, as shown in messages: `environment`, `--set`, a file, or a line of a file."""


class SettingsSource(PydanticBaseSettingsSource):
    """A source for pydantic-settings that also knows the origin of each value."""

    data: dict[str, Any]
    """The values that the source last returned."""

    def depth(self, key: Key) -> int:
        """Return the number of leading parts of the key that exist in this source."""
        return len(list(self._walk(key))) - 1

    def value(self, key: Key) -> Any:
        """Return the value of this key, or None if this source has none."""
        values = list(self._walk(key))
        return values[-1] if len(values) > len(key) else None

    def origin(self, key: Key) -> Origin:
        """Return the origin of the value of this key."""
        raise NotImplementedError

    def secret_text(self, key: Key) -> str:
        """Return the secrets at, above and below this key. A message must not contain any of their words."""
        return ""

    def _walk(self, key: Key) -> Iterator[Any]:
        value: Any = self.data
        yield value
        for part in key:
            try:
                value = _get_child(value, part)
            except (LookupError, TypeError):
                return
            yield value


class OptionsSource(SettingsSource, InitSettingsSource):
    """Values of settings that have an option, such as `--state-dir`."""

    def __init__(self, settings: type[BaseSettings], values: dict[str, Any], options: Mapping[Key, str]) -> None:
        super().__init__(settings, values)
        self.data, self._options = values, options
        self.fallback = UNKNOWN

    def origin(self, key: Key) -> Origin:
        """Return the option with the value."""
        for length in range(len(key), 0, -1):
            if option := self._options.get(key[:length]):
                return Origin(option, ".".join(map(str, key[length:])))
        return Origin(self.fallback)


class VariablesSource(SettingsSource, EnvSettingsSource):
    """Settings from texts, with a delimiter between the names of a path.

    A JSON list or mapping is decoded. Any other text is parsed by the type of the setting.
    """

    def __init__(
        self, settings: type[BaseSettings], variables: Iterable[Variable], *, prefix: str, delimiter: str = "__",
        case_sensitive: bool = False, is_secret: bool = False, names: Names = MappingProxyType({}),
    ) -> None:  # fmt: skip
        super().__init__(settings, case_sensitive=case_sensitive, env_prefix=prefix, env_nested_delimiter=delimiter)
        self._is_secret = is_secret
        self.data = {}
        named = {self._replace_name(variable, names): variable for variable in variables}
        self.variables = {self._normalize(name, named): named[name] for name in sorted(named)}
        self.env_vars = {name: variable.value for name, variable in self.variables.items()}

    def __call__(self) -> dict[str, Any]:
        self.data = super().__call__()
        _open_short_forms(self.data, self.current_state)
        return self.data

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Return the decoded list or mapping if the value is JSON; return any other text unchanged."""
        if isinstance(value, str) and value[:1] in ("[", "{"):
            try:
                return json.loads(value)
            except ValueError:
                return value
        return value

    def strays(self) -> Iterator[str]:
        """Yield a sentence for each variable that is not a setting."""
        prefix, delimiter = self.env_prefix, self.env_nested_delimiter or ""
        known = self.settings_cls.model_fields
        for name, variable in self.variables.items():
            root = name.removeprefix(self._apply_case_sensitive(prefix)).partition(delimiter)[0]
            if root not in known:
                names = [f"{prefix}{field.upper() if prefix else field}" for field in known]
                stray = variable.name.partition(delimiter)[0]
                yield f"{variable.place}: {variable.name} is not a setting{suggest(stray, names, prefix)}"

    def origin(self, key: Key) -> Origin:
        """Return the variable with the value, and the path inside its JSON."""
        names = [str(part) for part in key]
        for length in range(len(names), 0, -1):
            if variable := self._find(names[:length]):
                if self._is_secret:
                    return Origin(variable.place, ".".join(names[:length]))
                return Origin(variable.place, ".".join((variable.name, *names[length:])))
        for length in range(len(names), 1, -1):
            path = f"{self._join(names[:length])}{self.env_nested_delimiter}"
            below = (variable for name, variable in self.variables.items() if name.startswith(path))
            if variable := next(below, None):
                return Origin(variable.place if self._is_secret else f"{variable.place}: {variable.name}")
        return Origin(UNKNOWN)

    def secret_text(self, key: Key) -> str:
        """Return the secrets at, above and below this key. A message must not contain any of their words."""
        if not self._is_secret:
            return ""
        path = f"{self._join(map(str, key))}{self.env_nested_delimiter}"
        names = ((f"{name}{self.env_nested_delimiter}", variable) for name, variable in self.variables.items())
        return "\n".join(variable.value for name, variable in names if name.startswith(path) or path.startswith(name))

    def _replace_name(self, variable: Variable, names: Names) -> str:
        """Return the name of the variable, with the sink or pipeline as written in the YAML file: `My-App` for
        `MY_APP`. Keep a name that is not in the file. Raise `ConfigurationError` if two names in the file match.
        """
        delimiter = self.env_nested_delimiter or ""
        name = self._apply_case_sensitive(variable.name)
        kind, _, path = name.removeprefix(self._apply_case_sensitive(self.env_prefix)).partition(delimiter)
        written, *below = path.split(delimiter)
        if written in names.get(kind, ()):
            return name
        matches = [each for each in names.get(kind, ()) if _NOT_IN_A_VARIABLE.sub("_", each.lower()) == written]
        if len(matches) > 1:
            raise ConfigurationError(
                f"{variable.name} can mean {' or '.join(matches)}",
                location=variable.place, hint=f"use --set {kind}.{matches[0]}.NAME=VALUE",
            )  # fmt: skip
        return self._join([kind, *matches, *below]) if matches else name

    def _join(self, names: Iterable[str]) -> str:
        return self._apply_case_sensitive(self.env_prefix) + (self.env_nested_delimiter or "").join(names)

    def _find(self, names: list[str]) -> Variable | None:
        """Return the variable with this path, or with the path to which `_normalize` changed it."""
        key = _short_form_key(tuple(names))
        short, full = self._join(names), self._join([*names, key])
        return self.variables.get(short) or (self.variables.get(full) if key else None)

    def _normalize(self, name: str, names: Mapping[str, Variable]) -> str:
        """Return the name of a variable; append the key of its short form if other variables add to the same object.

        `SINKS__OUT` becomes `SINKS__OUT__URL` if there is a `SINKS__OUT__PASSWORD`.
        """
        delimiter = self.env_nested_delimiter or ""
        parts = tuple(name.removeprefix(self._apply_case_sensitive(self.env_prefix)).split(delimiter))
        is_parent = any(other.startswith(f"{name}{delimiter}") for other in names)
        if is_parent and not names[name].value.startswith("{") and (key := _short_form_key(parts)):
            return f"{name}{delimiter}{key}"
        return name


class SetOptionSource(VariablesSource):
    """Settings of `--set NAME=VALUE`, with dots between the names."""

    def __init__(self, settings: type[BaseSettings], assignments: Iterable[str]) -> None:
        variables = []
        for assignment in assignments:
            name, equals, value = assignment.partition("=")
            if not equals or not all(name.split(".")):
                raise ConfigurationError(
                    "does not have the format NAME=VALUE",
                    location="--set",
                    hint="write for example --set limits.memory=32MiB",
                )
            variables.append(Variable(name, value, "--set"))
        super().__init__(settings, variables, prefix="", delimiter=".", case_sensitive=True)


class EnvironmentSource(VariablesSource):
    """Settings in environment variables. An empty variable counts as not set."""

    def __init__(self, settings: type[BaseSettings], environ: Mapping[str, str], names: Names) -> None:
        variables = (Variable(name, value, "environment") for name, value in environ.items())
        super().__init__(settings, filter(_is_setting, variables), prefix=PREFIX, names=names)


class EnvFileSource(VariablesSource):
    """Settings in a file with lines `SIDECAR_NAME=VALUE`. Variables without the prefix are ignored."""

    def __init__(self, settings: type[BaseSettings], file: Path, names: Names) -> None:
        text = _read_text(file, "pass another file with --env-file")
        lines = {}
        for binding in parse_stream(StringIO(text)):
            line = binding.original.line + _leading_lines(binding.original.string)
            if binding.error:
                raise ConfigurationError(
                    "does not have the format NAME=VALUE", location=f"{file}:{line}", hint="check name and quotes"
                )
            if binding.key:
                lines[binding.key] = line
        values = dotenv_values(stream=StringIO(text))
        variables = (Variable(name, values[name] or "", f"{file}:{line}") for name, line in lines.items())
        super().__init__(settings, filter(_is_setting, variables), prefix=PREFIX, names=names)


class SecretsSource(VariablesSource):
    """Settings in a directory with one file per setting. The name of a file is that of the variable without the
    prefix.

    Kubernetes mounts a Secret like this: the files are links to `..data/NAME`, and `..data` is a link to a directory
    that changes. Directories and names that begin with a dot are ignored.
    """

    def __init__(self, settings: type[BaseSettings], directory: Path, names: Names) -> None:
        try:
            files = sorted(file for file in directory.iterdir() if file.name[0] != "." and not file.is_dir())
        except OSError as error:
            raise ConfigurationError(
                f"the directory {directory} cannot be read ({error.strerror})",
                location="environment: SIDECAR_SECRETS_DIR", hint="set it to the directory of the mounted Secret",
            ) from None  # fmt: skip
        hint = "let the user of the sidecar read it, or unset SIDECAR_SECRETS_DIR"
        variables = (Variable(file.name, _read_text(file, hint).strip(), str(file)) for file in files)
        present = (variable for variable in variables if variable.value)
        super().__init__(settings, present, prefix="", is_secret=True, names=names)

    def strays(self) -> Iterator[str]:
        """Yield a sentence for each file whose name is not a setting."""
        known = self.settings_cls.model_fields
        for variable in self.variables.values():
            root = variable.name.lower().partition("__")[0]
            if root not in known:
                hint = suggest(root.upper(), [field.upper() for field in known])
                if variable.name.startswith(PREFIX):
                    hint = f"; remove {PREFIX} from it"
                yield f"{variable.place}: the name of this file is not a setting{hint}"


class YamlSource(SettingsSource, InitSettingsSource):
    """Settings in the YAML file."""

    def __init__(self, settings: type[BaseSettings], file: YamlFile) -> None:
        super().__init__(settings, file.data)
        self.data, self._file = file.data, file

    def __call__(self) -> dict[str, Any]:
        _open_short_forms(self.data, self.current_state)
        return self.data

    def names(self) -> Names:
        """Return the names of sinks and pipelines in the file."""
        mappings = ((kind, self.data.get(kind)) for kind in ("sinks", "pipelines"))
        return {kind: tuple(map(str, value)) for kind, value in mappings if isinstance(value, Mapping)}

    def origin(self, key: Key) -> Origin:
        """Return the file and the line of the key."""
        return Origin(f"{self._file.path}:{self._file.line_of(key)}" if key else str(self._file.path))


def _get_child(value: Any, part: str | int) -> Any:
    """Return an item of a mapping or list. Raise `LookupError` or `TypeError` if there is none, or for a text."""
    if isinstance(value, str):
        raise TypeError(part)
    return value[part]


def may_have_pipeline(environ: Mapping[str, str]) -> bool:
    """Return whether the environment has a setting of a sink or a pipeline."""
    return any(name.startswith(("SIDECAR_SINKS", "SIDECAR_PIPELINES")) and environ[name] for name in environ)


def _is_setting(variable: Variable) -> bool:
    name = variable.name
    is_other = name in NON_SETTING_VARIABLES or _KUBERNETES_SERVICE.fullmatch(name)
    return name.startswith(PREFIX) and bool(variable.value) and not is_other


def _short_form_key(path: Key) -> str:
    """Return the key for which a text at this path is the short form; "" if there is no short form at this path."""
    match path:
        case ("sinks", _):
            return "url"
        case ("pipelines", _, "multiline"):
            return "preset"
    return ""


def _open_short_forms(data: dict[str, Any], above: Mapping[str, Any], path: Key = ()) -> None:
    """Expand short forms in `data` if a higher source has settings for the same sink or `multiline`."""
    for name, value in data.items():
        higher, key = above.get(name), (*path, name)
        if not isinstance(higher, Mapping):
            continue
        if isinstance(value, dict):
            _open_short_forms(value, higher, key)
        elif isinstance(value, str) and (full := _short_form_key(key)):
            data[name] = {full: value}


def _read_text(file: Path, hint: str) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"cannot be read ({error.strerror})", location=str(file), hint=hint) from None
    except UnicodeDecodeError:
        raise ConfigurationError("is not UTF-8 text", location=str(file), hint="save it as UTF-8") from None


def _leading_lines(text: str) -> int:
    return text[: len(text) - len(text.lstrip())].count("\n")
