"""The decisions of injection as a table, and what holds for every Pod."""

from __future__ import annotations

import copy
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.config.loader import load
from sidecar.inject import names
from sidecar.inject.addition import Addition, Insertion, Object, apply, json_patch
from sidecar.inject.plan import plan
from sidecar.inject.reasons import Caution, RefusalReason
from sidecar.inject.settings import PROFILES, InjectionSettings
from sidecar.inject.stamp import content_hash, read_stamp, removable, remove
from tests.support.json_patch import apply_patch
from tests.support.pods import pods

SETTINGS = InjectionSettings(sink="elasticsearch://elasticsearch.logging:9200/logs")


def pod(
    mounts: list[Object] | None = None, volumes: list[Object] | None = None, annotations: Object | None = None,
    container: Object | None = None, **spec: Any,
) -> Object:  # fmt: skip
    """Return a Pod with one container."""
    web = {"name": "web", "image": "nginx:1.27", **(container or {})}
    if mounts is not None:
        web["volumeMounts"] = mounts
    body: Object = {"containers": [web], **spec}
    if volumes is not None:
        body["volumes"] = volumes
    return {
        "metadata": {
            "name": "shop",
            "annotations": {"log-sidecar/" + key: v for key, v in (annotations or {}).items()},
        },
        "spec": body,
    }


def injected(item: Object, options: InjectionSettings = SETTINGS) -> tuple[Object, Object]:
    """Return the Pod with the sidecar, and the container of the sidecar."""
    addition = plan(item, options)
    assert addition.refusal is None, addition.refusal
    result = apply(item, addition.insertions)
    every = [*result["spec"].get("initContainers", []), *result["spec"]["containers"]]
    return result, next(container for container in every if container["name"] == names.CONTAINER)


def log_mounts(container: Object) -> dict[str, Object]:
    """Return the mounts of the sidecar that hold logs, by path."""
    own = ("/var/lib/sidecar", "/etc/sidecar", "/etc/sidecar-secret", "/etc/podinfo")
    return {
        mount["mountPath"]: mount
        for mount in container["volumeMounts"]
        if mount["mountPath"] not in own and mount["name"] != names.NO_TOKEN
    }


def environment(container: Object) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}


def refusal_of(item: Object, options: InjectionSettings = SETTINGS) -> RefusalReason | Caution | None:
    addition = plan(item, options)
    return addition.refusal.code if addition.refusal else None


def cautions_of(item: Object, options: InjectionSettings = SETTINGS) -> set[str]:
    return {note.code.name for note in plan(item, options).cautions}


D = "/var/log/app"
REUSED: dict[str, Object] = {
    "emptyDir": {"emptyDir": {}},
    "claim": {"persistentVolumeClaim": {"claimName": "data"}},
    "ephemeral": {"ephemeral": {}},
    "csi": {"csi": {"driver": "example.com"}},
    "nfs": {"nfs": {"server": "nfs.example", "path": "/"}},
}


@pytest.mark.parametrize("path", [D, "/var/log", f"{D}/"])
@pytest.mark.parametrize("kind", REUSED)
def test_a_volume_at_the_directory_or_above_is_mounted_read_only_at_the_same_path(kind: str, path: str) -> None:
    item = pod([{"name": "v", "mountPath": path, "subPath": "a"}], [{"name": "v", **REUSED[kind]}])
    result, sidecar = injected(item)
    path = path.rstrip("/")
    assert log_mounts(sidecar) == {path: {"name": "v", "mountPath": path, "subPath": "a", "readOnly": True}}
    assert result["spec"]["containers"] == item["spec"]["containers"]


@pytest.mark.parametrize("path", ["var/log/app", "//var/log/app", "var//log"])
def test_a_mount_path_is_read_as_kubernetes_reads_it(path: str) -> None:
    result, sidecar = injected(pod([{"name": "v", "mountPath": path}], [{"name": "v", "emptyDir": {}}]))
    ((mounted, mount),) = log_mounts(sidecar).items()
    assert (mounted, mount["name"]) == ("/" + path.strip("/").replace("//", "/"), "v")
    assert len(result["spec"]["containers"][0]["volumeMounts"]) == 1


CONTAINERS: list[tuple[list[str], str | None, str]] = [
    (["linkerd-proxy", "web"], None, "web"),
    (["helper", "web"], "web", "web"),
    (["helper", "web"], "missing", "helper"),
    (["istio-proxy", "web"], "istio-proxy", "web"),
    (["envoy"], None, "envoy"),
]


