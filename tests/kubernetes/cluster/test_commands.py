"""What the sidecar's own means do in a Pod: park, exit rules, hooks, probes, a new configuration, the end in time.

Each test has the number of its row in the table of docs/kubernetes.md.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest

from tests.kubernetes.cluster.cluster import Namespace, Object, Pod, kept, wait
from tests.kubernetes.cluster.manifests import APP, SIDECAR, SIDECAR_IMAGE, Mode, job, pod, spec, writing
from tests.kubernetes.cluster.pod_fixture import PodFixture, lines_written
from tests.support.servers import ComponentMissing

pytestmark = [pytest.mark.cluster, pytest.mark.elasticsearch, pytest.mark.slow]

MODES: tuple[Mode, ...] = ("native", "classic")
SYNC_S = 150
"""The kubelet brings a new ConfigMap into a Pod within a minute or two."""


def told(inside: Object, **environ: str) -> Object:
    """The Pod with more variables for the sidecar, and all processes in one namespace if an exit rule asks for it."""
    shipping = next(
        each for each in inside.get("initContainers", []) + inside["containers"] if each["name"] == SIDECAR
    )
    shipping["env"] += [{"name": f"SIDECAR_{name.upper()}", "value": value} for name, value in environ.items()]
    if environ.get("exit_when") == "app-exits":
        inside["shareProcessNamespace"] = True
    return inside


def events_of(namespace: Namespace, pod_name: str, kind: str) -> list[dict[str, Any]]:
    """What the sidecar said of one kind of happening."""
    lines = namespace.logs(pod_name, SIDECAR).splitlines()
    return [event for event in map(json.loads, (line for line in lines if line[:1] == "{")) if event["event"] == kind]


def message_of(last: Pod) -> dict[str, Any]:
    """The sidecar's last word, as `kubectl describe pod` shows it."""
    found: dict[str, Any] = json.loads(last.ended(SIDECAR)["message"])
    return found


@pytest.mark.parametrize("mode", MODES)
def test_row_3_a_bad_configuration_parks_the_sidecar_and_the_application_runs(pods: PodFixture, mode: Mode) -> None:
    inside = told(spec(mode, writing(rate=20)), on_config_error="park")
    pods.set(kept(pod("shop", inside)), pars="json")
    pods.namespace.wait_for_pod(
        "shop", "is Ready", lambda it: it.runs(APP) and it.runs(SIDECAR) and it.is_true("Ready")
    )
    (parked,) = wait("it is parked", lambda: events_of(pods.namespace, "shop", "parked"))
    assert 'did you mean "parser"' in parked["problem"]
    pods.namespace.exec("shop", SIDECAR, "sidecar", "probe", "live")
    pods.set()
    pods.until_stored(20, SYNC_S)
    assert pods.namespace.pod("shop").container(SIDECAR)["restartCount"] == 0
    pods.namespace.delete("shop")
    last = pods.until_over("shop")
    assert pods.stored() == list(range(lines_written(last)))
    pods.measure(3, "bad configuration, park, mended later", mode, last, lines_written(last))


def test_row_4_a_bad_configuration_without_park_ends_a_native_sidecar_again_and_again(pods: PodFixture) -> None:
    pods.set(pod("shop", spec("native", writing(rate=20))), pars="json")
    seen = pods.namespace.wait_for_pod(
        "shop", "the sidecar was started again", lambda it: it.container(SIDECAR).get("restartCount", 0) >= 1
    )
    ended = seen.container(SIDECAR)["lastState"].get("terminated") or seen.ended(SIDECAR)
    assert ended["exitCode"] == 2
    assert 'did you mean \\"parser\\"' in ended["message"]
    pods.measure(4, "bad configuration, exit", "native", seen, 0)


