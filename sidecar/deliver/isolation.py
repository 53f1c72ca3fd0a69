"""Finds the documents because of which a whole request is refused.

A gateway may inspect requests, and refuse one because of the text of a single document, such as a line in an access
log that looks like an attack. So a refused request is divided, until the other documents are stored.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from sidecar.errors import DeliveryError, RequestBlocked
from sidecar.model.batch import Batch, Refusal, RefusalScope, Rejection, WriteResult

REQUEST_BLOCKED = "request_blocked"
"""Error kind of dead letters because of which a whole request is refused."""

MAX_REQUESTS_WITHOUT_SUCCESS = 16
"""Number of requests with parts of a batch after which the sink refuses all documents, if it has accepted none."""

Write = Callable[[Batch], WriteResult]


def write_in_parts(batch: Batch, refusal: RequestBlocked, write: Write) -> WriteResult:
    """Write a batch that was refused as a whole in ever smaller parts, and refuse the documents that remain.

    Raise `refusal` if the sink refuses all parts, or the error of the first part if it is another one.
    """
    parts = deque([range(len(batch))])
    alone: list[range] = []
    result, requests = WriteResult(()), 0
    while parts and result.error is None:
        part = parts.popleft()
        middle = (len(part) + 1) // 2
        for half in filter(None, (part[:middle], part[middle:])):
            if requests == MAX_REQUESTS_WITHOUT_SUCCESS and not result.stored:
                raise refusal
            requests += 1
            written = _write_part(batch, half, write)
            if written is None:
                (alone if len(half) == 1 else parts).append(half)
            else:
                result = result.join(written, 0)
    if result.error is not None:
        if not result.stored:
            raise result.error
        return result
    if not result.stored:
        raise refusal
    for index in alone:  # once more, because a gateway may have refused requests for a moment
        written = _write_part(batch, index, write)
        result = result.join(_refuse(index[0], refusal) if written is None else written, 0)
    return result


def _write_part(batch: Batch, indexes: Sequence[int], write: Write) -> WriteResult | None:
    """Return the result of these documents, by their index in the batch; None if the request was refused."""
    try:
        return write(batch.select(indexes)).embed(indexes, ())
    except RequestBlocked:
        return None
    except DeliveryError as error:
        return WriteResult((), error=error)


def _refuse(index: int, refusal: RequestBlocked) -> WriteResult:
    rejection = Rejection(index, REQUEST_BLOCKED, refusal.message, refusal.status)
    scope: RefusalScope = "unclear" if refusal.may_reject else "kept"
    return WriteResult((), error=refusal, refused=[Refusal(rejection, refusal, scope)])
