"""What a sidecar does in each situation of a Pod's life, on a real node, with an application that writes to its end.

Each test has the number of its row in the table of docs/kubernetes.md.
"""

from __future__ import annotations

import json
import signal

import pytest

from tests.kubernetes.cluster.cluster import kept, wait
from tests.kubernetes.cluster.manifests import APP, SIDECAR, Mode, deployment, job, pod, spec, waiting, writing
from tests.kubernetes.cluster.pod_fixture import PodFixture, lines_written

pytestmark = [pytest.mark.cluster, pytest.mark.elasticsearch, pytest.mark.slow]

LINES_OF_A_SECOND = 500
KILLED = 128 + signal.SIGKILL
MODES: tuple[Mode, ...] = ("native", "classic")


def ended_well(pods: PodFixture, name: str) -> None:
    """The Pod was told to end: the sidecar is through in time, and every line of the application is stored once."""
    last = pods.until_over(name)
    assert pods.stored() == list(range(lines_written(last)))
    pods.assert_drained_in_time(last)


@pytest.mark.parametrize("mode", MODES)
def test_row_1_every_line_arrives_whoever_starts_first(pods: PodFixture, mode: Mode) -> None:
    pods.set(pod("shop", spec(mode, writing(lines=500))))
    seen = pods.until_over("shop") if mode == "native" else pods.until("shop", APP, ended=True)
    assert pods.until_stored(500) == list(range(500))
    sidecar = pods.timeline.began(seen.container_id(SIDECAR))
    app = pods.timeline.began(seen.container_id(APP))
    assert sidecar is not None
    assert app is not None
    assert sidecar < app
    pods.measure(1, "start", mode, seen, 500)


@pytest.mark.mongodb
def test_row_1_every_line_arrives_in_mongodb(mongodb_pods: PodFixture) -> None:
    mongodb_pods.set(pod("shop", spec("native", writing(lines=500))))
    last = mongodb_pods.until_over("shop")
    assert mongodb_pods.stored() == list(range(500))
    mongodb_pods.measure(1, "start, MongoDB", "native", last, 500)


@pytest.mark.parametrize("mode", MODES)
def test_row_2_a_backend_that_is_down_blocks_nothing_and_loses_nothing(pods: PodFixture, mode: Mode) -> None:
    pods.set(kept(pod("shop", spec(mode, writing(rate=200)))), reachable=False)
    ready = pods.namespace.wait_for_pod("shop", "is Ready", lambda it: it.phase == "Running" and it.is_true("Ready"))
    wait("the sidecar says so", lambda: '"sink_down"' in pods.namespace.logs("shop", SIDECAR))
    assert pods.namespace.pod("shop").is_true("Ready")
    assert pods.stored() == []
    pods.connect()
    pods.until_stored(200)
    pods.measure(2, "backend down at start", mode, ready, None)
    if mode == "native":
        pods.namespace.delete("shop")
        ended_well(pods, "shop")


def test_row_5_a_directory_that_is_not_there_yet(pods: PodFixture) -> None:
    pods.set(pod("shop", spec("native", waiting())))
    pods.until("shop", APP, ended=False)
    path = "LOG_PATH=/var/log/app/made/later/app.log"
    pods.namespace.exec("shop", APP, "env", path, "LINES=300", "python3", "/app/writer.py")
    assert pods.until_stored(300) == list(range(300))
    pods.measure(5, "directory not there yet", "native", pods.namespace.pod("shop"), 300)


def test_row_6_an_unreadable_file_holds_up_no_other(pods: PodFixture) -> None:
    pods.set(kept(pod("shop", spec("native", waiting()))))
    pods.until("shop", APP, ended=False)
    secret = "umask 077; for name in mended sealed; do echo '{\"number\": 300}' > /var/log/app/$name.log; done"
    pods.namespace.exec("shop", APP, "sh", "-c", secret)
    pods.namespace.exec("shop", APP, "env", "LINES=300", "python3", "/app/writer.py")
    assert pods.until_stored(300) == list(range(300))
    pods.namespace.exec("shop", APP, "chmod", "0644", "/var/log/app/mended.log")
    assert pods.until_stored(301) == list(range(301))
    pods.namespace.wait_for_pod("shop", "is Ready", lambda it: it.is_true("Ready"))
    pods.namespace.delete("shop")
    last = pods.until_over("shop")
    pods.assert_drained_in_time(last)
    assert json.loads(last.ended(SIDECAR)["message"])["unreadable"] == ["/var/log/app/sealed.log"]
    pods.measure(6, "unreadable file", "native", last, 301)


