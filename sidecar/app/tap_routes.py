"""Answers polls of `sidecar tap` and of the live view of the page.

The client chooses a name and polls. Its tap is closed when it has not polled for a while, so a client that was killed
costs nothing, and a slow one holds nothing back.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from typing import Any, cast

from sidecar.admin.http_messages import Query, Reply
from sidecar.lib.clock import Clock
from sidecar.lib.terminal import escape_control_characters, escape_json
from sidecar.pipeline.tap import MAX_EVENTS_PER_S, MAX_TAPS, STAGES, Matcher, Stage, Tap, TapEvent, Taps

_MAX_NAME_CHARACTERS, _MAX_SEARCH_CHARACTERS = 64, 256


def poll_tap(taps: Taps, kind: str, query: Query, pipelines: Collection[str], clock: Clock) -> Reply:
    """Return the events of a tap since the poll before. `kind`: the kind of client, such as "page".

    The query has the `name` of the client, and what it wants to see: `pipeline`, `stage`, `filter` and `search`.
    """
    name, pipeline, stage = query.get("name", ""), query.get("pipeline", ""), query.get("stage", "document")
    if not 0 < len(name) <= _MAX_NAME_CHARACTERS:
        return Reply(400, {"text": "the name of the tap is missing or too long"})
    if stage not in STAGES:
        return Reply(400, {"text": f"there is no stage {stage!a}; use one of {', '.join(STAGES)}"})
    if pipeline and pipeline not in pipelines:
        return Reply(404, {"text": f"there is no pipeline {pipeline!a}; use one of {', '.join(sorted(pipelines))}"})
    try:
        matcher = make_matcher(query.get("filter", ""), query.get("search", ""))
    except ValueError as error:
        return Reply(400, {"text": f"the filter is invalid: {error}"})
    view = tuple(sorted(item for item in query.items() if item[0] != "name"))
    found = taps.find(kind, name, view, lambda: Tap(pipeline or None, cast(Stage, stage), matcher, clock))
    if found is None:
        return Reply(503, {"text": f"{MAX_TAPS} taps are open; close one of them and try again"})
    tap, is_new = found
    result = tap.poll()
    return Reply(200, {
        "events": list(map(_as_json, result.events)), "sampled_out": result.sampled_out,
        "unmatched": result.unmatched, "is_new": is_new, "max_events_per_s": MAX_EVENTS_PER_S,
    })  # fmt: skip


def make_matcher(expression: str, search: str) -> Matcher | None:
    """Return the matcher of a filter expression, or of a text that a record has to contain; None without both.

    Raise `ValueError` if the expression is invalid.
    """
    if expression:
        parsed = import_module("sidecar.transform.expression").parse_expression(expression)
        matcher: Matcher = import_module("sidecar.transform.filters").ExpressionMatcher(parsed)
        return matcher
    if search:
        wanted = search[:_MAX_SEARCH_CHARACTERS].casefold()
        return lambda members: [wanted in text.casefold() for text in members]
    return None


def _as_json(event: TapEvent) -> dict[str, Any]:
    return {
        "pipeline": event.pipeline, "path": escape_control_characters(event.path), "offset": event.offset,
        "text": escape_json(event.text), "is_cut": event.is_cut,
    }  # fmt: skip
