"""Builds the pipelines of a configuration from those of the previous one, or refuses a change that is unsafe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sidecar.app.watcher import WatchedPipeline, poll_interval
from sidecar.config.settings import Settings
from sidecar.errors import ConfigurationError, SidecarError
from sidecar.lib.crash import describe_crash
from sidecar.pipeline.builder import SharedParts, boundary_rules, build_pipeline
from sidecar.pipeline.shipper import Shipper
from sidecar.state.ledger import Ledger


def build_pipelines(
    settings: Settings, before: Mapping[str, WatchedPipeline], shared: SharedParts
) -> tuple[list[Shipper], dict[str, WatchedPipeline]]:
    """Build shippers and pipelines. A pipeline that exists in `before` keeps its tracker. Close removed pipelines."""
    shippers: list[Shipper] = []
    pipelines: dict[str, WatchedPipeline] = {}
    try:
        for name in settings.pipelines:
            existing = before.get(name)
            parts = build_pipeline(name, settings, shared, existing.tracker if existing else None)
            shippers += parts.shippers
            pipelines[name] = WatchedPipeline(parts.scanner, parts.tracker, poll_interval(parts.linger_s))
    except Exception:
        _close(pipelines, kept=before)
        raise
    _close(before, kept=pipelines)
    return shippers, pipelines


def _close(pipelines: Mapping[str, WatchedPipeline], *, kept: Mapping[str, WatchedPipeline]) -> None:
    for name, pipeline in pipelines.items():
        if name not in kept:
            pipeline.tracker.close()


def switch_boundaries(settings: Settings, pipelines: Mapping[str, WatchedPipeline], ledger: Ledger) -> None:
    """Store the multiline rules that these settings have for existing pipelines. Raise `StateError` if that fails.

    Call this before `build_pipelines`, because it is the only step of a reload that writes to the state.
    """
    for name in settings.pipelines.keys() & pipelines.keys():
        rules = boundary_rules(settings.pipelines[name])
        if ledger.boundary_rules(name) != rules:
            ledger.renumber(name, {}, rules)


def refuse_to_regroup(before: Settings, after: Settings, shippers: Sequence[Shipper]) -> ConfigurationError | None:
    """Return an error if multiline rules change while an undelivered batch has events grouped by the old rules."""
    for shipper in shippers:
        name = shipper.pipeline
        if shipper.is_handed_over or name not in after.pipelines:
            continue
        if boundary_rules(before.pipelines[name]) != boundary_rules(after.pipelines[name]):
            return ConfigurationError(
                "multiline cannot change while a sink is unavailable", location=f"pipelines.{name}",
                hint="send SIGHUP when the sink is available again, or restart the sidecar",
            )  # fmt: skip
    return None


def explain_refusal(error: Exception) -> ConfigurationError:
    """Return the error to report if a new configuration could not be built."""
    if isinstance(error, ConfigurationError):
        return error
    reason = str(error) if isinstance(error, SidecarError) else f"a plug-in raised {describe_crash(error)}"
    return ConfigurationError(f"the configuration cannot change now: {reason}")
