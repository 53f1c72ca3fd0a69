"""Answers an AdmissionReview. Pure: bytes and settings in, an answer out."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import msgspec

from sidecar.inject import names
from sidecar.inject.addition import Object, json_patch, json_pointer
from sidecar.inject.plan import plan
from sidecar.inject.reasons import Note, RefusalReason
from sidecar.inject.repair import find_damage, repair
from sidecar.inject.settings import InjectionSettings
from sidecar.lib.terminal import escape_control_characters

API_VERSION, KIND = "admission.k8s.io/v1", "AdmissionReview"
MAX_WARNING_CHARACTERS, MAX_WARNINGS = 250, 10
"""Kubernetes shortens longer warnings, and drops those after 4,096 characters."""


class InvalidReview(Exception):
    """The body of a request is not an AdmissionReview that can be answered."""


class GroupVersionKind(msgspec.Struct):
    """The type of an object."""

    group: str = ""
    kind: str = ""


class AdmissionRequest(msgspec.Struct):
    """The question about one object. Fields that are not needed are ignored."""

    uid: str
    object: Any = None
    kind: GroupVersionKind = msgspec.field(default_factory=GroupVersionKind)
    operation: str = ""
    namespace: str = ""
    subResource: str = ""  # noqa: N815 - the name of the field in Kubernetes
    dryRun: bool = False  # noqa: N815

    @property
    def is_new_pod(self) -> bool:
        """Whether the object is a Pod that is about to be created."""
        is_pod = (self.kind.group, self.kind.kind, self.subResource) == ("", "Pod", "")
        return is_pod and self.operation == "CREATE" and isinstance(self.object, dict)


class _Review(msgspec.Struct):
    apiVersion: str  # noqa: N815
    kind: str
    request: AdmissionRequest


class Admission(msgspec.Struct, frozen=True):
    """The decision about one Pod."""

    result: str
    """`injected`, `repaired`, `unchanged`, `refused` or `denied`."""

    operations: list[Object] = []
    """The JSON patch (RFC 6902)."""

    refusal: Note | None = None
    cautions: tuple[Note, ...] = ()


_DECODER = msgspec.json.Decoder(_Review)


def read_review(body: bytes) -> AdmissionRequest:
    """Return the request of an AdmissionReview. Raise `InvalidReview` if it is not one."""
    try:
        review = _DECODER.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidReview(f"the body is not an AdmissionReview: {error}") from None
    except (msgspec.DecodeError, UnicodeError):
        raise InvalidReview("the body is not JSON") from None
    except RecursionError:
        raise InvalidReview("the body is nested too deeply") from None
    if (review.apiVersion, review.kind) != (API_VERSION, KIND):
        raise InvalidReview(f"only {KIND} of {API_VERSION} is supported")
    return review.request


def admit(pod: Object, settings: InjectionSettings) -> Admission:
    """Return what is done about a Pod that is about to be created. It is never changed."""
    try:
        addition = plan(pod, settings)
        if addition.refusal:
            return refuse(pod, addition.refusal, settings)
        if damage := find_damage(pod):
            operations, cautions = repair(pod, settings, damage)
            return Admission("repaired" if operations else "unchanged", operations, cautions=tuple(cautions))
        operations = json_patch(addition.insertions)
    except RecursionError:
        return refuse(pod, Note(RefusalReason.E_SHAPE, "the Pod is nested too deeply"), settings)
    if operations and names.REFUSED in _annotations(pod):
        operations.append({"op": "remove", "path": json_pointer(("metadata", "annotations", names.REFUSED))})
    return Admission(addition.outcome, operations, cautions=addition.cautions)


def refuse(pod: Object, note: Note, settings: InjectionSettings) -> Admission:
    """Return the answer for a Pod that stays without the sidecar: it starts with an annotation, or does not start."""
    if note.code is RefusalReason.E_MIRROR:
        return Admission("refused", refusal=note)
    if settings.strict:
        return Admission("denied", refusal=note)
    return Admission("refused", _refusal_annotation(pod, note), refusal=note)


def _refusal_annotation(pod: Object, note: Note) -> list[Object]:
    """Return the operations that write the reason into the Pod, as far as its metadata have the right form."""
    metadata, text = pod.get("metadata"), shorten(str(note))
    if metadata is not None and not isinstance(metadata, dict):
        return []
    if not metadata:
        return [{"op": "add", "path": "/metadata", "value": {"annotations": {names.REFUSED: text}}}]
    annotations = metadata.get("annotations")
    if annotations is not None and not isinstance(annotations, dict):
        return []
    if not annotations:
        return [{"op": "add", "path": "/metadata/annotations", "value": {names.REFUSED: text}}]
    if annotations.get(names.REFUSED) == text:
        return []
    return [{"op": "add", "path": json_pointer(("metadata", "annotations", names.REFUSED)), "value": text}]


def _annotations(pod: Object) -> Object:
    metadata = pod.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return annotations if isinstance(annotations, dict) else {}


def shorten(text: str) -> str:
    """Return a text as a warning may be: in one line of limited length, without control characters."""
    return escape_control_characters(text[:MAX_WARNING_CHARACTERS])[:MAX_WARNING_CHARACTERS]


def encode_answer(uid: str, admission: Admission) -> bytes:
    """Return the AdmissionReview with the answer."""
    response: dict[str, Any] = {"uid": uid, "allowed": admission.result != "denied"}
    if admission.operations:
        patch = b64encode(msgspec.json.encode(admission.operations)).decode()
        response |= {"patchType": "JSONPatch", "patch": patch}
    notes = [note for note in (admission.refusal, *admission.cautions) if note]
    if admission.result == "denied":
        message = shorten(f"log-sidecar: {admission.refusal}")
        response["status"] = {"code": 403, "reason": "Forbidden", "message": message}
    elif notes:
        response["warnings"] = [shorten(f"log-sidecar: {note}") for note in notes[:MAX_WARNINGS]]
    return msgspec.json.encode({"apiVersion": API_VERSION, "kind": KIND, "response": response})
