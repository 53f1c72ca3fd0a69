"""How the Pod treats the sidecar, as its manifest says it in environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sidecar.errors import ConfigurationError

MODES = ("native", "classic")
POLICIES = ("Always", "OnFailure", "Never")

_SPARE_S = 2.0
"""The kubelet gives no more than this when an application has used up the grace period (KEP-753); so much is left of
it when the sidecar ends by itself."""


@dataclass(frozen=True, slots=True)
class Pod:
    """What is known of the Pod; outside of one, nothing is.

    `mode`: "native" (an init container with `restartPolicy: Always`, told to end after the application) or "classic"
    (an ordinary container, told to end together with it). `grace_s`: its terminationGracePeriodSeconds.
    `restart_policy`: of the Pod, one of `POLICIES`, "" if nobody
    said it.
    """

    mode: str = ""
    grace_s: float | None = None
    restart_policy: str = ""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Pod:
        """From `SIDECAR_MODE`, `SIDECAR_GRACE` and `SIDECAR_POD_RESTART_POLICY`. Raises `ConfigurationError`."""
        problems: list[str] = []
        mode = _one_of("SIDECAR_MODE", MODES, environ, problems)
        policy = _one_of("SIDECAR_POD_RESTART_POLICY", POLICIES, environ, problems)
        grace = _seconds("SIDECAR_GRACE", environ, problems)
        if problems:
            raise ConfigurationError("the environment is wrong", problems=tuple(problems))
        return cls(mode, grace, policy)

    @property
    def may_start_again(self) -> bool:
        """Whether an application that failed may be started again in this Pod: yes, unless it is known not to."""
        return self.restart_policy != "Never"

    def deadline_s(self, otherwise: float) -> float:
        """Seconds from the signal to the end of the sidecar."""
        return otherwise if self.grace_s is None else max(1.0, self.grace_s - _SPARE_S)


def _one_of(name: str, known: tuple[str, ...], environ: Mapping[str, str], problems: list[str]) -> str:
    value = environ.get(name, "")
    if value and value not in known:
        problems.append(f"environment: {name} has to be {', '.join(known[:-1])} or {known[-1]}")
    return value


def _seconds(name: str, environ: Mapping[str, str], problems: list[str]) -> float | None:
    value = environ.get(name, "")
    if not value:
        return None
    if not value.isascii() or not value.isdigit():
        problems.append(f"environment: {name} has to be seconds, as in terminationGracePeriodSeconds: 30")
        return None
    return float(value)