@pytest.mark.parametrize(("containers", "default", "expected"), CONTAINERS)
def test_logs_without_a_container_are_those_of_the_application(
    containers: list[str], default: str | None, expected: str
) -> None:
    item = pod()
    item["spec"]["containers"] = [{"name": name, "image": "x:1"} for name in containers]
    if default:
        item["metadata"]["annotations"][names.DEFAULT_CONTAINER] = default
    result, sidecar = injected(item)
    assert environment(sidecar)["CONTAINER_NAME"] == expected
    mounted = [container["name"] for container in result["spec"]["containers"] if "volumeMounts" in container]
    assert mounted == [expected]


def test_kubernetes_replaces_nothing_in_a_glob() -> None:
    _, sidecar = injected(pod(annotations={"logs": "/srv/$(POD_NAME)/$$/*.log"}))
    # Kubernetes reads `$$` as a dollar.
    assert '"/srv/$$(POD_NAME)/$$$$/*.log"' in environment(sidecar)["SIDECAR_PIPELINES__WEB__PATHS"]


def test_a_container_with_hyphens_in_a_row_has_one_pipeline() -> None:
    _, sidecar = injected(pod(container={"name": "web--1"}))
    environ = {name: value.replace("$$", "$") for name, value in environment(sidecar).items()}
    assert list(load(None, environ).pipelines) == ["web_1"]


AMOUNTS = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize("kind", ["requests", "limits"])
def test_the_sidecar_shares_the_resources_of_a_pod_that_has_some(kind: str) -> None:
    item = pod(resources={kind: AMOUNTS}, annotations={"keep-image-files": "true"})
    result, sidecar = injected(item)
    assert sidecar["resources"] == {"requests": {"ephemeral-storage": "64Mi"}}
    (copier,) = (each for each in result["spec"]["initContainers"] if each["name"] == names.COPY_CONTAINER)
    assert copier["resources"] == {}
    assert result["spec"]["resources"] == item["spec"]["resources"]


GUARANTEED: list[tuple[Object, bool]] = [
    ({"limits": AMOUNTS, "requests": {"cpu": "1000m", "memory": "1024Mi"}}, True),
    ({"limits": AMOUNTS}, True),
    ({"limits": AMOUNTS, "requests": {"cpu": "500m"}}, False),
    ({"limits": {"memory": "1Gi"}}, False),
    ({}, False),
]


@pytest.mark.parametrize(("resources", "expected"), GUARANTEED)
def test_a_guaranteed_pod_gets_a_caution(resources: Object, expected: bool) -> None:
    assert ("W_QOS" in cautions_of(pod(container={"resources": resources}))) is expected


def test_the_sidecar_has_the_selinux_label_of_the_application() -> None:
    label = {"level": "s0:c1,c2"}
    _, sidecar = injected(pod(container={"securityContext": {"seLinuxOptions": label}}))
    assert sidecar["securityContext"]["seLinuxOptions"] == label


@pytest.mark.parametrize(("kind", "expected"), [("Localhost", {"type": "RuntimeDefault"}), ("Unconfined", None)])
def test_a_profile_of_the_node_is_not_that_of_the_sidecar(kind: str, expected: Object | None) -> None:
    _, sidecar = injected(pod(securityContext={"appArmorProfile": {"type": kind, "localhostProfile": "web"}}))
    assert sidecar["securityContext"].get("appArmorProfile") == expected


@pytest.mark.parametrize("directory", ["/opt", "/var", "/run", "/usr/local", "/var/lib/sidecar", "/etc/podinfo"])
def test_a_volume_hides_nothing_of_the_sidecar(directory: str) -> None:
    volumes = [{"name": "v", "emptyDir": {}}]
    item = pod([{"name": "v", "mountPath": directory}], volumes, {"logs": f"{directory}/shop/*.log"})
    result, sidecar = injected(item)
    mount = {"name": "v", "mountPath": f"/var/log/web{directory}", "readOnly": True}
    assert sidecar["volumeMounts"][0] == mount
    assert environment(sidecar)["SIDECAR_PIPELINES__WEB__PATHS"] == f'["/var/log/web{directory}/shop/*.log"]'
    assert result["spec"]["containers"] == item["spec"]["containers"]
    paths = [mount["mountPath"] for mount in sidecar["volumeMounts"]]
    assert len(paths) == len(set(paths))


