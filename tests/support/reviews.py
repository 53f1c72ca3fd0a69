"""AdmissionReviews as the API server sends them, and what their answers make of a Pod."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

from tests.support.json_patch import Object, apply_patch

UID = "705ab4f5-6393-11e8-b7cc-42010a800002"


def review_of(pod: Any, **request: Any) -> bytes:
    """Return the review of a Pod that is about to be created in the namespace `shop`."""
    return json.dumps({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": UID, "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE",
            "resource": {"group": "", "version": "v1", "resource": "pods"}, "namespace": "shop",
            "userInfo": {"username": "admin"}, "object": pod, "oldObject": None, "dryRun": False,
            "options": {"kind": "CreateOptions"}, **request,
        },
    }).encode()  # fmt: skip


def response_of(answer: bytes) -> Object:
    """Return the response of an answer. Raises `AssertionError` if the API server would refuse the answer."""
    review = json.loads(answer)
    assert (review["apiVersion"], review["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    response: Object = review["response"]
    assert response["uid"]
    assert response.keys() <= {"uid", "allowed", "patch", "patchType", "warnings", "status"}
    assert ("patch" in response) == (response.get("patchType") == "JSONPatch")
    for warning in response.get("warnings", []):
        assert warning.isprintable()
        assert len(warning) <= 256
    assert sum(map(len, response.get("warnings", []))) <= 4096
    return response


def admitted(pod: Object, answer: bytes) -> Object:
    """Return what the API server makes of the Pod."""
    response = response_of(answer)
    assert response["allowed"] is True
    operations = json.loads(b64decode(response["patch"])) if "patch" in response else []
    return apply_patch(pod, operations)
