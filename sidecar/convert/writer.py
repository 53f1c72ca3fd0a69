"""Writes a conversion as a configuration file with comments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from sidecar.config.schema_line import SCHEMA_LINE
from sidecar.convert.model import Conversion, PipelineDraft, Remark, SinkDraft
from sidecar.convert.secrets import find_credentials
from sidecar.convert.variables import required_names
from sidecar.lib.terminal import escape_control_characters

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_/.+-]*")
_MAX_COMMENT_LENGTH = 300
_MAX_WIDTH = 1 << 30


def write(conversion: Conversion) -> str:
    """Return the text of the configuration."""
    parts: list[Iterable[str]] = [_header(conversion), _comments(conversion.remarks, "")]
    if conversion.settings:
        parts.append(_render(conversion.settings, ""))
    parts += [["", "sinks:"], *(_sink(sink) for sink in conversion.sinks)]
    parts += [["", "pipelines:"], *(_pipeline(pipeline) for pipeline in conversion.pipelines)]
    return "\n".join(line for part in parts for line in part) + "\n"


def _header(conversion: Conversion) -> Iterator[str]:
    yield SCHEMA_LINE
    yield f"# Converted from {_one_line(conversion.file)} ({conversion.tool}) by `sidecar convert`."
    count = sum(remark.is_loss for remark in conversion.all_remarks())
    if count:
        yield f"# {count} {'part' if count == 1 else 'parts'} of the source could not be converted: see `left out`."
    names = dict.fromkeys(required_names([_settings_of(conversion), *map(_content_of, _parts(conversion))]))
    if names:
        yield "# Set these variables in the environment:"
    for name in names:
        secret = conversion.variables.get(name)
        yield f"#   {name}{f': the secret at {_one_line(secret)}' if secret else ''}"


def _settings_of(conversion: Conversion) -> Any:
    return conversion.settings


def _parts(conversion: Conversion) -> list[SinkDraft | PipelineDraft]:
    return [*conversion.sinks, *conversion.pipelines]


def _content_of(part: SinkDraft | PipelineDraft) -> dict[str, Any]:
    content = dict(part.settings)
    if isinstance(part, PipelineDraft):
        if part.transforms:
            content["transforms"] = part.transforms
        if part.sinks is not None:
            content["sinks"] = part.sinks
    return content


def _sink(sink: SinkDraft) -> Iterator[str]:
    yield f"  {_scalar(sink.name)}:"
    yield from _comments(sink.remarks, "    ")
    yield from _render(sink.settings, "    ")


def _pipeline(pipeline: PipelineDraft) -> Iterator[str]:
    yield f"  {_scalar(pipeline.name)}:"
    yield from _comments(pipeline.remarks, "    ")
    yield from _render(_content_of(pipeline), "    ")


def _comments(remarks: Iterable[Remark], indent: str) -> Iterator[str]:
    for remark in dict.fromkeys(remarks):
        kind = "left out" if remark.is_loss else "note"
        what = f"{_without_secrets(remark.what)}: " if remark.what else ""
        text = _one_line(f"{kind}: {remark.place}: {what}{_without_secrets(remark.reason)}")
        yield f"{indent}# {text if len(text) <= _MAX_COMMENT_LENGTH else f'{text[:_MAX_COMMENT_LENGTH]}…'}"


def _without_secrets(text: str) -> str:
    return "(not shown, because it may contain a secret)" if find_credentials(text) else text


def _one_line(text: str) -> str:
    return escape_control_characters(" ".join(text.split()))


def _render(value: Any, indent: str) -> Iterator[str]:
    """Yield the lines of a mapping or list."""
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _render_entry(f"{indent}{_scalar(name)}:", child, f"{indent}  ")
    else:
        for child in value:
            yield from _render_item(child, indent)


def _render_entry(head: str, child: Any, indent: str) -> Iterator[str]:
    if isinstance(child, dict | list) and child:
        yield head
        yield from _render(child, indent)
    else:
        yield f"{head} {_scalar(child)}"


def _render_item(child: Any, indent: str) -> Iterator[str]:
    if not isinstance(child, dict | list) or not child:
        yield f"{indent}- {_scalar(child)}"
        return
    first, *rest = _render(child, f"{indent}  ")
    yield f"{indent}- {first.lstrip(' ')}"
    yield from rest


def _scalar(value: Any) -> str:
    """Return a value as YAML in one line. A text is quoted unless every reader takes it for a text."""
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and isinstance(yaml.safe_load(value), str) and not _is_word_of_yaml(value):
            return value
        style = "'" if value.isprintable() and value else '"'
        return yaml.safe_dump(
            value, default_style=style, width=_MAX_WIDTH, allow_unicode=value.isprintable()
        ).removesuffix("\n")
    text = yaml.safe_dump(value, default_flow_style=True, width=_MAX_WIDTH)
    return text.removesuffix("\n").removesuffix("\n...")


def _is_word_of_yaml(text: str) -> bool:
    """Return whether some version of YAML takes the text for a flag, a null or a number."""
    return text.lower() in ("y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan")
