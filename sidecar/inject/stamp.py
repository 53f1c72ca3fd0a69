"""The stamp of an injected Pod: an annotation with what was added, so that exactly this can be removed.

It holds names and a hash, and never the original text: annotations are limited to 256 KiB. Items of lists have
reserved names. Keys of mappings are listed, because a Pod may have had an empty one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from sidecar import __version__
from sidecar.inject import names
from sidecar.inject.addition import Insertion, Object, Path, canonical, find

_HASH_LENGTH = 16


class Stamp(msgspec.Struct, frozen=True):
    """The content of the annotation `log-sidecar/status`."""

    version: str
    hash: str
    added: tuple[str, ...]
    """Keys of mappings, as pointers in which items of lists are named."""


def read_stamp(pod: Object) -> Stamp | None:
    """Return the stamp of a Pod; None if it has none that can be read."""
    text = ((pod.get("metadata") or {}).get("annotations") or {}).get(names.STATUS)
    try:
        return msgspec.json.decode(text, type=Stamp) if isinstance(text, str) else None
    except msgspec.DecodeError:
        return None


def build_stamp(pod: Object, injected: Object, insertions: Iterable[Insertion]) -> str:
    """Return the annotation for a Pod that became `injected` by these insertions."""
    added = tuple(dict.fromkeys(pointer for insertion in insertions for pointer in _added(pod, insertion)))
    stamp = Stamp(__version__, content_hash(injected, added), added)
    return msgspec.json.encode(stamp).decode()


def _added(pod: Object, insertion: Insertion) -> Iterator[str]:
    parent = find(pod, insertion.parent)
    if not isinstance(parent, list):
        path = (*name_path(pod, insertion.parent), str(insertion.key))
        yield from _keys(path, insertion.value, is_new=insertion.key not in parent)


def _keys(path: tuple[str, ...], value: Any, *, is_new: bool = True) -> Iterator[str]:
    if is_new and path[-1] != names.STATUS:
        yield pointer(path)
    if isinstance(value, dict) and path[0] == "metadata":
        for key, inner in value.items():
            yield from _keys((*path, key), inner)


def find_or_none(root: Any, path: Path) -> Any:
    """Return the value at a path, None if there is none."""
    try:
        return find(root, path)
    except (KeyError, IndexError, TypeError):
        return None


def name_path(pod: Object, path: Path) -> tuple[str, ...]:
    """Return the path with the name of each item instead of its index."""
    return tuple(
        key if isinstance(key, str) else str(find(pod, path[:position])[key]["name"])
        for position, key in enumerate(path)
    )


def pointer(path: Iterable[str]) -> str:
    """Return a path as one text."""
    return "/".join(key.replace("~", "~0").replace("/", "~1") for key in path)


def content_hash(pod: Object, added: Iterable[str]) -> str:
    """Return the hash of everything in the Pod that belongs to the sidecar, except the stamp."""
    content = {pointer(name_path(pod, path)): find(pod, path) for path in own_paths(pod, added)}
    content.pop(pointer(("metadata", "annotations", names.STATUS)), None)
    return hashlib.sha256(canonical(content).encode()).hexdigest()[:_HASH_LENGTH]


def own_paths(pod: Object, added: Iterable[str]) -> list[Path]:
    """Return the smallest parts that belong to the sidecar: items with reserved names, and scalars of added keys."""
    spec = pod.get("spec") or {}
    paths: list[Path] = [
        ("spec", kind, index)
        for kind in ("initContainers", "containers", "volumes")
        for index, item in enumerate(spec.get(kind) or [])
        if names.is_reserved(item["name"])
    ]
    for index, container in enumerate(spec.get("containers") or []):
        if names.is_reserved(container["name"]):
            continue
        for position, mount in enumerate(container.get("volumeMounts") or []):
            if names.is_reserved(mount["name"]):
                paths.append(("spec", "containers", index, "volumeMounts", position))
    metadata = pod.get("metadata") or {}
    keys = [
        *(("metadata", kind, key) for kind in ("labels", "annotations") for key in metadata.get(kind) or {}),
        ("spec", "shareProcessNamespace"),
    ]
    listed = {*added, pointer(("metadata", "annotations", names.STATUS))}
    return paths + [path for path in keys if pointer(path) in listed and find_or_none(pod, path) is not None]


def removable(pod: Object, stamp: Stamp) -> list[Path]:
    """Return what to remove: the parts of the sidecar, or a whole list or mapping that holds nothing else."""
    doomed: set[Path] = set(own_paths(pod, stamp.added))
    for path in sorted(_created(pod, stamp), key=len, reverse=True):
        value = find(pod, path)
        keys = range(len(value)) if isinstance(value, list) else value.keys()
        children = {(*path, key) for key in keys}
        if children <= doomed:
            doomed = (doomed - children) | {path}
    return sorted(doomed, key=str)


def _created(pod: Object, stamp: Stamp) -> Iterator[Path]:
    """Yield the lists and mappings that did not exist before."""
    listed = set(stamp.added)
    spec = pod.get("spec") or {}
    candidates: list[Path] = [("metadata",), ("metadata", "labels"), ("metadata", "annotations")]
    candidates += [("spec", kind) for kind in ("initContainers", "volumes")]
    candidates += [
        ("spec", "containers", index, "volumeMounts") for index in range(len(spec.get("containers") or []))
    ]
    for path in candidates:
        if isinstance(find_or_none(pod, path), list | dict) and pointer(name_path(pod, path)) in listed:
            yield path


def remove(pod: Object, paths: Iterable[Path]) -> Object:
    """Return a copy of the Pod without these parts."""
    doomed = set(paths)

    def copy(value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {key: copy(inner, (*path, key)) for key, inner in value.items() if (*path, key) not in doomed}
        if isinstance(value, list):
            kept = [(index, inner) for index, inner in enumerate(value) if (*path, index) not in doomed]
            return [copy(inner, (*path, index)) for index, inner in kept]
        return value

    result: Object = copy(pod, ())
    return result
