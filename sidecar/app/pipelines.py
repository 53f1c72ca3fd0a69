"""The pipelines of one configuration: built over those of the configuration before, and refused if that is unsafe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sidecar.app.watcher import WatchedPipeline, poll_interval
from sidecar.config.settings import Settings
from sidecar.errors import ConfigurationError, SidecarError
from sidecar.pipeline.builder import SharedParts, boundary_rules, build_pipeline
from sidecar.pipeline.shipper import Shipper
from sidecar.state.ledger import Ledger


def build_pipelines(
    settings: Settings, before: Mapping[str, WatchedPipeline], shared: SharedParts
) -> tuple[list[Shipper], dict[str, WatchedPipeline]]:
    """Return shippers and pipelines. One that exists `before` keeps its tracker; one that is removed is released."""
    shippers: list[Shipper] = []
    pipelines: dict[str, WatchedPipeline] = {}
    try:
        for name in settings.pipelines:
            kept = before.get(name)
            parts = build_pipeline(name, settings, shared, kept.tracker if kept else None)
            shippers += parts.shippers
            pipelines[name] = WatchedPipeline(parts.scanner, parts.tracker, poll_interval(parts.linger_s))
    except Exception:
        _release(pipelines, but_not=before)
        raise
    _release(before, but_not=pipelines)
    return shippers, pipelines


def _release(pipelines: Mapping[str, WatchedPipeline], *, but_not: Mapping[str, WatchedPipeline]) -> None:
    for name, pipeline in pipelines.items():
        if name not in but_not:
            pipeline.tracker.release()


def switch_boundaries(settings: Settings, pipelines: Mapping[str, WatchedPipeline], ledger: Ledger) -> None:
    """Record how these settings group the lines of existing pipelines. Raise `StateError` if that is impossible.

    Called before anything is built: no other step of a reload writes to the state.
    """
    for name in settings.pipelines.keys() & pipelines.keys():
        rules = boundary_rules(settings.pipelines[name])
        if ledger.boundary_rules(name) != rules:
            ledger.renumber(name, {}, rules)


def refuse_to_regroup(before: Settings, after: Settings, shippers: Sequence[Shipper]) -> ConfigurationError | None:
    """Return why multiline rules cannot change now: an unacknowledged batch holds events of the old ones."""
    for shipper in shippers:
        name = shipper.pipeline
        if shipper.is_handed_over or name not in after.pipelines:
            continue
        if boundary_rules(before.pipelines[name]) != boundary_rules(after.pipelines[name]):
            return ConfigurationError(
                "multiline cannot change while a sink is unavailable", location=f"pipelines.{name}",
                hint="change it again later, or restart the sidecar",
            )  # fmt: skip
    return None


def explain_refusal(error: Exception) -> ConfigurationError:
    """Return why a new configuration could not be built."""
    if isinstance(error, ConfigurationError):
        return error
    reason = str(error) if isinstance(error, SidecarError) else f"a plug-in raised {type(error).__name__}"
    return ConfigurationError(f"the configuration cannot change now: {reason}")
