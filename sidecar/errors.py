"""The faults of the sidecar, as a tree. An outcome of a record is a value (`WriteResult`), never one of these.

SidecarError
├── ConfigurationError    the user asked for something that cannot be; exit 2, nothing was started
├── StateError            the state directory cannot be used; exit 2, nothing in it was changed
└── DeliveryError         an attempt to deliver failed as a whole; no record of the attempt is settled
    ├── Retryable         the destination could not take it now: back off and read the file again
    │   └── TooLarge      the destination refuses a request of this size: send less at a time
    └── Fatal             the destination refuses what we are (credentials, target): shout, try again slowly

Each says what happened, where, and what to do about it, in one sentence. No message holds a secret or the
text of the application's log.
"""

from __future__ import annotations


class SidecarError(Exception):
    """What went wrong, where it went wrong, and what to do about it.

    `message` and `hint` are clauses without a full stop; `location` names a file, key, sink or address.
    """

    def __init__(self, message: str, *, location: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.location = location
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.location}: " if self.location else ""
        advice = f"; {self.hint}" if self.hint else ""
        return f"{place}{self.message}{advice}"


class ConfigurationError(SidecarError):
    """One or more things in the configuration cannot be; `problems` holds a sentence for each of them.

    `causes` are the same as separate errors, if each names the setting that is wrong.
    """

    def __init__(
        self, message: str, *, location: str = "", hint: str = "", problems: tuple[str, ...] = (),
        causes: tuple[ConfigurationError, ...] = (),
    ) -> None:  # fmt: skip
        super().__init__(message, location=location, hint=hint)
        self.problems = problems or tuple(map(str, causes)) or (str(self),)
        self.causes = causes


class StateError(SidecarError):
    """The state directory is locked, damaged, unwritable or from a newer version."""


class DeliveryError(SidecarError):
    """An attempt to deliver failed as a whole."""


class Retryable(DeliveryError):
    """The destination could not take the batch now; `retry_after` is its own wish in seconds, if it had one."""

    def __init__(self, message: str, *, location: str = "", hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, location=location, hint=hint)
        self.retry_after = retry_after


class RequestTooLarge(Retryable):
    """The destination refuses a request of this size (HTTP 413 and its like); a smaller one may pass."""


class Misconfigured(DeliveryError):
    """Trying again will not help before a person changes something: credentials, target, permissions."""