@pytest.mark.parametrize("mode", MODES)
def test_row_7_an_application_that_crashes_in_a_deployment(pods: PodFixture, mode: Mode) -> None:
    inside = spec(mode, writing(lines=300, fails=1), restart="Always")
    pods.set(deployment("shop", inside))
    name = pods.pod_of(app="shop").name
    stored = pods.until_stored(600)
    assert stored == list(range(len(stored)))
    seen = pods.namespace.wait_for_pod(
        name, "has started again", lambda it: it.container(APP).get("restartCount", 0) >= 1
    )
    assert seen.phase == "Running"
    assert seen.container(SIDECAR)["restartCount"] == 0
    pods.measure(7, "application crashes, Deployment", mode, seen, None)


@pytest.mark.parametrize(("row", "code", "phase"), [(8, 0, "Succeeded"), (9, 3, "Failed")])
def test_rows_8_and_9_a_job_ends_as_its_application_does(pods: PodFixture, row: int, code: int, phase: str) -> None:
    pods.set(job("shop", spec("native", writing(lines=2000, exit=code))))
    name = pods.pod_of(job_name="shop").name
    last = pods.until_over(name)
    assert pods.stored() == list(range(2000))
    pods.assert_drained_in_time(last)
    assert last.phase == phase
    pods.measure(row, f"Job, application exits {code}", "native", last, 2000)
    condition = "Complete" if code == 0 else "Failed"
    wait(f"the Job is {condition}", lambda: condition in conditions(pods, "shop"))


def conditions(pods: PodFixture, name: str) -> list[str]:
    found = pods.namespace.get("jobs", name)["status"].get("conditions", [])
    return [item["type"] for item in found if item["status"] == "True"]


@pytest.mark.mongodb
def test_row_8_a_job_that_ships_to_mongodb(mongodb_pods: PodFixture) -> None:
    mongodb_pods.set(job("shop", spec("native", writing(lines=2000))))
    last = mongodb_pods.until_over(mongodb_pods.pod_of(job_name="shop").name)
    assert mongodb_pods.stored() == list(range(2000))
    mongodb_pods.assert_drained_in_time(last)
    assert last.phase == "Succeeded"
    mongodb_pods.measure(8, "Job, application exits 0, MongoDB", "native", last, 2000)


def test_row_10_a_job_whose_application_starts_again(pods: PodFixture) -> None:
    pods.set(job("shop", spec("native", writing(lines=500, fails=1), restart="OnFailure")))
    last = pods.until_over(pods.pod_of(job_name="shop").name)
    assert pods.stored() == list(range(1000))
    assert last.container(APP)["restartCount"] == 1
    assert last.container(SIDECAR)["restartCount"] == 0
    pods.assert_drained_in_time(last)
    assert last.phase == "Succeeded"
    pods.measure(10, "Job OnFailure, application starts again", "native", last, 1000)


def test_row_15_a_pod_that_is_deleted(pods: PodFixture) -> None:
    pods.set(kept(pod("shop", spec("native", writing(rate=1000)))))
    pods.until_stored(500)
    pods.namespace.delete("shop")
    last = pods.until_over("shop")
    ended_well(pods, "shop")
    pods.measure(15, "Pod deleted", "native", last, lines_written(last))


def test_row_15_an_application_that_takes_the_whole_grace_period(pods: PodFixture) -> None:
    pods.set(kept(pod("shop", spec("native", writing(rate=1000, linger_s=60), grace=5))))
    pods.until_stored(500)
    pods.namespace.delete("shop")
    last = pods.until_over("shop")
    assert last.ended(APP)["exitCode"] == KILLED
    stored = pods.stored()
    assert stored == list(range(len(stored)))
    # The application may be killed after it has written a line and before it has said so.
    assert len(stored) - lines_written(last) in (0, 1)
    pods.assert_drained_in_time(last)
    situation = "Pod deleted, application takes the whole grace period"
    pods.measure(15, situation, "native", last, lines_written(last))


