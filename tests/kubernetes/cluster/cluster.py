"""A real Kubernetes node for one test session, and a namespace of it for each test."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import pty
import select
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml

from tests.kubernetes.cluster.api import GROUPS, Api, ClusterError
from tests.support.servers import ComponentMissing
from tests.support.servers.real_elasticsearch import cache

HERE = Path(__file__).parent
ADDRESS = "10.77.0.2"
"""Of the node, as Pods see it and, while the node is up, also this process."""

_KEPT = "log-sidecar.test/kept"
_CLONE_NEWNET = 0x40000000

Object = dict[str, Any]
T = TypeVar("T")


@contextmanager
def running() -> Iterator[Cluster]:
    """The node, from up to down. This process and what it starts meanwhile are in the network of the node.

    One session at a time: another one waits. A node that a killed session left behind is ended first.
    Raises `ComponentMissing` when something that it needs is not on this machine.
    """
    if os.geteuid() != 0:
        raise ComponentMissing("the cluster needs root")
    home = cache() / "cluster"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "session.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _node("prepare")
        archive = _run(["bash", str(HERE / "images.sh"), str(home)]).strip()
        _node("down")
        _node("up", archive)
        try:
            with _network_of(int((home / "run/init.pid").read_text())):
                yield Cluster(home)
        finally:
            _node("down")


def _node(*arguments: str) -> None:
    _run([str(HERE / "node/node.sh"), *arguments])


def _run(command: Sequence[str]) -> str:
    """What the command says, with the home that the tests' components have."""
    environ = {**os.environ, "LOG_SIDECAR_TEST_CACHE": str(cache())}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ComponentMissing(f"{Path(command[0]).name} {command[1]}: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


@contextmanager
def _network_of(pid: int) -> Iterator[None]:
    libc = ctypes.CDLL(None, use_errno=True)

    def join(namespace: int) -> None:
        if libc.setns(namespace, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    with Path("/proc/self/ns/net").open("rb") as ours, Path(f"/proc/{pid}/ns/net").open("rb") as theirs:
        join(theirs.fileno())
        try:
            yield
        finally:
            join(ours.fileno())


class Cluster:
    """The node, as its administrator sees it."""

    def __init__(self, home: Path) -> None:
        self.home, self.api = home, Api(home)
        self.environ = {
            **os.environ,
            "KUBECONFIG": str(home / "conf/admin.kubeconfig"),
            "KUBECACHEDIR": str(home / "state/kubectl"),
            "NO_PROXY": "*",
        }

    @property
    def kubectl_path(self) -> str:
        """Where kubectl is, for those who need more of it than its answer."""
        return str(self.home / "current/kubectl")

    def kubectl(self, *arguments: str, given: str = "") -> str:
        """What kubectl prints. Raises `CalledProcessError`, with what it complained of."""
        done = subprocess.run(
            [self.kubectl_path, *arguments],
            env=self.environ,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode:
            raise ClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def admit(self, namespace: str, item: Object) -> Admitted:
        """What the API server would make of a Pod; nothing is created. Raises `ClusterError` when it is refused."""
        return Admitted(*self.api.admit(namespace, item))

    def shell(self, script: str) -> None:
        """Run a script on the node, as root."""
        _node("in", "sh", "-c", script)

    def get(self, kind: str, name: str = "", namespace: str = "", **labels: str) -> Object:
        """An object, or the objects of a kind with these labels, as the API has them now."""
        places = ["namespaces", namespace] if namespace else []
        path = "/".join([GROUPS.get(kind, "api/v1"), *places, kind, *([name] if name else [])])
        selector = ",".join(f"{key.replace('_', '-')}={value}" for key, value in labels.items())
        found: Object = json.loads(self.api.get(path, **({"labelSelector": selector} if labels else {})))
        return found

    def signal(self, container_id: str, name: str) -> None:
        """A signal to the first process of a container, from outside of it, as the kernel would send it."""
        _node("in", "ctr", "tasks", "kill", "--signal", name, container_id)

    def signal_component(self, component: str, name: str) -> None:
        """A signal to a process of the node, for example the kubelet."""
        _node("in", "pkill", f"--signal={name}", "--exact", component)

    @contextmanager
    def namespace(self) -> Iterator[Namespace]:
        """A namespace that nobody else uses, and that is deleted with all that is in it."""
        name = f"test-{uuid.uuid4().hex[:8]}"
        self.kubectl("create", "namespace", name)
        space = Namespace(self, name)
        wait("its service account", lambda: self.get("serviceaccounts", "default", name))
        try:
            yield space
        finally:
            space.let_go()
            self.kubectl("delete", "namespace", name, "--wait=false")


class Admitted(NamedTuple):
    """A Pod after admission, and what the API server warned of."""

    pod: Object
    warnings: list[str]


class Namespace:
    """The part of the cluster that one test has for itself."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster, self.name = cluster, name
        self._here = f"--namespace={name}"

    def apply(self, *objects: Object | Path) -> None:
        """Create or change objects, given as such or as a file of them."""
        for item in objects:
            given = item.read_text() if isinstance(item, Path) else json.dumps(item)
            self.cluster.kubectl("apply", "--filename=-", self._here, given=given)

    def get(self, kind: str, name: str) -> Object:
        """An object as the API has it now."""
        return self.cluster.get(kind, name, self.name)

    def pod(self, name: str) -> Pod:
        """A Pod as the API has it now."""
        return Pod(self.get("pods", name))

    def pods(self, **labels: str) -> list[Pod]:
        """The Pods with these labels."""
        return [Pod(item) for item in self.cluster.get("pods", namespace=self.name, **labels)["items"]]

    def happened(self, pod: str) -> list[str]:
        """The reasons of the Events that the cluster recorded about a Pod."""
        return [
            item["reason"]
            for item in self.cluster.get("events", namespace=self.name)["items"]
            if item["involvedObject"]["name"] == pod
        ]

    def wait_for_pod(self, name: str, what: str, condition: Callable[[Pod], object], within: float = 60) -> Pod:
        """The Pod as it was when the condition became true."""

        def look() -> Pod | None:
            pod = self.pod(name)
            return pod if condition(pod) else None

        return wait(f"Pod {name}: {what}", look, within, lambda: self._explain(name))

    def _explain(self, name: str) -> str:
        return yaml.safe_dump(self.pod(name).status) + self.logs(name, "log-sidecar")

    def logs(self, pod: str, container: str) -> str:
        """What a container wrote to its output."""
        path = f"api/v1/namespaces/{self.name}/pods/{pod}/log"
        return self.cluster.api.get(path, container=container).decode()

    def exec(self, pod: str, container: str, *command: str) -> str:
        """What a command prints that runs inside a container."""
        return self.cluster.kubectl("exec", pod, self._here, f"--container={container}", "--", *command)

    def type_into(self, pod: str, container: str, keys: str, until: str) -> str:
        """What a terminal shows that is attached to a container, from when keys are typed until a text is there."""
        ours, theirs = pty.openpty()
        command = [self.cluster.kubectl_path, "attach", pod, self._here, f"--container={container}", "-it"]
        process = subprocess.Popen(command, env=self.cluster.environ, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        shown = b""
        try:
            os.write(ours, keys.encode())
            give_up_at = time.monotonic() + 30
            while until.encode() not in shown and time.monotonic() < give_up_at:
                if select.select([ours], [], [], 1.0)[0]:
                    shown += os.read(ours, 65536)
        finally:
            process.kill()
            process.wait()
            os.close(ours)
        return shown.decode(errors="replace")

    def delete(self, pod: str, *, grace: int | None = None) -> None:
        """Ask for the end of a Pod, and do not wait for it. A grace of 0 is a deletion by force."""
        how = [] if grace is None else [f"--grace-period={grace}"]
        force = ["--force"] if grace == 0 else []
        self.cluster.kubectl("delete", "pod", pod, self._here, "--wait=false", *how, *force)

    def let_go(self) -> None:
        """Take the finalizer off all Pods that were kept for a last look."""
        for item in self.cluster.get("pods", namespace=self.name)["items"]:
            if item["metadata"].get("finalizers"):
                patch = '{"metadata":{"finalizers":null}}'
                self.cluster.kubectl("patch", "pod", item["metadata"]["name"], self._here, "--patch", patch)


def kept(pod: Object) -> Object:
    """The Pod with a finalizer, so that its last status can be read after its deletion."""
    return {**pod, "metadata": {**pod["metadata"], "finalizers": [_KEPT]}}


class Pod:
    """One look at a Pod."""

    def __init__(self, whole: Object) -> None:
        self.name: str = whole["metadata"]["name"]
        self.status: Object = whole["status"]
        self.phase: str = self.status["phase"]

    def is_true(self, condition: str) -> bool:
        """Whether a condition of the Pod, such as Ready, is True."""
        found = {item["type"]: item["status"] for item in self.status.get("conditions", [])}
        return found.get(condition) == "True"

    def container(self, name: str) -> Object:
        """The status of a container, of an ordinary or of an init one; empty before there is one."""
        listed = self.status.get("initContainerStatuses", []) + self.status.get("containerStatuses", [])
        found: Object = next((item for item in listed if item["name"] == name), {})
        return found

    def runs(self, name: str) -> bool:
        """Whether a container runs now."""
        return "running" in self.container(name).get("state", {})

    def ended(self, name: str) -> Object:
        """How a container ended; empty while it runs."""
        found: Object = self.container(name).get("state", {}).get("terminated", {})
        return found

    def container_id(self, name: str) -> str:
        """The id of a container, as containerd knows it."""
        found: str = self.container(name)["containerID"]
        return found.removeprefix("containerd://")


def wait(what: str, condition: Callable[[], T | None], within: float = 60, explain: Callable[[], str] = str) -> T:
    """The first answer that is true. Raises `AssertionError`, with an explanation, when there is none in time."""
    give_up_at = time.monotonic() + within
    while True:
        try:
            found, trouble = condition(), ""
        except ClusterError as failed:
            found, trouble = None, str(failed)
        if found:
            return found
        if time.monotonic() > give_up_at:
            raise AssertionError(f"{what}: not within {within:g} s. {trouble}\n{explain()}")
        time.sleep(0.1)