def test_row_4_a_bad_configuration_without_park_fails_a_classic_job(pods: PodFixture) -> None:
    pods.set(job("shop", spec("classic", writing(lines=200))), pars="json")
    last = pods.until_over(pods.pod_of(job_name="shop").name)
    assert (last.ended(SIDECAR)["exitCode"], last.ended(APP)["exitCode"], last.phase) == (2, 0, "Failed")
    pods.measure(4, "bad configuration, exit, Job", "classic", last, 200)


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (3, "Failed")])
def test_row_11_a_classic_job_ends_when_the_processes_of_its_application_have(
    pods: PodFixture, code: int, phase: str
) -> None:
    inside = told(spec("classic", writing(lines=2000, exit=code)), exit_when="app-exits")
    pods.set(job("shop", inside))
    last = pods.until_over(pods.pod_of(job_name="shop").name)
    assert pods.stored() == list(range(2000))
    assert (last.ended(SIDECAR)["exitCode"], last.phase) == (0, phase)
    assert message_of(last)["sinks"]["store"]["unsettled"] == 0
    pods.measure(11, f"Job, app-exits, application exits {code}", "classic", last, 2000)


def test_row_12_where_the_application_may_come_back_its_end_is_waited_for(pods: PodFixture) -> None:
    inside = told(spec("classic", writing(lines=500, fails=1), restart="OnFailure"), exit_when="app-exits")
    pods.set(kept(pod("shop", inside)))
    seen = pods.until("shop", APP, ended=True, within=90)
    seen = pods.namespace.wait_for_pod(
        "shop", "came back", lambda it: it.container(APP)["restartCount"] == 1 and it.ended(APP)
    )
    assert pods.until_stored(1000) == list(range(1000))
    assert seen.runs(SIDECAR)
    pods.namespace.delete("shop")
    last = pods.until_over("shop")
    assert last.ended(SIDECAR)["exitCode"] == 0
    pods.measure(12, "OnFailure, app-exits, application comes back", "classic", last, 1000)


def wrapped(restart: str, **app: int) -> Object:
    """A classic Pod whose application runs in the script that leaves its exit code behind."""
    inside = spec("classic", writing(name=APP, **app), restart=restart)
    inside["containers"][1]["command"] = [
        "/var/log/app/sidecar-wrap",
        "/var/log/app/.ended",
        "python3",
        "/app/writer.py",
    ]
    shipping = inside["containers"][0]
    install = {
        "name": "install", "image": SIDECAR_IMAGE, "imagePullPolicy": "Never",
        "args": ["wrap", "--install", "/shared/sidecar-wrap"], "securityContext": shipping["securityContext"],
        "volumeMounts": [{"name": "app-log", "mountPath": "/shared"}],
    }  # fmt: skip
    return told({**inside, "initContainers": [install]}, exit_when="file=/var/log/app/.ended")


def test_row_13_a_wrapped_application_writes_its_exit_code(pods: PodFixture) -> None:
    pods.set(job("shop", wrapped("Never", lines=2000, exit=3)))
    last = pods.until_over(pods.pod_of(job_name="shop").name)
    assert pods.stored() == list(range(2000))
    assert (last.ended(SIDECAR)["exitCode"], last.ended(APP)["exitCode"], last.phase) == (0, 3, "Failed")
    pods.measure(13, "Job, wrapped, application exits 3", "classic", last, 2000)


def test_row_13_a_wrapped_application_that_fails_and_comes_back(pods: PodFixture) -> None:
    pods.set(job("shop", wrapped("OnFailure", lines=500, fails=1)))
    last = pods.until_over(pods.pod_of(job_name="shop").name)
    assert pods.stored() == list(range(1000))
    assert (last.ended(SIDECAR)["exitCode"], last.container(APP)["restartCount"], last.phase) == (0, 1, "Succeeded")
    pods.measure(13, "Job OnFailure, wrapped, application comes back", "classic", last, 1000)


def test_row_14_a_job_without_any_other_rule_ends_when_it_is_idle(pods: PodFixture) -> None:
    pods.set(job("shop", told(spec("classic", writing(lines=1000)), exit_when="idle=4s")))
    last = pods.until_over(pods.pod_of(job_name="shop").name)
    assert pods.stored() == list(range(1000))
    assert (last.ended(SIDECAR)["exitCode"], last.phase) == (0, "Succeeded")
    pods.measure(14, "Job, idle", "classic", last, 1000)


