"""Adds the sidecar to manifests as text, and removes it again.

Each result is checked before it is returned: read as values it has exactly the insertions, and removal gives back the
same bytes. What does not pass is refused, so that an unusual form of YAML never yields a wrong file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sidecar.inject.addition import Insertion, Object, Path, apply
from sidecar.inject.annotations import is_setting
from sidecar.inject.edit import PodText, Splice, cannot_edit, splice
from sidecar.inject.nodes import ManifestError, YamlNode, parse
from sidecar.inject.plan import plan
from sidecar.inject.reasons import Caution, Note, RefusalReason, Refused
from sidecar.inject.settings import InjectionSettings, build_settings, settings_of_texts
from sidecar.inject.shape import check_shape
from sidecar.inject.stamp import Stamp, content_hash, read_stamp, removable

_TEMPLATE: Path = ("spec", "template")

POD_PATHS: dict[str, Path] = {
    "Pod": (),
    "PodTemplate": ("template",),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    **dict.fromkeys(
        ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"), _TEMPLATE
    ),
}
"""Kind → where it has its Pod."""


@dataclass(frozen=True, slots=True)
class PodOutcome:
    """What became of one object that has a Pod."""

    kind: str
    name: str
    namespace: str
    outcome: str
    """`injected`, `upgraded`, `removed`, `unchanged` or `refused`."""

    line: int
    refusal: Note | None = None
    cautions: tuple[Note, ...] = ()

    def __str__(self) -> str:
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        reason = f" ({self.refusal})" if self.refusal else ""
        return f"{self.kind} {name}: {self.outcome}{reason}"


@dataclass(frozen=True, slots=True)
class Edited:
    """The text of manifests after a change, and what became of each Pod."""

    text: str
    outcomes: tuple[PodOutcome, ...]


@dataclass(frozen=True, slots=True)
class PodObject:
    """An object with a Pod, where it is in the text."""

    item: YamlNode
    root: YamlNode
    """The node with `metadata` and `spec` of the Pod."""

    used_anchors: set[str]
    is_reachable: bool
    """Whether no alias is on the way to the Pod."""

    def value(self) -> Object:
        """Return the Pod as plain dictionaries."""
        value: Object = self.root.plain()
        return value

    def outcome(
        self, text: str, outcome: str, refusal: Note | None = None, cautions: tuple[Note, ...] = ()
    ) -> PodOutcome:
        """Return an outcome with the names of the object."""
        return _outcome_of(self.item, text, outcome, refusal, cautions)


def _outcome_of(
    item: YamlNode, text: str, outcome: str, refusal: Note | None = None, cautions: tuple[Note, ...] = ()
) -> PodOutcome:
    metadata = item.get("metadata")
    values = metadata.plain() if metadata and metadata.kind == "mapping" else {}
    name = values.get("name") or values.get("generateName") or ""
    line = text.count("\n", 0, item.start) + 1
    return PodOutcome(_kind(item), str(name), str(values.get("namespace") or ""), outcome, line, refusal, cautions)


def _kind(item: YamlNode) -> str:
    kind = item.get("kind") if item.kind == "mapping" else None
    return kind.value if kind and isinstance(kind.value, str) else ""


class Manifest:
    """The text of manifests with the objects that have a Pod. Raise ManifestError if it cannot be read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._documents = parse(text)
        self.pods = [found for root, used in self._documents for found in _find_in(root, used, is_reachable=True)]

    def objects(self) -> Iterator[YamlNode]:
        """Yield every object, also those of a list."""
        for root, _ in self._documents:
            yield from _objects_in(root)

    def unknown(self) -> Iterator[PodOutcome]:
        """Yield an outcome for each object of a kind that is not known, and that has the template of a Pod."""
        for item in self.objects():
            if _kind(item) and _kind(item) not in POD_PATHS and _has_template(item):
                detail = f"{_kind(item)} has a Pod, and only the webhook or a policy adds the sidecar to it"
                yield _outcome_of(item, self.text, "unchanged", cautions=(Note(Caution.W_KIND, detail),))

    def settings_of_function(self, settings: InjectionSettings) -> InjectionSettings:
        """Return the settings of the `functionConfig`, if the text is the input of a function of kustomize or kpt."""
        for root, _ in self._documents:
            function = root.get("functionConfig") if _kind(root) == "ResourceList" else None
            if not function or function.kind != "mapping":
                continue
            if values := function.get("spec"):
                return build_settings(values.plain(), "functionConfig")
            if values := function.get("data"):
                return settings_of_texts(values.plain(), "functionConfig")
        return settings


