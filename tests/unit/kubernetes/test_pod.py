"""What the environment says of the Pod."""

from __future__ import annotations

import pytest

from sidecar.errors import ConfigurationError
from sidecar.kubernetes.pod import Pod


def test_the_pod_is_read_from_the_environment() -> None:
    environ = {"SIDECAR_MODE": "native", "SIDECAR_GRACE": "30", "SIDECAR_POD_RESTART_POLICY": "Never"}
    pod = Pod.from_environ(environ)
    assert pod == Pod("native", 30.0, "Never")
    assert (pod.deadline_s(25), Pod().deadline_s(25), Pod(grace_s=0).deadline_s(25)) == (28, 25, 1)
    assert (pod.may_start_again, Pod().may_start_again) == (False, True)
    with pytest.raises(ConfigurationError) as refused:
        Pod.from_environ({"SIDECAR_MODE": "Native", "SIDECAR_GRACE": "-1", "SIDECAR_POD_RESTART_POLICY": "never"})
    assert len(refused.value.problems) == 3
