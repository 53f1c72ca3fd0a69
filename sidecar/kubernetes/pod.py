"""Reads the environment variables in which the manifest of the Pod describes how Kubernetes runs the sidecar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sidecar.errors import ConfigurationError

MODES = ("native", "classic")
RESTART_POLICIES = ("Always", "OnFailure", "Never")

_KILL_RESERVE_S = 2.0
"""The sidecar exits this many seconds before the end of the grace period. If the application has used up the grace
period, the kubelet still gives a native sidecar these seconds to end (KEP-753)."""


@dataclass(frozen=True, slots=True)
class Pod:
    """The Pod in which the sidecar runs. Outside of a Pod, all fields have their defaults."""

    mode: str = ""
    """`native`: an init container with `restartPolicy: Always`, which gets its stop signal after the application
    has ended. `classic`: an ordinary container, which gets its stop signal together with the application."""

    grace_s: float | None = None
    """`terminationGracePeriodSeconds` of the Pod."""

    restart_policy: str = ""
    """`restartPolicy` of the Pod, one of `RESTART_POLICIES`; "" if unknown."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Pod:
        """Return the Pod that `SIDECAR_MODE`, `SIDECAR_GRACE` and `SIDECAR_POD_RESTART_POLICY` describe.

        Raise `ConfigurationError` if a value is invalid.
        """
        problems: list[str] = []
        mode = _parse_choice("SIDECAR_MODE", MODES, environ, problems)
        policy = _parse_choice("SIDECAR_POD_RESTART_POLICY", RESTART_POLICIES, environ, problems)
        grace_s = _parse_seconds("SIDECAR_GRACE", environ, problems)
        if problems:
            raise ConfigurationError("the environment is invalid", problems=tuple(problems))
        return cls(mode, grace_s, policy)

    @property
    def may_start_again(self) -> bool:
        """Whether the kubelet may restart an application that failed in this Pod."""
        return self.restart_policy != "Never"

    def deadline_s(self, default_s: float) -> float:
        """Return the maximum seconds from the stop signal to the end of the sidecar.

        `default_s`: result if the grace period is unknown.
        """
        return default_s if self.grace_s is None else max(1.0, self.grace_s - _KILL_RESERVE_S)


def _parse_choice(name: str, choices: tuple[str, ...], environ: Mapping[str, str], problems: list[str]) -> str:
    value = environ.get(name, "")
    if value and value not in choices:
        problems.append(f"environment: {name} must be {', '.join(choices[:-1])} or {choices[-1]}")
    return value


def _parse_seconds(name: str, environ: Mapping[str, str], problems: list[str]) -> float | None:
    value = environ.get(name, "")
    if not value:
        return None
    if not value.isascii() or not value.isdigit():
        problems.append(
            f"environment: {name} must be a number of seconds, such as the terminationGracePeriodSeconds of the Pod"
        )
        return None
    return float(value)