@pytest.mark.parametrize("rule", ["", "app-exits"])
def test_row_16_a_classic_sidecar_reads_on_while_the_application_still_writes(pods: PodFixture, rule: str) -> None:
    inside = told(spec("classic", writing(rate=500, linger_s=4)), exit_when=rule)
    pods.set(kept(pod("shop", inside)))
    pods.until_stored(300)
    pods.namespace.delete("shop")
    last = pods.until_over("shop")
    assert pods.stored() == list(range(lines_written(last)))
    assert last.ended(SIDECAR)["exitCode"] == 0
    situation = f"Pod deleted, {'sees the application end' if rule else 'waits for quiet'}"
    pods.measure(16, situation, "classic", last, lines_written(last))


@pytest.mark.parametrize("mode", MODES)
def test_row_17_a_second_signal_ends_it_at_once(pods: PodFixture, mode: Mode) -> None:
    pods.set(kept(pod("shop", spec(mode, writing(linger_s=0), grace=60))), reachable=False)
    wait("the sidecar is up and the sink is down", lambda: events_of(pods.namespace, "shop", "sink_down"))
    seen = pods.until("shop", SIDECAR, ended=False)
    pods.namespace.delete("shop")
    wait("it was told", lambda: pods.timeline.told(seen.container_id(SIDECAR)))
    pods.namespace.cluster.signal(seen.container_id(SIDECAR), "SIGTERM")
    with suppress(ComponentMissing):
        # containerd says that it will send the first one before it does: if it has, this is the third, to nobody.
        pods.namespace.cluster.signal(seen.container_id(SIDECAR), "SIGTERM")
    last = pods.until_over("shop")
    assert last.ended(SIDECAR)["exitCode"] == 0
    assert (pods.timeline.seconds_to_end(last.container_id(SIDECAR)) or 99) < 10
    pods.measure(17, "second signal, backend down", mode, last, 0)


@pytest.mark.parametrize("mode", MODES)
def test_row_18_the_deadline_is_kept_when_the_backend_is_down(pods: PodFixture, mode: Mode) -> None:
    pods.set(kept(pod("shop", spec(mode, writing(linger_s=0), grace=8))), reachable=False)
    wait("the sink is down", lambda: events_of(pods.namespace, "shop", "sink_down"))
    pods.namespace.delete("shop")
    last = pods.until_over("shop")
    assert last.ended(SIDECAR)["exitCode"] == 0
    assert message_of(last)["sinks"]["store"]["unsettled"] > 0
    assert message_of(last)["down"] == ["store"]
    assert (pods.timeline.seconds_to_end(last.container_id(SIDECAR)) or 99) < 8
    pods.measure(18, "deadline, backend down", mode, last, lines_written(last))


def test_row_18_with_strict_exit_a_classic_pod_fails(pods: PodFixture) -> None:
    strict = ["run", "--config", "/etc/sidecar/sidecar.yaml", "--strict-exit"]
    hook = {"postStart": {"exec": {"command": ["sidecar", "wait-ready"]}}}
    over_at_once = writing(lines=100)
    inside = told(spec("classic", over_at_once, args=strict, grace=8, lifecycle=hook), exit_when="app-exits")
    pods.set(job("shop", inside), reachable=False)
    last = pods.until_over(pods.pod_of(job_name="shop").name)
    assert (last.ended(SIDECAR)["exitCode"], last.phase) == (3, "Failed")
    pods.measure(18, "deadline, backend down, strict exit", "classic", last, 100)


def test_row_21_a_hook_that_drains_and_the_sidecar_that_goes_on(pods: PodFixture) -> None:
    hook = {"preStop": {"exec": {"command": ["sidecar", "drain", "--timeout", "10s"]}}}
    pods.set(kept(pod("shop", spec("classic", writing(rate=500), lifecycle=hook))))
    pods.until_stored(200)
    assert pods.namespace.exec("shop", SIDECAR, "sidecar", "drain") == "everything is delivered\n"
    pods.until("shop", SIDECAR, ended=False)
    pods.namespace.delete("shop")
    last = pods.until_over("shop")
    assert last.ended(SIDECAR)["exitCode"] == 0
    assert pods.stored() == list(range(lines_written(last)))
    assert "FailedPreStopHook" not in pods.namespace.happened("shop")
    pods.measure(21, "preStop drains", "classic", last, lines_written(last))


