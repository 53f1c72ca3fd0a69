"""An API server of Kubernetes with etcd, as processes: objects and admission, and nothing that runs Pods."""

from __future__ import annotations

import ssl
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import trustme
import yaml

from tests.support.page_commands import read_commands
from tests.support.servers import ComponentMissing
from tests.support.servers.go_programs import KUBE_APISERVER
from tests.support.servers.java_servers import free_port

TOKEN = "token-of-the-administrator"
WEBHOOK_TOKEN = "token-of-the-webhook"
"""Of the service account in `deploy/webhook/self-managed`, which no controller makes a token for."""

_GUIDE = Path(__file__).parents[3] / "docs/how-to/webhook.md"

_TOKENS = f"""\
{TOKEN},admin,admin,"system:masters"
{WEBHOOK_TOKEN},system:serviceaccount:log-sidecar:log-sidecar-webhook,webhook,"system:serviceaccounts"
"""
_KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "https://127.0.0.1:{port}", certificate-authority: {folder}/pki/ca.crt}}}}]
users: [{{name: u, user: {{token: {token}}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"""


@contextmanager
def running() -> Iterator[Path]:
    """Yield a folder with `conf/admin.kubeconfig` and `pki/ca.crt`, as the node of the cluster tests has them.

    The API server presents a certificate to webhooks, as the guide configures it; `admission/client-ca.crt` is its
    authority.
    """
    program = KUBE_APISERVER.found()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, port, etcd, peer = Path(name), free_port(), free_port(), free_port()
        _write_secrets(folder, port)
        _write_client_certificate(folder / "admission")
        address, peers = f"http://127.0.0.1:{etcd}", f"http://127.0.0.1:{peer}"
        log = stack.enter_context((folder / "log").open("wb"))
        commands = {
            "etcd": [
                f"--data-dir={folder}/data", "--unsafe-no-fsync", f"--listen-client-urls={address}",
                f"--advertise-client-urls={address}", f"--listen-peer-urls={peers}",
                f"--initial-advertise-peer-urls={peers}", f"--initial-cluster=default={peers}",
            ],
            "kube-apiserver": [
                f"--etcd-servers={address}", "--bind-address=127.0.0.1", f"--secure-port={port}",
                f"--tls-cert-file={folder}/pki/server.crt", f"--tls-private-key-file={folder}/pki/server.key",
                f"--token-auth-file={folder}/pki/tokens.csv", "--authorization-mode=RBAC",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={folder}/pki/server.key",
                f"--service-account-signing-key-file={folder}/pki/server.key",
                "--service-cluster-ip-range=10.96.0.0/24", "--endpoint-reconciler-type=none",
                f"--admission-control-config-file={folder}/admission/admission.yaml",
            ],
        }  # fmt: skip
        for component, flags in commands.items():
            (folder / component).symlink_to(program)
            process = subprocess.Popen(
                [str(folder / component), *flags], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
        _wait(folder, port, process)
        yield folder


def _write_secrets(folder: Path, port: int) -> None:
    for name in ("conf", "pki"):
        (folder / name).mkdir()
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "pki/ca.crt")
    issued.cert_chain_pems[0].write_to_path(folder / "pki/server.crt")
    issued.private_key_pem.write_to_path(folder / "pki/server.key")
    (folder / "pki/tokens.csv").write_text(_TOKENS)
    kubeconfig = _KUBECONFIG.format(port=port, folder=folder, token=TOKEN)
    (folder / "conf/admin.kubeconfig").write_text(kubeconfig)


def _write_client_certificate(folder: Path) -> None:
    """Run the commands of the guide. The webhooks of tests have other ports, which belong to the name of the user."""
    folder.mkdir()
    section = "Let only the API server ask"
    for command in (each.text for each in read_commands(_GUIDE) if each.section == section):
        script = command.replace("/etc/kubernetes/admission", str(folder))
        subprocess.run(["sh", "-ec", script], cwd=folder, check=True, capture_output=True)
    kubeconfig = yaml.safe_load((folder / "kubeconfig.yaml").read_text())
    (user,) = kubeconfig["users"]
    (folder / "kubeconfig.yaml").write_text(yaml.safe_dump({**kubeconfig, "users": [{**user, "name": "*"}]}))


def _wait(folder: Path, port: int, process: subprocess.Popen[bytes]) -> None:
    trust = ssl.create_default_context(cafile=folder / "pki/ca.crt")
    request = urllib.request.Request(f"https://127.0.0.1:{port}/readyz", headers={"Authorization": f"Bearer {TOKEN}"})
    give_up_at = time.monotonic() + 120
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            urllib.request.urlopen(request, timeout=5, context=trust).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise ComponentMissing(f"the API server did not start: {(folder / 'log').read_text()[-2000:]}")
