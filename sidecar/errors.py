"""The errors of the sidecar, as a tree. The outcome of a record is a value (`WriteResult`), never an error.

SidecarError
├── ConfigurationError     the settings are invalid; exit code 2, nothing was started
├── StateError             the state directory cannot be used; at the start exit code 2, nothing in it was changed
└── DeliveryError          an attempt to deliver failed as a whole; no record of the attempt is settled
    ├── Retryable          the sink is unavailable now: back off, then read the file again
    │   └── RequestTooLarge  the sink rejects requests of this size: send smaller ones
    └── Misconfigured      the sink rejects the credentials or the target: log an error, retry slowly
        └── RequestBlocked   the cause may be a single document of the request: send parts of it

Each message says in one sentence what happened, where, and what to do. No message contains a secret or text of the
application's log.
"""

from __future__ import annotations


class SidecarError(Exception):
    """An error with its cause (`message`), its `location` and what to do about it (`hint`).

    `message` and `hint` are clauses without a full stop. `location` names a file, setting, sink or address.
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

    def text_after(self, place: str) -> str:
        """Return the text of the error for a line that begins with `place`, which it does not repeat."""
        return str(self).removeprefix(f"{place}: ")


class ConfigurationError(SidecarError):
    """The configuration is invalid. `problems` has a sentence for each problem.

    `causes` has the same problems as separate errors, if each of them names its setting.
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
    """The sink cannot accept the batch now.

    `retry_after`: seconds that the sink asked to wait, None if it did not. `is_brief`: the cause ends by
    itself within seconds, as the election of a primary in MongoDB does.
    """

    def __init__(
        self, message: str, *, location: str = "", hint: str = "", retry_after: float | None = None,
        is_brief: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(message, location=location, hint=hint)
        self.retry_after, self.is_brief = retry_after, is_brief


class RequestTooLarge(Retryable):
    """The sink rejects a request of this size, for example with HTTP status 413. A smaller one may be accepted.

    `status`: the status code of the response, None if there is none.
    """

    def __init__(self, message: str, *, location: str = "", hint: str = "", status: int | None = None) -> None:
        super().__init__(message, location=location, hint=hint)
        self.status = status


class Misconfigured(DeliveryError):
    """The sink rejects every request until a person changes something: credentials, target or permissions."""


class RequestBlocked(Misconfigured):
    """The sink, or a gateway in front of it, rejects this request. It may accept a request with other documents.

    `status`: the status code of the response. `may_reject`: whether a document that causes this error may become a
    dead letter.
    """

    def __init__(
        self, message: str, *, location: str = "", hint: str = "", status: int | None = None, may_reject: bool = True
    ) -> None:
        super().__init__(message, location=location, hint=hint)
        self.status, self.may_reject = status, may_reject
