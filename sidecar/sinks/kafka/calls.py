"""Calls functions of the client, again after temporary errors, and explains timeouts.

A call of the client that times out does not say why. The reason is in the errors that the client reports by a
callback.
"""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException

from sidecar.errors import DeliveryError
from sidecar.lib.clock import Clock
from sidecar.sinks.kafka import errors

CALL_S = 2.0
"""Limit for one call of the client, after which the errors of its connections are read."""

CLIENT_ERRORS = (KafkaException, SystemError)
"""Exceptions of the client. It raises a fatal error while it calls back; Python makes a `SystemError` of that."""


class ClientCalls:
    """Calls functions of the clients of one session. `at`: server and topic, for messages."""

    def __init__(self, at: str, clock: Clock) -> None:
        self._at, self._clock = at, clock
        self._cause: KafkaError | None = None
        """The last error of a connection."""

    def note_cause(self, error: KafkaError) -> None:
        """Remember an error of a connection. The client calls this while one of its functions is called."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # it follows the error that says why
            self._cause = error

    def repeat(self, call: Callable[[float], object], deadline: float, poll: Callable[[float], object]) -> None:
        """Call a function of the client, again after a temporary error, until the deadline.

        `poll`: the method of the client that reports errors of connections.
        """
        while True:
            try:
                call(max(0.1, min(CALL_S, self.remaining(deadline))))
            except KafkaException as error:
                poll(0)
                is_hopeless = self._cause is not None and errors.is_permanent(self._cause)
                is_temporary = error.args[0].retriable() or error.args[0].code() in errors.UNREACHABLE_CODES
                if is_hopeless or not is_temporary or not self.remaining(deadline):
                    raise
            else:
                self._cause = None
                return

    def translate(self, error: Exception) -> DeliveryError:
        """Return the delivery error for an exception of the client."""
        cause = error if isinstance(error, KafkaException) else error.__cause__
        if not isinstance(cause, KafkaException):
            raise error
        return self.error_of(cause.args[0])

    def error_of(self, error: KafkaError) -> DeliveryError:
        """Return the delivery error for an error that is not about a document."""
        is_timeout = error.code() in errors.UNREACHABLE_CODES
        return errors.error_of(self._cause if is_timeout and self._cause is not None else error, self._at)

    def deadline(self, seconds: float) -> float:
        """Return the time at which this number of seconds has passed."""
        return self._clock.monotonic() + seconds

    def remaining(self, deadline: float) -> float:
        """Return the seconds until the deadline."""
        return max(0.0, deadline - self._clock.monotonic())
