"""What the tests of the lifecycle have in common: a namespace, a database behind a Service, and what came of it."""

from __future__ import annotations

from typing import Any

from tests.kubernetes.cluster.cluster import Namespace, Object, Pod, wait
from tests.kubernetes.cluster.databases import Database, endpoint, service
from tests.kubernetes.cluster.manifests import APP, SIDECAR, Mode, configuration
from tests.kubernetes.cluster.measured import Measurement, Table, Timeline

DRAIN_S = 2.0
"""What a sidecar may have left when the application took the whole grace period: it has to be through by then."""


class PodFixture:
    """One test's Pods and their database. Lines are stored under the name of the namespace."""

    def __init__(self, namespace: Namespace, database: Database, timeline: Timeline, table: Table) -> None:
        self.namespace, self.timeline = namespace, timeline
        self._database, self._table = database, table

    def set(self, *objects: Object, reachable: bool = True, **pipeline: Any) -> None:
        """Apply the configuration, the Service of the database, and what is given, which finds them there."""
        sink = self._database.sink(self.namespace.name, self._database.service)
        self.namespace.apply(configuration(sink, **pipeline), service(self._database))
        if reachable:
            self.connect()
        self.namespace.apply(*objects)

    def connect(self) -> None:
        """Let the database answer from now on."""
        self.namespace.apply(endpoint(self._database))

    def pod_of(self, **labels: str) -> Pod:
        """The first Pod with these labels, as soon as there is one."""
        return wait(f"a Pod with {labels}", lambda: self.namespace.pods(**labels))[0]

    def until(self, pod: str, container: str, *, ended: bool, within: float = 60) -> Pod:
        """The Pod when a container has ended, or runs."""
        what = f"{container} {'has ended' if ended else 'runs'}"
        condition = (lambda it: it.ended(container)) if ended else (lambda it: it.runs(container))
        return self.namespace.wait_for_pod(pod, what, condition, within)

    def until_over(self, pod: str) -> Pod:
        """The Pod in its last phase, with all containers ended."""
        over = ("Succeeded", "Failed")
        return self.namespace.wait_for_pod(pod, "is over", lambda it: it.phase in over and it.ended(SIDECAR))

    def stored(self) -> list[int]:
        """The numbers of the lines that are stored."""
        return self._database.numbers(self.namespace.name)

    def until_stored(self, count: int, within: float = 60) -> list[int]:
        """The numbers that are stored when there are so many."""

        place = self.namespace.name
        wait(
            f"{count} lines are stored", lambda: self._database.count(place) >= count, within,
            lambda: f"{self._database.count(place)} are",
        )  # fmt: skip
        return self.stored()

    def assert_drained_in_time(self, pod: Pod) -> None:
        """The sidecar ended by itself, well, and soon after it was told to."""
        assert pod.ended(SIDECAR)["exitCode"] == 0, pod.status
        seconds = self.timeline.seconds_to_end(pod.container_id(SIDECAR))
        assert seconds is not None
        assert seconds <= DRAIN_S

    def measure(self, row: int, situation: str, mode: Mode, pod: Pod, written: int | None) -> None:
        """Add what was seen to the table; no time if the kubelet has lost the container (ContainerStatusUnknown)."""
        is_known = "containerID" in pod.container(SIDECAR)
        seconds = self.timeline.seconds_to_end(pod.container_id(SIDECAR)) if is_known else None
        code = pod.ended(SIDECAR).get("exitCode")
        stored = len(self.stored())
        self._table.add(Measurement(row, situation, mode, code, pod.phase, written, stored, seconds))


def lines_written(pod: Pod) -> int:
    """What the application said in its last instant."""
    return int(pod.ended(APP)["message"])
