"""Annotations of a Pod that change settings of its sidecar, as far as the settings allow it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from sidecar.inject import names
from sidecar.inject.quantities import parse_quantity
from sidecar.inject.reasons import Caution, Note, RefusalReason, Refused
from sidecar.inject.settings import (
    EXIT_RULE,
    MAY_BE_ALLOWED,
    PARSERS,
    PROFILES,
    InjectionSettings,
    restrict,
    sink_problem,
    suffix_problem,
)
from sidecar.lib.suggestions import suggestion_for

OWN = (names.INJECT, names.STATUS, names.REFUSED, names.REPAIRED)
"""Annotations that are no setting."""

MAX_LENGTH, MAX_GLOBS = 4096, 32
_MAX_UNKNOWN = 8
"""Unknown annotations that are reported. Each is compared with all known ones."""

_GLOB = re.compile(r"/[^\x00-\x1f\x7f,]*(?<!/)")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_WILDCARD = re.compile(r"[*?\[{]")


def is_setting(name: str) -> bool:
    """Return whether a label or annotation of this name changes what the sidecar does."""
    return name.startswith(names.ANNOTATIONS) and name.removeprefix(names.ANNOTATIONS) in ("inject", *MAY_BE_ALLOWED)


def wants_sidecar(pod: dict[str, Any]) -> bool:
    """Return whether neither the label nor the annotation of the Pod switches injection off."""
    metadata = pod.get("metadata") or {}
    values = ((metadata.get(kind) or {}).get(names.INJECT) for kind in ("labels", "annotations"))
    return not any(value in ("false", False) for value in values)


def resolve(pod: dict[str, Any], settings: InjectionSettings) -> tuple[InjectionSettings, list[Note]]:
    """Return the settings of this Pod, and cautions about annotations. Raise Refused for a value that is invalid."""
    changes: dict[str, Any] = {}
    notes: list[Note] = []
    for name, value in ((pod.get("metadata") or {}).get("annotations") or {}).items():
        if not name.startswith(names.ANNOTATIONS) or name in OWN:
            continue
        short = name.removeprefix(names.ANNOTATIONS)
        if short not in MAY_BE_ALLOWED:
            if len(notes) < _MAX_UNKNOWN:
                notes.append(_unknown(name, short))
        elif short not in settings.allow:
            raise Refused(
                RefusalReason.E_ANNOTATION, f"{name} is not in `allow` of the settings; remove the annotation"
            )
        else:
            changes[short.replace("-", "_")] = _read(short, value, settings)
    try:
        changes = restrict(settings, changes)
    except ValueError as error:
        name, reason = error.args
        raise Refused(RefusalReason.E_ANNOTATION, f"{names.ANNOTATIONS}{name.replace('_', '-')} {reason}") from None
    return msgspec.structs.replace(settings, **changes), notes


def _unknown(name: str, short: str) -> Note:
    advice = suggestion_for(short, MAY_BE_ALLOWED) if len(short) < 64 else ""
    return Note(Caution.W_ANNOTATION, f"the annotation {name[:100]} is unknown and ignored{advice}")


def _read(name: str, value: Any, settings: InjectionSettings) -> Any:
    if not isinstance(value, str) or len(value) > MAX_LENGTH:
        raise Refused(
            RefusalReason.E_ANNOTATION, f"{names.ANNOTATIONS}{name} is not a text of at most {MAX_LENGTH} characters"
        )
    if name == "profile" and value not in PROFILES | settings.profiles:
        raise Refused(RefusalReason.E_ANNOTATION, f"{names.ANNOTATIONS}profile names a profile that does not exist")
    read, meaning = _READERS[name]
    result = read(value)
    if result is None:
        raise Refused(RefusalReason.E_ANNOTATION, f"{names.ANNOTATIONS}{name} is not {meaning}")
    return result


def _globs(value: str) -> tuple[str, ...] | None:
    globs = tuple(part for part in re.split(r"[,\s]+", value) if part)
    is_valid = 0 < len(globs) <= MAX_GLOBS and all(_GLOB.fullmatch(split_glob(glob)[1]) for glob in globs)
    return globs if is_valid else None


def _excludes(value: str) -> tuple[str, ...] | None:
    globs = tuple(part for part in re.split(r"[,\s]+", value) if part)
    return globs if 0 < len(globs) <= MAX_GLOBS and value.isprintable() else None


def _matcher(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    return lambda value: value if pattern.fullmatch(value) else None


_READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "logs": (_globs, "a list of absolute globs of files, each with an optional container: web:/var/log/nginx/*.log"),
    "exclude": (_excludes, "a list of globs"),
    "parser": (_matcher(PARSERS), "a list of parsers, separated by commas"),
    "profile": (_matcher(_NAME), "the name of a profile"),
    "mode": ({"native": "native", "classic": "classic"}.get, "native or classic"),
    "exit-when": (_matcher(EXIT_RULE), "app-exits, file=PATH or idle=SECONDS"),
    "keep-image-files": ({"true": True, "false": False}.get, "true or false"),
    "suffix": (lambda value: None if suffix_problem(value) else value, "a word of letters, digits and hyphens"),
    **dict.fromkeys(
        ("requests-cpu", "requests-memory", "limits-memory"),
        (lambda value: value if parse_quantity(value) else None, "a quantity such as 100m or 128Mi"),
    ),
    "config-map": (_matcher(_NAME), "the name of a ConfigMap in the namespace of the Pod"),
    "secret": (_matcher(_NAME), "the name of a Secret in the namespace of the Pod"),
    "sink": (lambda value: None if sink_problem(value) else value, "the URL of a sink without credentials"),
}


def split_glob(entry: str) -> tuple[str, str]:
    """Return the container ("" for the first one) and the glob of an entry."""
    if entry.startswith("/") or ":" not in entry:
        return "", entry
    container, _, glob = entry.partition(":")
    return container, glob


def directory_of(glob: str) -> str:
    """Return the deepest directory that contains all matches of a glob."""
    parts = []
    for part in glob.split("/")[:-1]:
        if _WILDCARD.search(part):
            break
        parts.append(part)
    path = posixpath.normpath("/".join(parts) or "/")
    return "/" if path == "//" else path


def globs_by_container(entries: tuple[str, ...], first: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each container with its globs, in the order of the entries."""
    grouped: dict[str, list[str]] = {}
    for container, glob in map(split_glob, entries):
        if not _GLOB.fullmatch(glob) or ".." in glob.split("/"):
            raise Refused(RefusalReason.E_ANNOTATION, f"{glob[:100]} is not an absolute glob without `..`")
        grouped.setdefault(container or first, []).append(glob)
    yield from grouped.items()
