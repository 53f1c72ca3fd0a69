"""The fixed lists of reasons: why a Pod gets no sidecar, and what a person should know about one that does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class RefusalReason(Enum):
    """Why a Pod is left as it is. The name is the code in reports; the value says what it means."""

    E_ALIAS = "the Pod is written with a YAML alias or merge key"
    E_ANNOTATION = "an annotation has a value that is not accepted"
    E_DIRECTORY = "the directory belongs to the system, and an empty volume there would break the image"
    E_EDITED = "the sidecar was changed by hand after it was added"
    E_FORM = "the manifest is written in a form that cannot be extended without changing other bytes"
    E_HOST_PATH = "the log directory is a hostPath volume"
    E_JOB_NO_EXIT = "an ordinary container would keep a Job from completing"
    E_MIRROR = "the Pod is the mirror of a static Pod"
    E_MOUNT_CONFLICT = "the log directory is on a volume that applications cannot write to"
    E_NAME_TAKEN = "a container or volume has a name that is reserved for the sidecar"
    E_NO_CONTAINER = "the container that is named does not exist"
    E_NO_SINK = "the settings name no sink and no ConfigMap"
    E_PROCESSES = "the rule app-exits needs shareProcessNamespace, which the Pod switches off"
    E_SETTINGS = "the settings of the namespace are not valid"
    E_SHAPE = "the Pod is not a valid Pod"
    E_SUB_PATH = "the sub-path of the log directory has a variable that the sidecar cannot have"
    E_WINDOWS = "the Pod runs on Windows"


class Caution(Enum):
    """What a person should know about a Pod that gets the sidecar."""

    W_ANNOTATION = "an annotation is unknown, or not at the Pod"
    W_AUTOSCALER = "the list of local volumes that may be evicted lacks those of the sidecar"
    W_GRACE = "the grace period is short"
    W_HOSTNET = "the Pod uses the network of its node"
    W_KIND = "the object has a Pod, and is of a kind that only the webhook or a policy can give a sidecar"
    W_LATEST = "the image of the sidecar has no fixed version"
    W_MASK = "the new volume hides the files that the image has there"
    W_NEIGHBOUR = "another webhook removed or moved parts of the sidecar"
    W_ONFAILURE = "the sidecar waits 330 seconds for a restart of the application"
    W_POD_RESOURCES = "the sidecar shares the resources of the Pod"
    W_PROCESSES = "the containers of the Pod see each other's processes"
    W_QOS = "the Pod does not keep the QoS class Guaranteed"
    W_UID = "the sidecar may not be allowed to read the log files"


@dataclass(frozen=True, slots=True)
class Note:
    """A refusal or caution with the details of this Pod, as one sentence."""

    code: RefusalReason | Caution
    detail: str

    def __str__(self) -> str:
        return f"{self.code.name}: {self.detail}"


class Refused(Exception):
    """Raised inside the package when a Pod is left as it is."""

    def __init__(self, code: RefusalReason, detail: str) -> None:
        super().__init__(detail)
        self.note = Note(code, detail)