def test_a_claim_template_with_a_reserved_name_is_refused() -> None:
    item = pod([{"name": "log-sidecar-logs", "mountPath": "/srv"}])
    assert refusal_of(item) is RefusalReason.E_NAME_TAKEN


NAME = {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
SUB_PATHS: list[tuple[str, list[Object], str | None]] = [
    ("of-$(POD)/logs", [NAME], "of-$(POD_NAME)/logs"),
    ("$(TEAM)/$$(TEAM)", [{"name": "TEAM", "value": "a$b"}], "a$$b/$$(TEAM)"),
    ("$(POD)", [{"name": "POD", "value": "before"}, NAME], "$(POD_NAME)"),
    ("$(MISSING)", [NAME], None),
    ("$(TEAM)", [{"name": "TEAM", "value": "$(POD)"}], None),
    ("$(TEAM)", [{"name": "TEAM", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['team']"}}}], None),
    ("$(TEAM)", [{"name": "TEAM", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "team"}}}], None),
]


@pytest.mark.parametrize(("expression", "variables", "expected"), SUB_PATHS)
def test_a_sub_path_has_no_variable_that_the_sidecar_lacks(
    expression: str, variables: list[Object], expected: str | None
) -> None:
    """The kubelet starts no container whose `subPathExpr` names a variable that this container does not have."""
    item = pod(
        [{"name": "v", "mountPath": D, "subPathExpr": expression}], [{"name": "v", "emptyDir": {}}],
        container={"env": variables},
    )  # fmt: skip
    if expected is None:
        assert refusal_of(item) is RefusalReason.E_SUB_PATH
        return
    _, sidecar = injected(item)
    assert log_mounts(sidecar)[D]["subPathExpr"] == expected
    named = set(re.findall(r"(?<!\$)\$\((\w+)\)", expected))
    assert named <= {entry["name"] for entry in sidecar["env"]}


def test_a_volume_that_the_pod_does_not_define_is_a_claim_template() -> None:
    _, sidecar = injected(pod([{"name": "data", "mountPath": D}]))
    assert log_mounts(sidecar)[D]["name"] == "data"


@pytest.mark.parametrize("kind", ["configMap", "secret", "projected", "downwardAPI", "image"])
def test_a_volume_that_applications_cannot_write_is_refused(kind: str) -> None:
    assert (
        refusal_of(pod([{"name": "v", "mountPath": D}], [{"name": "v", kind: {}}])) is RefusalReason.E_MOUNT_CONFLICT
    )


def test_a_host_path_is_refused_unless_the_settings_allow_it() -> None:
    item = pod([{"name": "v", "mountPath": D}], [{"name": "v", "hostPath": {"path": "/var/log"}}])
    assert refusal_of(item) is RefusalReason.E_HOST_PATH
    allowed = InjectionSettings(sink=SETTINGS.sink, allow_host_path=True)
    assert log_mounts(injected(item, allowed)[1])[D]["readOnly"] is True


def test_without_a_volume_the_application_and_the_sidecar_get_a_new_one() -> None:
    result, sidecar = injected(pod())
    assert result["spec"]["containers"][0]["volumeMounts"] == [{"name": names.LOGS, "mountPath": D}]
    assert log_mounts(sidecar) == {D: {"name": names.LOGS, "mountPath": D, "readOnly": True}}
    assert {"name": names.LOGS, "emptyDir": {"sizeLimit": "1Gi"}} in result["spec"]["volumes"]


def test_a_volume_below_the_directory_is_mounted_inside_of_the_new_one() -> None:
    item = pod([{"name": "v", "mountPath": f"{D}/deep"}], [{"name": "v", "emptyDir": {}}])
    _, sidecar = injected(item)
    assert log_mounts(sidecar) == {
        f"{D}/deep": {"name": "v", "mountPath": f"{D}/deep", "readOnly": True},
        D: {"name": names.LOGS, "mountPath": D},  # writable: the runtime makes the directory `deep` in it
    }


def test_a_config_map_below_the_directory_is_left_out() -> None:
    item = pod([{"name": "v", "mountPath": f"{D}/conf"}], [{"name": "v", "configMap": {"name": "c"}}])
    assert log_mounts(injected(item)[1]).keys() == {D}


@pytest.mark.parametrize(
    "path", ["/", "/etc", "/usr", "/bin", "/lib", "/opt", "/home", "/var", "/proc/1", "/etc/app"]
)
def test_a_new_volume_never_hides_the_system(path: str) -> None:
    assert refusal_of(pod(annotations={"logs": f"{path.rstrip('/')}/*.log"})) is RefusalReason.E_DIRECTORY


@pytest.mark.parametrize("path", ["/var/log", "/var/log/nginx", "/usr/local/tomcat/logs"])
def test_a_new_volume_at_a_directory_with_files_of_the_image_is_pointed_out(path: str) -> None:
    item = pod(annotations={"logs": f"{path}/*.log"})
    assert "W_MASK" in cautions_of(item)
    assert "W_MASK" not in cautions_of(pod(annotations={"logs": "/srv/logs/*.log"}))


def test_the_files_of_the_image_can_be_kept() -> None:
    item = pod(
        annotations={"logs": "/var/log/nginx/*.log", "keep-image-files": "true"}, initContainers=[{"name": "a"}]
    )
    result, _ = injected(item)
    copier, sidecar, other = result["spec"]["initContainers"]
    assert (copier["name"], copier["image"]) == (names.COPY_CONTAINER, "nginx:1.27")
    assert copier["command"][-2:] == ["/var/log/nginx", copier["volumeMounts"][0]["mountPath"]]
    assert (sidecar["name"], other["name"]) == (names.CONTAINER, "a")
    assert "W_MASK" not in cautions_of(item)


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that every user can enter."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs files of several users")
@pytest.mark.parametrize("user", [0, 101])
def test_the_copy_of_the_files_of_an_image_works_for_every_user(user: int, public: Path) -> None:
    image, volume = public / "image", public / "volume"
    annotations = {"logs": f"{image}/*.log", "keep-image-files": "true"}
    copier = injected(pod(annotations=annotations))[0]["spec"]["initContainers"][0]
    (image / "deep").mkdir(parents=True)
    (image / "deep" / "readme").write_text("text")
    volume.mkdir()
    volume.chmod(0o777)  # as an emptyDir, which belongs to root
    command = [*copier["command"][:-1], str(volume)]
    done = subprocess.run(command, user=user, group=user, extra_groups=[], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (volume / "deep" / "readme").read_text() == "text"
    missing = [*copier["command"][:-2], str(public / "missing"), str(volume)]
    assert subprocess.run(missing, check=False).returncode == 0
    assert subprocess.run([*command[:-1], "/proc/missing"], capture_output=True, check=False).returncode != 0


def test_several_globs_share_their_common_directory_unless_it_would_hide_the_system() -> None:
    result, _ = injected(pod(annotations={"logs": "/srv/logs/a/*.log,/srv/logs/b/*.log"}))
    assert [mount["mountPath"] for mount in result["spec"]["containers"][0]["volumeMounts"]] == ["/srv/logs"]
    result, _ = injected(pod(annotations={"logs": "/var/log/a/*.log,/var/log/b/*.log"}))
    mounts = result["spec"]["containers"][0]["volumeMounts"]
    assert [mount["mountPath"] for mount in mounts] == ["/var/log/a", "/var/log/b"]
    assert len({mount["name"] for mount in mounts}) == 2


def two_containers(logs: str) -> Object:
    item = pod(annotations={"logs": logs})
    item["spec"]["containers"].append({"name": "worker", "image": "worker:1"})
    return item


def test_several_containers_have_a_volume_and_a_pipeline_each() -> None:
    result, sidecar = injected(two_containers("web:/var/log/nginx/*.log,worker:/srv/logs/**/*.log"))
    assert log_mounts(sidecar).keys() == {"/var/log/web/var/log/nginx", "/var/log/worker/srv/logs"}
    values = environment(sidecar)
    assert values["SIDECAR_PIPELINES__WEB__PATHS"] == '["/var/log/web/var/log/nginx/*.log"]'
    assert values["SIDECAR_PIPELINES__WORKER__PATHS"] == '["/var/log/worker/srv/logs/**/*.log"]'
    web, worker = result["spec"]["containers"]
    assert web["volumeMounts"][0]["name"] != worker["volumeMounts"][0]["name"]


def test_containers_with_similar_names_have_a_pipeline_each() -> None:
    item = pod(annotations={"logs": "web:/a/*.log,log-worker:/b/*.log,log--worker:/c/*.log"})
    item["spec"]["containers"] += [{"name": name, "image": "worker:1"} for name in ("log-worker", "log--worker")]
    values = environment(injected(item)[1])
    paths = {name: value for name, value in values.items() if name.endswith("__PATHS")}
    assert paths == {
        "SIDECAR_PIPELINES__WEB__PATHS": '["/var/log/web/a/*.log"]',
        "SIDECAR_PIPELINES__LOG_WORKER__PATHS": '["/var/log/log-worker/b/*.log"]',
        "SIDECAR_PIPELINES__LOG_WORKER_2__PATHS": '["/var/log/log--worker/c/*.log"]',
    }


def test_containers_that_name_the_same_directory_share_a_volume_that_is_read_once() -> None:
    result, sidecar = injected(two_containers(f"web:{D}/*.log,worker:{D}/*.log"))
    assert result["spec"]["containers"][0]["volumeMounts"] == result["spec"]["containers"][1]["volumeMounts"]
    assert len(log_mounts(sidecar)) == 1
    assert [name for name in environment(sidecar) if name.endswith("__PATHS")] == ["SIDECAR_PIPELINES__WEB__PATHS"]


@pytest.mark.parametrize("logs", [f"{D}/*.log", "web:/var/log/nginx/*.log,worker:/srv/logs/**/*.log"])
def test_the_sidecar_accepts_the_variables_that_it_gets(logs: str) -> None:
    _, sidecar = injected(
        two_containers(logs), InjectionSettings(sink=SETTINGS.sink, exclude=("*.gz",), secret="keys")
    )
    values = environment(sidecar)
    del values["SIDECAR_SECRETS_DIR"]  # a directory of the Pod
    configuration = load(None, values)
    assert {path for pipeline in configuration.pipelines.values() for path in pipeline.paths}
    assert list(configuration.sinks) == ["logs"]


@pytest.mark.parametrize("options", [SETTINGS, InjectionSettings(config_map="shop")])
def test_one_monitor_finds_the_metrics_of_all_sidecars(options: InjectionSettings) -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "roll-out.md").read_text()
    (text,) = re.findall(r"```yaml\n(apiVersion: monitoring.coreos.com/v1\n.*?)```", page, re.DOTALL)
    monitor = yaml.safe_load(text)["spec"]
    (endpoint,) = monitor["podMetricsEndpoints"]
    (listen,) = re.findall(r'`listen: "(\S+)"`', page)
    item, sidecar = injected(pod(), msgspec.structs.replace(options, listen=listen))
    assert monitor["selector"]["matchLabels"].items() <= item["metadata"]["labels"].items()
    values = environment(sidecar)
    assert values["SIDECAR_ADMIN__LISTEN"] == listen
    if "SIDECAR_CONFIG" not in values:
        configured = load(None, values).admin.listen
        assert configured == ("0.0.0.0", endpoint["portNumber"])


@pytest.mark.parametrize("page", ["inject", "webhook"])
def test_a_secret_with_the_keys_of_the_guide_is_accepted(page: str, tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs" / "how-to" / f"{page}.md").read_text()
    (line,) = [each for each in text.splitlines() if each.startswith("secret: ")]
    for key in re.findall("SINKS__[A-Z_]+", line):
        (tmp_path / key).write_text("x")
    _, sidecar = injected(pod(), msgspec.structs.replace(SETTINGS, secret="keys"))
    configuration = load(None, {**environment(sidecar), "SIDECAR_SECRETS_DIR": str(tmp_path)})
    assert "x" in configuration.sinks["logs"].secrets()


def test_the_sidecar_may_read_its_secret_whoever_it_runs_as() -> None:
    """The kubelet gives the files of a Secret to root, and to the fsGroup if there is one."""

    def mode(**spec: Any) -> int:
        result, _ = injected(pod(**spec), msgspec.structs.replace(SETTINGS, secret="keys"))
        (volume,) = [each for each in result["spec"]["volumes"] if each["name"] == names.SECRET]
        found: int = volume["secret"]["defaultMode"]
        return found

    assert mode() == mode(securityContext={"runAsUser": 101, "runAsGroup": 7}) == 0o444
    assert mode(securityContext={"fsGroup": 5}) == 0o440


USERS = [
    ({"runAsUser": 101}, {}, {"runAsUser": 101}, False),
    ({"runAsUser": 101, "runAsGroup": 7}, {}, {"runAsUser": 101, "runAsGroup": 7}, False),
    ({}, {"runAsUser": 102}, {"runAsUser": 102}, False),
    ({"runAsUser": 0}, {"runAsUser": 102}, {"runAsUser": 10001, "runAsGroup": 10001}, True),
    ({}, {}, {"runAsUser": 10001, "runAsGroup": 10001}, True),
    ({}, {"fsGroup": 5}, {"runAsUser": 10001, "runAsGroup": 10001}, False),
]


@pytest.mark.parametrize(("container", "whole", "expected", "warned"), USERS)
def test_the_sidecar_runs_as_the_user_of_the_application(
    container: Object, whole: Object, expected: Object, warned: bool
) -> None:
    item = pod(container={"securityContext": container}, securityContext=whole)
    context = injected(item)[1]["securityContext"]
    assert {key: context[key] for key in ("runAsUser", "runAsGroup") if key in context} == expected
    assert ("W_UID" in cautions_of(item)) is warned
    assert apply(item, plan(item, SETTINGS).insertions)["spec"]["securityContext"] == whole


def test_on_openshift_the_namespace_assigns_the_user() -> None:
    context = injected(pod(), InjectionSettings(sink=SETTINGS.sink, platform="openshift"))[1]["securityContext"]
    assert context["runAsNonRoot"] is True
    assert not {"runAsUser", "runAsGroup"} & context.keys()


def test_the_container_is_restricted_and_limits_neither_disk_nor_cpu() -> None:
    for profile in PROFILES:
        _, sidecar = injected(pod(annotations={"profile": profile}))
        assert sidecar["resources"]["limits"].keys() == {"memory"}
        assert sidecar["resources"]["requests"].keys() == {"cpu", "memory", "ephemeral-storage"}
    context = sidecar["securityContext"]
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["allowPrivilegeEscalation"] is False


def test_the_token_of_the_api_is_hidden_where_the_pod_has_one() -> None:
    path = "/var/run/secrets/kubernetes.io/serviceaccount"
    assert path in {mount["mountPath"] for mount in injected(pod())[1]["volumeMounts"]}
    without = injected(pod(automountServiceAccountToken=False))[1]
    assert path not in {mount["mountPath"] for mount in without["volumeMounts"]}


@pytest.mark.parametrize(("grace", "expected"), [({}, "30"), ({"terminationGracePeriodSeconds": 60}, "60")])
def test_the_grace_period_is_that_of_the_pod(grace: Object, expected: str) -> None:
    assert environment(injected(pod(**grace))[1])["SIDECAR_GRACE"] == expected


POSITIONS = [([], 0), (["migrate"], 0), (["istio-proxy", "migrate"], 1), (["istio-init", "linkerd-proxy", "a"], 2)]


@pytest.mark.parametrize(("inits", "index"), POSITIONS)
def test_the_sidecar_starts_first_but_after_the_proxy_of_a_mesh(inits: list[str], index: int) -> None:
    item = pod()
    if inits:
        item["spec"]["initContainers"] = [{"name": name} for name in inits]
    result, sidecar = injected(item)
    assert result["spec"]["initContainers"][index] == sidecar
    assert sidecar["restartPolicy"] == "Always"


CLASSIC: list[tuple[Object, Object, RefusalReason | None]] = [
    ({}, {}, None),
    ({"restartPolicy": "Never"}, {}, RefusalReason.E_JOB_NO_EXIT),
    ({"restartPolicy": "OnFailure"}, {}, RefusalReason.E_JOB_NO_EXIT),
    ({"restartPolicy": "Never"}, {"exit-when": "idle=10s"}, None),
    ({"restartPolicy": "Never"}, {"exit-when": "app-exits"}, None),
    (
        {"restartPolicy": "Never", "shareProcessNamespace": False},
        {"exit-when": "app-exits"},
        RefusalReason.E_PROCESSES,
    ),
]


@pytest.mark.parametrize(("spec", "annotations", "expected"), CLASSIC)
def test_a_classic_sidecar_of_a_job_needs_a_rule_by_which_it_ends(
    spec: Object, annotations: Object, expected: RefusalReason | None
) -> None:
    item = pod(annotations={"mode": "classic", **annotations}, **spec)
    assert refusal_of(item) is expected
    if expected is None:
        result, sidecar = injected(item)
        assert result["spec"]["containers"][-1] == sidecar
        assert "restartPolicy" not in sidecar
        assert ("shareProcessNamespace" in result["spec"]) is (annotations.get("exit-when") == "app-exits")


POD_SPEC = {"spec": pod()["spec"]}
REFUSED: list[tuple[Object, RefusalReason]] = [
    (pod(annotations={"inject": "False"}), RefusalReason.E_ANNOTATION),
    (pod(annotations={"logs": "/var/log/app/"}), RefusalReason.E_ANNOTATION),
    (pod(annotations={"inject": ""}), RefusalReason.E_ANNOTATION),
    (pod(annotations={"logs": "missing:/var/log/app/*.log"}), RefusalReason.E_NO_CONTAINER),
    (pod(annotations={"logs": "app.log"}), RefusalReason.E_ANNOTATION),
    (pod(annotations={"logs": "/var/log/../../etc/*.log"}), RefusalReason.E_ANNOTATION),
    (pod(annotations={"profile": "enormous"}), RefusalReason.E_ANNOTATION),
    (pod(annotations={"mode": "daemon"}), RefusalReason.E_ANNOTATION),
    (pod(annotations={"secret": "keys"}), RefusalReason.E_ANNOTATION),
    (pod(annotations={"sink": "https://elsewhere.example"}), RefusalReason.E_ANNOTATION),
    (pod(volumes=[{"name": "log-sidecar-state", "emptyDir": {}}]), RefusalReason.E_NAME_TAKEN),
    (pod(container={"name": "log-sidecar"}), RefusalReason.E_NAME_TAKEN),
    (pod(os={"name": "windows"}), RefusalReason.E_WINDOWS),
    (pod(nodeSelector={"kubernetes.io/os": "windows"}), RefusalReason.E_WINDOWS),
    ({"spec": {"containers": []}}, RefusalReason.E_SHAPE),
    ({"spec": {"containers": "web"}}, RefusalReason.E_SHAPE),
    ({"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}, **POD_SPEC}, RefusalReason.E_MIRROR),
]  # fmt: skip


@pytest.mark.parametrize(("item", "expected"), REFUSED)
def test_a_pod_that_cannot_have_the_sidecar_is_refused_with_a_reason(item: Object, expected: RefusalReason) -> None:
    assert refusal_of(item) is expected


def test_settings_without_a_sink_refuse_every_pod() -> None:
    assert refusal_of(pod(), InjectionSettings()) is RefusalReason.E_NO_SINK
    _, sidecar = injected(pod(), InjectionSettings(config_map="shop-logs"))
    assert environment(sidecar)["SIDECAR_CONFIG"] == "/etc/sidecar/sidecar.yaml"


CAUTIONS: list[tuple[Object, InjectionSettings, str]] = [
    (pod(terminationGracePeriodSeconds=5), SETTINGS, "W_GRACE"),
    (pod(hostNetwork=True), SETTINGS, "W_HOSTNET"),
    (pod(resources={"requests": {"cpu": "1"}}), SETTINGS, "W_POD_RESOURCES"),
    (pod(container={"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}), SETTINGS, "W_QOS"),
    (pod(), InjectionSettings(sink=SETTINGS.sink, image="registry:5000/log-sidecar"), "W_LATEST"),
    (pod(annotations={"lgos": "/x"}), SETTINGS, "W_ANNOTATION"),
    (pod(annotations={"mode": "classic", "exit-when": "app-exits"}), SETTINGS, "W_PROCESSES"),
    (
        pod(annotations={"mode": "classic", "exit-when": "app-exits"}, restartPolicy="OnFailure"),
        SETTINGS,
        "W_ONFAILURE",
    ),
    ({"metadata": {"annotations": {names.EVICTABLE: "scratch"}}, "spec": pod()["spec"]}, SETTINGS, "W_AUTOSCALER"),
]


@pytest.mark.parametrize(("item", "options", "expected"), CAUTIONS)
def test_what_a_person_should_know_is_a_caution(item: Object, options: InjectionSettings, expected: str) -> None:
    assert expected in cautions_of(item, options)
    assert plan(item, options).outcome == "injected"


def test_every_reason_is_in_a_test() -> None:
    tested = {code.name for _, code in REFUSED} | {code.name for *_, code in CLASSIC if code}
    elsewhere = {"E_HOST_PATH", "E_MOUNT_CONFLICT", "E_DIRECTORY", "E_NO_SINK", "E_SUB_PATH"}
    of_text = {"E_ALIAS", "E_EDITED", "E_FORM"}  # tests of the text
    of_webhook = {"E_SETTINGS"}
    assert tested | elsewhere | of_text | of_webhook == {code.name for code in RefusalReason}
    assert {code for *_, code in CAUTIONS} | {"W_KIND", "W_MASK", "W_UID", "W_NEIGHBOUR"} == {
        code.name for code in Caution
    }


@pytest.mark.parametrize("place", ["labels", "annotations"])
def test_a_pod_can_refuse_the_sidecar(place: str) -> None:
    item = pod()
    item["metadata"][place] = {names.INJECT: "false"}
    assert plan(item, SETTINGS) == Addition()


def test_a_sidecar_that_another_webhook_made_an_init_container_is_repaired() -> None:
    result, _ = injected(pod())
    stripped = copy.deepcopy(result)
    del stripped["spec"]["initContainers"][0]["restartPolicy"]
    addition = plan(stripped, SETTINGS)
    assert addition.insertions == (Insertion(("spec", "initContainers", 0), "restartPolicy", "Always"),)
    assert apply(stripped, addition.insertions) == result


def is_part_of(old: Any, new: Any) -> bool:
    """Return whether everything of the old value is in the new one, in the same order."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(key in new and is_part_of(value, new[key]) for key, value in old.items())
    if isinstance(old, list):
        rest = iter(new)
        return isinstance(new, list) and all(any(is_part_of(value, each) for each in rest) for value in old)
    return bool(old == new)


def test_fields_of_newer_versions_stay() -> None:
    new: Any = {"newField": [{"deep": {"er": None}}]}
    item = pod([{"name": "v", "mountPath": "/data", **new}], [{"name": "v", "newKind": new}], container=new, **new)
    item["metadata"] |= new
    item |= new
    result, _ = injected(item)
    assert is_part_of(item, result)
    assert apply_patch(item, json_patch(plan(item, SETTINGS).insertions)) == result


@given(pods(), st.sampled_from([SETTINGS, InjectionSettings(config_map="c", secret="s", allow_host_path=True)]))
@settings(max_examples=150, deadline=None)
def test_for_every_pod(item: Object, options: InjectionSettings) -> None:
    before = copy.deepcopy(item)
    addition = plan(item, options)
    assert item == before
    result = apply(item, addition.insertions)
    if addition.refusal:
        assert isinstance(addition.refusal.code, RefusalReason)
        assert not addition.insertions
        return
    assert is_part_of(item, result)
    assert plan(result, options).outcome == "unchanged"
    assert apply_patch(item, json_patch(addition.insertions)) == result
    stamp = read_stamp(result)
    assert stamp is not None
    assert content_hash(result, stamp.added) == stamp.hash
    assert remove(result, removable(result, stamp)) == item
    volumes = {volume["name"] for volume in result["spec"]["volumes"]} | {"claim"}
    for container in [*result["spec"].get("initContainers", []), *result["spec"]["containers"]]:
        paths = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
        assert len(paths) == len(set(paths))
        assert {mount["name"] for mount in container.get("volumeMounts", [])} <= volumes


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["logs", "exclude", "parser", "profile", "mode", "exit-when", "secret", "x"]),
        JSON,
        max_size=4,
    )
)
@settings(max_examples=100, deadline=None)
def test_hostile_annotations_never_raise_and_add_nothing_else(annotations: Object) -> None:
    item = pod(annotations=annotations)
    addition = plan(item, SETTINGS)
    allowed = {("spec", "volumes"), ("spec", "initContainers"), ("metadata", "labels"), ("spec", "containers")}
    for insertion in addition.insertions:
        path = (*insertion.parent, insertion.key)
        assert (
            path[:2] in allowed or path[:2] == ("metadata", "annotations") or insertion.key == "shareProcessNamespace"
        )


@given(JSON)
@settings(max_examples=100, deadline=None)
def test_a_value_that_is_no_pod_is_refused(value: Any) -> None:
    for item in (value, {"spec": value}, {"spec": {"containers": value}}, {"metadata": value, "spec": pod()["spec"]}):
        assert plan(item, SETTINGS).outcome in ("refused", "injected", "unchanged")