def _objects_in(item: YamlNode) -> Iterator[YamlNode]:
    items = item.get("items") if _kind(item).endswith("List") else None
    if items and items.kind == "sequence":
        for each in items.items:
            yield from _objects_in(each)
    else:
        yield item


def _find_in(item: YamlNode, used: set[str], *, is_reachable: bool) -> Iterator[PodObject]:
    is_reachable = is_reachable and not item.is_alias and item.anchor not in used
    kind = _kind(item)
    if kind.endswith("List"):
        items = item.get("items")
        is_reachable = is_reachable and bool(items) and not (items and items.is_alias)
        for each in items.items if items and items.kind == "sequence" else []:
            yield from _find_in(each, used, is_reachable=is_reachable)
        return
    if kind not in POD_PATHS:
        return
    node: YamlNode | None = item
    for key in POD_PATHS[kind]:
        node = node.get(key) if node and node.kind == "mapping" else None
        is_reachable = is_reachable and node is not None and not node.is_alias and node.anchor not in used
    if node is not None and node.kind == "mapping":
        yield PodObject(item, node, used, is_reachable)


def _has_template(node: YamlNode) -> bool:
    """Return whether the template of a Pod is somewhere inside of a node."""
    for key, value in node.pairs:
        if isinstance(key.value, str) and key.value.lower().endswith("template") and value.kind == "mapping":
            spec = value.get("spec")
            containers = spec.get("containers") if spec else None
            if containers and containers.kind == "sequence":
                return True
    return any(map(_has_template, (*node.items, *(value for _, value in node.pairs))))


def inject(text: str, settings: InjectionSettings, *, is_forced: bool = False) -> Edited:
    """Return the text with the sidecar in each Pod. A sidecar that was added before is replaced by that of today.

    `is_forced`: also replace one that was changed by hand.
    """
    before = Manifest(text)
    removals = _remove_all(before, is_forced=is_forced)
    bare = Manifest(removals.text) if removals.text != text else before
    settings = bare.settings_of_function(settings)
    plans = [_plan_text(bare.text, found, settings) for found in bare.pods]
    for index, removal in enumerate(removals.outcomes):
        if removal.outcome == "refused":
            plans[index] = _TextPlan(removal)
    after = _extend(bare, plans)
    outcomes = tuple(_compare(*each) for each in zip(before.pods, after.pods, removals.outcomes, plans, strict=True))
    is_same = all(outcome.outcome in ("unchanged", "refused") for outcome in outcomes)
    return Edited(text if is_same else after.text, (*outcomes, *bare.unknown()))


@dataclass(slots=True)
class _TextPlan:
    """What is decided about one Pod, and the changes of the text."""

    outcome: PodOutcome
    insertions: tuple[Insertion, ...] = ()
    changes: tuple[Splice, ...] = ()


def _plan_text(text: str, found: PodObject, settings: InjectionSettings) -> _TextPlan:
    try:
        pod_text = _pod_text(text, found)
        # The label is useful, and not needed. Many manifests write labels once and refer to them in the selector.
        addition = plan(found.value(), settings, with_label=not pod_text.is_shared(("metadata", "labels")))
        changes = tuple(pod_text.insert(addition.insertions))
    except Refused as refused:
        return _TextPlan(found.outcome(text, "refused", refused.note))
    cautions = (*addition.cautions, *_misplaced(found))
    outcome = found.outcome(text, addition.outcome, addition.refusal, cautions)
    return _TextPlan(outcome, addition.insertions, changes)