def test_row_22_a_hook_holds_the_application_back_until_the_files_are_followed(pods: PodFixture) -> None:
    hook = {"postStart": {"exec": {"command": ["sidecar", "wait-ready"]}}}
    pods.set(pod("shop", spec("classic", writing(lines=500), lifecycle=hook)))
    pods.until("shop", APP, ended=True)
    assert pods.until_stored(500) == list(range(500))
    (started,) = events_of(pods.namespace, "shop", "started")
    seen = pods.namespace.pod("shop")
    began = pods.timeline.began(seen.container_id(APP))
    assert began is not None
    assert datetime.fromisoformat(started["time"]).timestamp() < began
    pods.measure(22, "postStart holds the application back", "classic", seen, 500)


def test_row_23_a_stuck_sidecar_is_started_again_and_loses_nothing(pods: PodFixture) -> None:
    command = ["sidecar", "probe", "live"]
    probe = {"exec": {"command": command}, "periodSeconds": 2, "timeoutSeconds": 8, "failureThreshold": 2}
    inside = spec("native", writing(rate=50), livenessProbe=probe, grace=5)
    pods.set(kept(pod("shop", inside)))
    pods.until_stored(100)
    stuck = pods.until("shop", SIDECAR, ended=False)
    pods.namespace.cluster.signal(stuck.container_id(SIDECAR), "SIGSTOP")
    pods.namespace.wait_for_pod(
        "shop", "the sidecar was started again", lambda it: it.container(SIDECAR)["restartCount"] == 1, within=120
    )
    before = len(pods.stored())
    pods.until_stored(before + 100)
    assert pods.namespace.pod("shop").container(APP)["restartCount"] == 0
    pods.namespace.delete("shop")
    last = pods.until_over("shop")
    assert pods.stored() == list(range(lines_written(last)))
    pods.measure(23, "liveness fails", "native", last, lines_written(last))


def test_row_24_a_new_configuration_is_taken_and_a_bad_one_is_not(pods: PodFixture) -> None:
    pods.set(kept(pod("shop", spec("native", writing(rate=20)))))
    pods.until_stored(20)
    pods.set(keep_empty=True)
    wait("the new one is taken", lambda: events_of(pods.namespace, "shop", "reloaded"), SYNC_S)
    pods.set(keep_emty=True)
    (kept_one,) = wait(
        "it keeps the old one", lambda: events_of(pods.namespace, "shop", "configuration_kept"), SYNC_S
    )
    assert 'did you mean "keep_empty"' in kept_one["problem"]
    before = len(pods.stored())
    pods.until_stored(before + 20)
    assert pods.namespace.pod("shop").container(SIDECAR)["restartCount"] == 0
    pods.namespace.delete("shop")
    last = pods.until_over("shop")
    assert pods.stored() == list(range(lines_written(last)))
    pods.measure(24, "new ConfigMap, then a bad one", "native", last, lines_written(last))


def test_row_26_a_new_image_of_the_sidecar_restarts_it_alone_and_loses_nothing(pods: PodFixture) -> None:
    pods.set(kept(pod("shop", spec("native", writing(rate=500)))))
    pods.until_stored(1000)
    old = pods.until("shop", SIDECAR, ended=False)
    cluster, image = pods.namespace.cluster, f"{SIDECAR_IMAGE}-next"
    cluster.shell(f"ctr images tag --force {SIDECAR_IMAGE} {image}")
    cluster.kubectl("set", "image", "pod/shop", f"{SIDECAR}={image}", f"--namespace={pods.namespace.name}")
    pods.namespace.wait_for_pod(
        "shop", "the new sidecar runs", lambda it: it.container(SIDECAR)["restartCount"] == 1 and it.runs(SIDECAR)
    )
    before = len(pods.stored())
    pods.until_stored(before + 1000)
    seen = pods.namespace.pod("shop")
    assert seen.container(APP)["restartCount"] == 0
    assert seen.container_id(SIDECAR) != old.container_id(SIDECAR)
    pods.namespace.delete("shop")
    last = pods.until_over("shop")
    assert pods.stored() == list(range(lines_written(last)))
    assert last.ended(SIDECAR)["exitCode"] == 0
    pods.measure(26, "new image of the sidecar, under load", "native", last, lines_written(last))