def test_row_19_a_sidecar_that_is_killed_goes_on_where_it_was(pods: PodFixture) -> None:
    pods.set(pod("shop", spec("native", writing(lines=3000, rate=200))))
    pods.until_stored(300)
    killed = pods.until("shop", SIDECAR, ended=False)
    pods.namespace.cluster.signal(killed.container_id(SIDECAR), "SIGKILL")
    last = pods.until_over("shop")
    assert last.container(SIDECAR)["restartCount"] == 1
    assert pods.stored() == list(range(3000))
    assert last.phase == "Succeeded"
    pods.measure(19, "killed, started again", "native", last, 3000)


def test_row_19_a_classic_sidecar_that_is_killed_fails_the_pod(pods: PodFixture) -> None:
    pods.set(pod("shop", spec("classic", writing(lines=1500))))
    pods.until_stored(300)
    killed = pods.until("shop", SIDECAR, ended=False)
    pods.namespace.cluster.signal(killed.container_id(SIDECAR), "SIGKILL")
    last = pods.until_over("shop")
    assert last.ended(SIDECAR)["exitCode"] == KILLED
    assert last.ended(APP)["exitCode"] == 0
    assert last.phase == "Failed"
    stored = pods.stored()
    assert stored == list(range(len(stored)))
    pods.measure(19, "killed, restartPolicy Never", "classic", last, 1500)


def test_row_20_a_deletion_by_force_loses_at_most_what_was_not_sent(pods: PodFixture) -> None:
    pods.set(kept(pod("shop", spec("native", writing(rate=LINES_OF_A_SECOND, linger_s=0)))))
    pods.until_stored(500)
    pods.namespace.delete("shop", grace=0)
    last = pods.until_over("shop")
    stored = pods.stored()
    assert stored == list(range(len(stored)))
    assert lines_written(last) - len(stored) <= LINES_OF_A_SECOND
    pods.measure(20, "deleted by force", "native", last, lines_written(last))


def test_row_20_an_eviction_because_the_volume_is_full(pods: PodFixture) -> None:
    inside = spec("native", writing(rate=LINES_OF_A_SECOND, linger_s=0))
    inside["volumes"][0]["emptyDir"]["sizeLimit"] = "2Mi"
    pods.set(kept(pod("shop", inside)))
    pods.until_stored(500)
    pods.namespace.exec("shop", APP, "dd", "if=/dev/zero", "of=/var/log/app/core", "bs=1M", "count=4")
    # The event says so whatever becomes of the Pod's status: the kubelet calls it Failed for the reason Evicted while
    # it does not know how the application ended, and Succeeded, without a reason, when it has seen both end with 0.
    wait("it is evicted", lambda: "Evicted" in pods.namespace.happened("shop"))
    last = pods.until_over("shop")
    stored = pods.stored()
    assert stored == list(range(len(stored)))
    ended = last.ended(SIDECAR)
    assert ended["exitCode"] in (0, KILLED), ended
    # It has 2 s at most, whatever the grace period is. On a busy node it may be killed before it can say how it went.
    if ended["exitCode"] == 0:
        told = json.loads(ended["message"])["sinks"]["store"]
        assert (told["lines_stored"], told["unsettled"]) == (len(stored), 0)
    pods.measure(20, "evicted, volume over its limit", "native", last, None)


def test_row_25_a_node_that_does_not_report(pods: PodFixture) -> None:
    pods.set(pod("shop", spec("native", writing(lines=9000, rate=200))))
    pods.namespace.wait_for_pod("shop", "is Ready", lambda it: it.is_true("Ready"))
    pods.until_stored(100)
    cluster = pods.namespace.cluster
    cluster.signal_component("kubelet", "STOP")
    try:
        lost = pods.namespace.wait_for_pod("shop", "is not Ready", lambda it: not it.is_true("Ready"))
        before = len(pods.stored())
        pods.until_stored(before + 100)
    finally:
        cluster.signal_component("kubelet", "CONT")
    assert (lost.phase, lost.is_true("ContainersReady")) == ("Running", True)
    pods.measure(25, "node does not report", "native", lost, None)
    pods.namespace.wait_for_pod("shop", "is Ready again", lambda it: it.is_true("Ready"))
