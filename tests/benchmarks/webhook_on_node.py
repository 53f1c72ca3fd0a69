"""How long an API server waits for the webhook, by its own metric: `python -m tests.benchmarks.webhook_on_node`.

Starts a Kubernetes node with the manifests of `deploy/webhook/base`, and creates Pods at a steady rate as dry runs.
Needs what `make test-cluster` needs. The API server, etcd and the client share the processors with the webhook.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import ssl
from http.client import HTTPSConnection
from pathlib import Path

import yaml

from tests.benchmarks.webhook import CONNECTIONS, Client, pod, send
from tests.kubernetes.cluster.cluster import Cluster, running, wait
from tests.support.processes import sidecar

ROOT = Path(__file__).parents[2]
NAMESPACE, WEBHOOK = "shop", "namespaces.injection.log-sidecar"
METRIC = "apiserver_admission_webhook_admission_duration_seconds"


def install(cluster: Cluster) -> None:
    """Install the webhook as the guide says, and wait until the API server asks it."""
    cluster.kubectl("apply", f"--kustomize={ROOT}/deploy/webhook/base")
    cluster.kubectl("apply", "--filename=-", given=sidecar("webhook", "certs").stdout)
    cluster.kubectl(
        "rollout", "status", "deployment/log-sidecar-webhook", "--namespace=log-sidecar", "--timeout=110s"
    )
    cluster.kubectl("create", "namespace", NAMESPACE)
    cluster.kubectl("label", "namespace", NAMESPACE, "log-sidecar/injection=enabled")
    account = ("get", "serviceaccount", "default", f"--namespace={NAMESPACE}")
    wait("Pods may be created", lambda: cluster.kubectl(*account))
    wait("it is asked", lambda: "initContainers" in cluster.admit(NAMESPACE, pod()).pod["spec"])


def clients(cluster: Cluster, rate: float, seconds: float) -> list[Client]:
    """Return clients that create Pods as dry runs."""
    access = yaml.safe_load((cluster.home / "conf/admin.kubeconfig").read_text())
    port = int(access["clusters"][0]["cluster"]["server"].rpartition(":")[2])
    headers = {"Authorization": f"Bearer {access['users'][0]['user']['token']}"}
    trust = ssl.create_default_context(cafile=cluster.home / "pki/ca.crt")
    body = json.dumps({"apiVersion": "v1", "kind": "Pod", **pod()}).encode()
    path = f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All"
    return [
        Client(HTTPSConnection("127.0.0.1", port, context=trust), path, body, rate / CONNECTIONS, seconds, headers)
        for _ in range(CONNECTIONS)
    ]


def buckets(cluster: Cluster) -> dict[float, int]:
    """Return how many calls of the webhook took at most so many seconds."""
    counts: dict[float, int] = {}
    for labels, count in re.findall(
        rf"^{METRIC}_bucket{{(.*)}} (\d+)$", cluster.kubectl("get", "--raw", "/metrics"), re.M
    ):
        if f'name="{WEBHOOK}"' in labels and (bound := re.search(r'le="([^"]+)"', labels)):
            counts[float(bound[1])] = counts.get(float(bound[1]), 0) + int(count)
    return counts


def quantile(counts: dict[float, int], share: float) -> float:
    """Return a quantile as Prometheus computes it: linear between the bounds of a bucket."""
    total, before, low = counts[float("inf")], 0, 0.0
    for bound, count in sorted(counts.items()):
        if count >= share * total:
            return low + (bound - low) * (share * total - before) / max(count - before, 1)
        before, low = count, bound
    return low


def measure(cluster: Cluster, rate: float, seconds: float) -> None:
    """Print what the API server measured, and the memory of both replicas."""
    send(clients(cluster, rate, 5.0))  # connections, caches
    before = buckets(cluster)
    send(clients(cluster, rate, seconds))
    counts = {bound: count - before.get(bound, 0) for bound, count in buckets(cluster).items()}
    total = counts[float("inf")]
    print(f"{METRIC}, {total} calls: ", end="")
    print(
        ", ".join(
            f"{100 * count / total:.2f} % in {1000 * bound:g} ms" for bound, count in sorted(counts.items())[:4]
        )
    )
    print(f"p50 {1000 * quantile(counts, 0.5):.1f} ms, p99 {1000 * quantile(counts, 0.99):.1f} ms")
    for item in cluster.get("pods", "--namespace=log-sidecar")["items"]:
        status = cluster.kubectl(
            "exec", item["metadata"]["name"], "--namespace=log-sidecar", "--", "cat", "/proc/1/status"
        )
        print("memory of a replica (VmRSS):", int(status.partition("VmRSS:")[2].split()[0]) // 1024, "MiB")
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    with running() as node:
        install(node)
        measure(node, options.rate, options.seconds)
