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
from collections import Counter
from http.client import HTTPSConnection
from pathlib import Path

import yaml

from tests.benchmarks.webhook import CONNECTIONS, Client, pod, send
from tests.kubernetes.cluster.cluster import Cluster, running, wait
from tests.support.processes import sidecar

ROOT = Path(__file__).parents[2]
NAMESPACE, WEBHOOK = "shop", "namespaces.injection.log-sidecar"
API_SERVER = "apiserver_admission_webhook_admission_duration_seconds"
STEP = "apiserver_admission_step_admission_duration_seconds_summary"
"""Quantiles of everything that changes an object before it is created: the webhook and plug-ins of the API server."""

OWN = "log_sidecar_webhook_seconds"


def install(cluster: Cluster) -> None:
    """Install the webhook as the guide says, and wait until the API server asks it."""
    cluster.kubectl("apply", f"--kustomize={ROOT}/deploy/webhook/base")
    cluster.kubectl("apply", "--filename=-", given=sidecar("webhook", "certs").stdout)
    cluster.kubectl(
        "rollout", "status", "deployment/log-sidecar-webhook", "--namespace=log-sidecar", "--timeout=110s"
    )
    cluster.kubectl("create", "namespace", NAMESPACE)
    cluster.kubectl("label", "namespace", NAMESPACE, "log-sidecar/injection=enabled")
    wait("Pods may be created", lambda: cluster.get("serviceaccounts", "default", NAMESPACE))
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


def buckets(text: str, metric: str, label: str) -> Counter[float]:
    """Return how many samples of a histogram with this label were at most so many seconds."""
    counts: Counter[float] = Counter()
    for labels, count in re.findall(rf"^{metric}_bucket{{(.*)}} (\d+)$", text, re.M):
        if label in labels and (bound := re.search(r'le="([^"]+)"', labels)):
            counts[float(bound[1])] += int(count)
    return counts


def sum_and_count(text: str, metric: str, label: str) -> tuple[float, int]:
    """Return the sum of the seconds and the number of samples of a histogram with this label."""
    found = {
        kind: sum(
            float(value)
            for labels, value in re.findall(rf"^{metric}_{kind}{{(.*)}} (\S+)$", text, re.M)
            if label in labels
        )
        for kind in ("sum", "count")
    }
    return found["sum"], int(found["count"])


def quantiles(text: str) -> dict[str, float]:
    """Return what the API server says about its step of admission for creations: quantile → seconds."""
    of_step = rf'^{STEP}{{operation="CREATE",rejected="false",type="admit",quantile="([^"]+)"}} (\S+)$'
    return {share: float(seconds) for share, seconds in re.findall(of_step, text, re.M)}


def replicas(cluster: Cluster) -> list[str]:
    """Return the names of the Pods of the webhook."""
    return [item["metadata"]["name"] for item in cluster.get("pods", namespace="log-sidecar")["items"]]


def histograms(cluster: Cluster) -> dict[str, Counter[float]]:
    """Return the histogram of the API server, and that of all replicas of the webhook."""
    path = "/api/v1/namespaces/log-sidecar/pods/https:{}:8443/proxy/metrics"
    own = [cluster.kubectl("get", "--raw", path.format(name)) for name in replicas(cluster)]
    return {
        API_SERVER: buckets(cluster.kubectl("get", "--raw", "/metrics"), API_SERVER, f'name="{WEBHOOK}"'),
        OWN: sum((buckets(text, OWN, "le=") for text in own), Counter[float]()),
    }


def quantile(counts: Counter[float], share: float) -> float:
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
    label = f'name="{WEBHOOK}"'
    before = histograms(cluster)
    sum_before = sum_and_count(cluster.kubectl("get", "--raw", "/metrics"), API_SERVER, label)
    send(clients(cluster, rate, seconds))
    text = cluster.kubectl("get", "--raw", "/metrics")
    took, calls = (
        after - start for after, start in zip(sum_and_count(text, API_SERVER, label), sum_before, strict=True)
    )
    print(f"{API_SERVER}: mean {1000 * took / calls:.2f} ms")
    of_step = ", ".join(f"{share}: {1000 * value:.1f} ms" for share, value in quantiles(text).items())
    print(f"{STEP}, the webhook and all plug-ins, since the start of the API server: {of_step}")
    for metric, counts in histograms(cluster).items():
        counts.subtract(before[metric])
        total = counts[float("inf")]
        shares = [f"{100 * count / total:.2f} % in {1000 * bound:g} ms" for bound, count in sorted(counts.items())]
        print(f"{metric}, {total} calls: {', '.join(share for share in shares if not share.startswith('100'))}")
        print(f"  p50 {1000 * quantile(counts, 0.5):.1f} ms, p99 {1000 * quantile(counts, 0.99):.1f} ms")
    for name in replicas(cluster):
        status = cluster.kubectl("exec", name, "--namespace=log-sidecar", "--", "cat", "/proc/1/status")
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
        node.kubectl("delete", "mutatingwebhookconfiguration", "log-sidecar-webhook")
        wait("it is asked no more", lambda: "initContainers" not in node.admit(NAMESPACE, pod()).pod["spec"])
        print("without the webhook:", end=" ")
        send(clients(node, options.rate, options.seconds))
