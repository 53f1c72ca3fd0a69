"""The exit codes of each command, for the documentation and the man pages."""

from __future__ import annotations

COMMON = {
    0: "ended as requested",
    1: "crash; the traceback on standard error belongs in a bug report",
    2: "wrong usage, configuration or state, or the output cannot be written",
    130: "interrupted with Ctrl-C",
}
"""Exit code → its meaning for every command that does not define it otherwise."""

EXIT_CODES: dict[str, dict[int, str]] = {
    "init": {2: "nothing was written: something is wrong, or the sink does not accept documents"},
    "run": {
        2: "wrong usage, configuration or state; or the state was removed or replaced while it runs",
        3: "with `--once`, `--strict-exit` or `-`: something that was seen was not delivered, a matching file or a "
        "directory could not be read, or the state could not be written",
    },
    "check": {2: "a mistake, a failed rule test, or with `--connect` a sink that does not accept documents"},
    "setup": {2: "something is missing afterwards"},
    "config": {},
    "convert": {3: "the file is complete and valid, but parts of the source have no counterpart"},
    "explain": {},
    "bench": {},
    "dead-letters": {
        2: "wrong usage, or nothing matches the selection",
        3: "with `replay`: a dead letter could not be stored",
    },
    "checkpoints": {2: "wrong usage, or nothing matches the selection"},
    "status": {1: "no sidecar runs with this state directory"},
    "top": {1: "no sidecar runs with this state directory"},
    "tap": {1: "no sidecar runs with this state directory, or it refuses the filter"},
    "probe": {1: "the probe failed"},
    "drain": {1: "something is not delivered, or no sidecar runs with this state directory"},
    "wait-ready": {0: "always, also after the timeout: Kubernetes kills a container whose `postStart` fails"},
    "wrap": {0: "the exit code of the command is that of `wrap`"},
    "demo": {1: "a line was lost or stored twice"},
    "inject": {1: "a Pod is refused, and the others have the sidecar; or `--check` finds a difference"},
    "uninject": {1: "a Pod is refused; or `--check` finds a difference"},
    "policy": {2: "wrong usage, or settings that no policy can follow"},
    "lint": {1: "a mistake was found"},
    "webhook": {2: "wrong usage, settings, certificate or address; or `openssl` fails"},
    "schema": {},
    "plugins": {},
    "completion": {},
    "version": {},
    "help": {},
}
"""Command → its exit codes that differ from `COMMON`."""