def _misplaced(found: PodObject) -> Iterator[Note]:
    """Yield a caution if the object has a label or annotation that only the template of its Pod may have."""
    for kind in () if found.item is found.root else ("labels", "annotations"):
        metadata = found.item.get("metadata")
        values = metadata.get(kind) if metadata else None
        for key, _ in values.pairs if values else ():
            if isinstance(key.value, str) and is_setting(key.value):
                place = ".".join(map(str, (*POD_PATHS[_kind(found.item)], "metadata", kind)))
                yield Note(Caution.W_ANNOTATION, f"{key.value} has no effect here; write it in {place}")


def _pod_text(text: str, found: PodObject) -> PodText:
    if not found.is_reachable:
        raise Refused(RefusalReason.E_ALIAS, "an alias is on the way to the Pod")
    return PodText(text, found.root, found.used_anchors)


def _extend(bare: Manifest, plans: list[_TextPlan]) -> Manifest:
    """Return the text with all changes. If the result is wrong, refuse the Pods that cause it."""
    if extended := _try(bare, plans):
        return extended
    for index, planned in enumerate(plans):
        alone = [_TextPlan(planned.outcome) if other != index else planned for other in range(len(plans))]
        if planned.changes and not _try(bare, alone):
            advice = "" if bare.text.endswith("\n") else "; end it with a newline"
            note = cannot_edit(f"the text cannot be extended without changing other bytes{advice}")
            plans[index] = _TextPlan(bare.pods[index].outcome(bare.text, "refused", note.note))
    return _try(bare, plans) or bare


def _try(bare: Manifest, plans: list[_TextPlan]) -> Manifest | None:
    """Return the changed text if it has exactly the insertions, and if removal gives back the same bytes."""
    try:
        after = Manifest(splice(bare.text, [change for planned in plans for change in planned.changes]))
        pairs = zip(bare.pods, after.pods, plans, strict=True)
        is_right = all(new.value() == apply(old.value(), planned.insertions) for old, new, planned in pairs)
        changes = [
            change
            for found, planned in zip(after.pods, plans, strict=True)
            if planned.changes
            for change in _remove_one(after.text, found, is_forced=False)[0]
        ]
    except (ManifestError, Refused, ValueError):
        return None
    return after if is_right and splice(after.text, changes) == bare.text else None


def _compare(old: PodObject, new: PodObject, removal: PodOutcome, planned: _TextPlan) -> PodOutcome:
    outcome = planned.outcome
    if outcome.outcome != "injected":
        return outcome
    if old.value() == new.value():
        return replace(outcome, outcome="unchanged")
    return replace(outcome, outcome="upgraded") if removal.outcome == "removed" else outcome


def uninject(text: str, *, is_forced: bool = False) -> Edited:
    """Return the text without what `inject` added. `is_forced`: also where it was changed by hand."""
    return _remove_all(Manifest(text), is_forced=is_forced)


def _remove_all(manifest: Manifest, *, is_forced: bool) -> Edited:
    changes: list[Splice] = []
    outcomes = []
    for found in manifest.pods:
        try:
            of_pod, outcome = _remove_one(manifest.text, found, is_forced=is_forced)
        except Refused as refused:
            of_pod, outcome = [], found.outcome(manifest.text, "refused", refused.note)
        changes += of_pod
        outcomes.append(outcome)
    return Edited(splice(manifest.text, changes), tuple(outcomes))


def _remove_one(text: str, found: PodObject, *, is_forced: bool) -> tuple[list[Splice], PodOutcome]:
    pod = found.value()
    stamp = _stamp_of(pod)
    if stamp is None:
        return [], found.outcome(text, "unchanged")
    if content_hash(pod, stamp.added) != stamp.hash and not is_forced:
        raise Refused(RefusalReason.E_EDITED, "restore it, or use --force, which loses the changes")
    changes = _pod_text(text, found).cut(removable(pod, stamp))
    return changes, found.outcome(text, "removed")


def _stamp_of(pod: Any) -> Stamp | None:
    try:
        check_shape(pod)
    except Refused:
        return None
    return read_stamp(pod)
