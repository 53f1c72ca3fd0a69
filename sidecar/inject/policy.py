"""Builds admission policies by which the API server adds the sidecar to Pods, without another program.

`coverage` decides which Pods get the sidecar, and `policy_patch` is the change. A validating policy warns where a Pod
has no sidecar, and another one refuses an image of another repository under its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import yaml

from sidecar.errors import ConfigurationError
from sidecar.inject import names
from sidecar.inject.addition import Object
from sidecar.inject.annotations import OWN
from sidecar.inject.cel import list_of, quote
from sidecar.inject.coverage import Variables, log_variables
from sidecar.inject.logs import IMAGE_DIRECTORIES
from sidecar.inject.plan import MIN_GRACE_S, with_target
from sidecar.inject.policy_patch import patch, pod_variables
from sidecar.inject.reasons import Refused
from sidecar.inject.settings import MAY_BE_ALLOWED, InjectionSettings

Api = Literal["v1", "v1beta1"]
"""Version of MutatingAdmissionPolicy: v1 since Kubernetes 1.36, v1beta1 in 1.34 and 1.35."""

_INJECT, _PRESENT, _ADVICE, _IMAGE = "log-sidecar", "log-sidecar-present", "log-sidecar-advice", "log-sidecar-image"
_SYSTEM_NAMESPACES = ["kube-system", "kube-node-lease"]


def build_policies(settings: InjectionSettings, api: Api) -> list[Object]:
    """Return the policies and their bindings. Raise ConfigurationError for settings that no policy can follow."""
    settings = _check(settings)
    variables = log_variables(settings)
    lists = {name: variables[name] for name in ("annotations", "inits")}
    to_warn = {"validationActions": ["Warn", "Audit"]}
    return [
        _object("MutatingAdmissionPolicy", _INJECT, api, _mutation(settings, variables)),
        *_bindings("MutatingAdmissionPolicyBinding", _INJECT, api, {}),
        _object("ValidatingAdmissionPolicy", _PRESENT, "v1", _warning(variables, [_presence()])),
        *_bindings("ValidatingAdmissionPolicyBinding", _PRESENT, "v1", to_warn),
        _object("ValidatingAdmissionPolicy", _ADVICE, "v1", _warning(lists, _advice())),
        *_bindings("ValidatingAdmissionPolicyBinding", _ADVICE, "v1", to_warn),
        _object("ValidatingAdmissionPolicy", _IMAGE, "v1", _image(settings)),
        _object(
            "ValidatingAdmissionPolicyBinding", _IMAGE, "v1", {"policyName": _IMAGE, "validationActions": ["Deny"]}
        ),
    ]


def to_yaml(objects: list[Object]) -> str:
    """Return objects as YAML in which a text of several lines is a literal block."""
    return yaml.dump_all(
        objects, Dumper=_PolicyDumper, sort_keys=False, width=10_000, explicit_start=True, allow_unicode=True
    )


class _PolicyDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_PolicyDumper.add_representer(str, _represent_text)


def _check(settings: InjectionSettings) -> InjectionSettings:
    """Return the settings with the suffix in the sink."""
    hint = "change the setting, or use `sidecar inject` or the webhook"
    if not settings.sink and not settings.config_map:
        raise ConfigurationError("the settings name no sink and no ConfigMap", hint="set sink or config_map")
    if settings.mode != "native":
        raise ConfigurationError("mode: a policy adds native sidecars only", hint=hint)
    if settings.keep_image_files:
        raise ConfigurationError("keep_image_files: a policy cannot copy the files of an image", hint=hint)
    try:
        return with_target(settings)
    except Refused as refused:
        raise ConfigurationError(str(refused), hint=hint) from None


def _object(kind: str, name: str, api: str, spec: Object) -> Object:
    return {
        "apiVersion": f"admissionregistration.k8s.io/{api}",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def _bindings(kind: str, policy: str, api: str, options: Object) -> Iterator[Object]:
    """Yield a binding for Pods with the label, and one for all Pods of namespaces with the label."""
    outside = {
        "matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": _SYSTEM_NAMESPACES}
        ]
    }
    selectors: dict[str, Object] = {
        "by-pod": {"namespaceSelector": outside, "objectSelector": {"matchLabels": {names.INJECT: "true"}}},
        "by-namespace": {"namespaceSelector": {"matchLabels": {names.INJECTION: "enabled"}, **outside}},
    }
    for suffix, resources in selectors.items():
        yield _object(kind, f"{policy}-{suffix}", api, {"policyName": policy, "matchResources": resources, **options})


def _match_pods(*operations: str) -> Object:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": list(operations), "resources": ["pods"]}
    return {"resourceRules": [rule]}


def _wanted() -> list[Object]:
    """Return the conditions of Pods that want a sidecar. A condition cannot use the variables."""
    refused = " ||\n".join(_has_value(kind, names.INJECT, "false") for kind in ("labels", "annotations"))
    mirror = quote("kubernetes.io/config.mirror")
    is_mirror = f"has(object.metadata.annotations) && {mirror} in object.metadata.annotations"
    return [
        {"name": "not-refused", "expression": f"!({refused})"},
        {"name": "not-mirror", "expression": f"!({is_mirror})"},
    ]


def _has_value(kind: str, key: str, value: str) -> str:
    values = f"object.metadata.{kind}"
    return f"has({values}) && {quote(key)} in {values} && {values}[{quote(key)}] == {quote(value)}"


_IS_SIDECAR = f"c.name == {quote(names.CONTAINER)}"
_HAS_SIDECAR = (
    "has(object.spec.initContainers) && object.spec.initContainers.exists(c,\n"
    f'  {_IS_SIDECAR} && has(c.restartPolicy) && c.restartPolicy == "Always") ||\n'
    f"object.spec.containers.exists(c, {_IS_SIDECAR})"
)


def _mutation(settings: InjectionSettings, variables: Variables) -> Object:
    return {
        "failurePolicy": "Ignore",
        "reinvocationPolicy": "IfNeeded",
        "matchConstraints": _match_pods("CREATE"),
        "matchConditions": [*_wanted(), {"name": "absent", "expression": f"!({_HAS_SIDECAR})"}],
        "variables": _list(variables | pod_variables(settings)),
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch(settings)}}],
    }


def _list(variables: Variables) -> list[Object]:
    return [{"name": name, "expression": expression} for name, expression in variables.items()]


def _warning(variables: Variables, validations: Iterable[Object]) -> Object:
    return {
        "failurePolicy": "Ignore",
        "matchConstraints": _match_pods("CREATE"),
        "matchConditions": _wanted(),
        "variables": _list(variables),
        "validations": list(validations),
    }


def _presence() -> Object:
    """Return the validation that says why a Pod has no sidecar."""
    silent = quote(
        "the policy did not run; apply it, and switch MutatingAdmissionPolicy on in the API server"
        " (feature gate and runtime-config before Kubernetes 1.36)"
    )
    reason = f'variables.reason == "" ? {silent} : variables.reason'
    return {"expression": _HAS_SIDECAR, "messageExpression": f'"the Pod has no log-sidecar: " + ({reason})'}


def _advice() -> Iterator[Object]:
    """Yield validations for what a person should know. They never refuse a Pod, so they have a separate policy."""
    known = [*OWN, *(names.ANNOTATIONS + name for name in MAY_BE_ALLOWED)]
    unknown = (
        f"variables.annotations.filter(a, a.startsWith({quote(names.ANNOTATIONS)}) &&\n  !(a in {list_of(known)}))"
    )
    yield {
        "expression": f"size({unknown}) == 0",
        "messageExpression": f'"W_ANNOTATION: the annotation " + {unknown}[0] + " is unknown and ignored"',
    }
    yield {
        "expression": (
            f"variables.inits.exists(c, c.name.startsWith({quote(names.COPY_CONTAINER)})) ||\n"
            "!object.spec.containers.exists(c, has(c.volumeMounts) && c.volumeMounts.exists(m,\n"
            f"  m.name == {quote(names.LOGS)} && m.mountPath in {list_of(sorted(IMAGE_DIRECTORIES))}))"
        ),
        "message": "W_MASK: the new volume for the logs hides what the image has in this directory",
    }
    grace = "object.spec.terminationGracePeriodSeconds"
    yield {
        "expression": f"!has({grace}) || {grace} >= {MIN_GRACE_S}",
        "message": f"W_GRACE: terminationGracePeriodSeconds is less than {MIN_GRACE_S}",
    }


def _image(settings: InjectionSettings) -> Object:
    """Return the policy that refuses a foreign image. An update of anything else is never refused."""
    repository = repository_of(settings.image)
    images = {
        f"{state}{kind[0].upper()}{kind[1:]}": (
            f"{'oldObject == null || ' if state == 'old' else ''}!has({owner}.spec.{kind}) ? [] :\n"
            f'{owner}.spec.{kind}.filter(c, {_IS_SIDECAR}).map(c, has(c.image) ? c.image : "")'
        )
        for state, owner in (("new", "object"), ("old", "oldObject"))
        for kind in ("initContainers", "containers")
    }
    allowed = " || ".join(
        [f"i == {quote(repository)}", *(f"i.startsWith({quote(repository + end)})" for end in ":@")]
    )
    return {
        "failurePolicy": "Fail",
        "matchConstraints": _match_pods("CREATE", "UPDATE"),
        "variables": _list(images),
        "validations": [
            {
                "expression": (
                    "(variables.newInitContainers + variables.newContainers).all(i,\n"
                    f"  {allowed} ||\n"
                    "  i in variables.oldInitContainers || i in variables.oldContainers)"
                ),
                "message": f"the container {names.CONTAINER} must have an image of {repository}",
            }
        ],
    }


def repository_of(image: str) -> str:
    """Return the name of an image without its tag and digest."""
    registry, slash, name = image.partition("@")[0].rpartition("/")
    return f"{registry}{slash}{name.partition(':')[0]}"
