"""Finds files that two pipelines ship to the same place, where each line is stored twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import combinations

from sidecar.config.pipeline import PipelineSettings
from sidecar.config.risks import Risk
from sidecar.config.settings import Settings
from sidecar.transform.field_settings import DropWhenSettings, KeepWhenSettings, SampleSettings
from sidecar.transform.plugin_settings import PluginSettings
from sidecar.watch.scanner import covers, has_wildcard, matches_name_or_path

_FILTERS = (DropWhenSettings, KeepWhenSettings, SampleSettings, PluginSettings)


def find_overlaps(settings: Settings, found: Mapping[str, AbstractSet[str]]) -> Iterator[Risk]:
    """Yield a risk for each two pipelines that ship a file to the same place.

    `found`: the files that each pipeline matches now. Pipelines that both filter may share a file, because each line
    may pass only one of them. So may pipelines whose targets depend on fields.
    """
    for one, other in combinations(settings.pipelines, 2):
        place = next(iter(_places(settings, one) & _places(settings, other)), None)
        first, second = settings.pipelines[one], settings.pipelines[other]
        if place is None or (_has_filter(first) and _has_filter(second)):
            continue
        common = found[one] & found[other]
        example = min(common, default=None) or _find_common_pattern(first, second)
        if example is not None:
            more = f" and {len(common) - 1} more" if len(common) > 1 else ""
            yield Risk(
                f"pipelines.{other}.paths",
                f"{example}{more} is also in the pipeline {one}, so {place} stores each of its lines twice; exclude "
                "it in one of them, or filter in both",
            )


def _places(settings: Settings, pipeline: str) -> set[str]:
    """Return where a pipeline stores documents, without targets that depend on fields."""
    places = (settings.sinks[sink].destination() for sink in settings.sinks_of(pipeline))
    return {place for place in places if "{" not in place}


def _has_filter(pipeline: PipelineSettings) -> bool:
    has_patterns = bool(pipeline.include_lines or pipeline.exclude_lines)
    return has_patterns or any(isinstance(transform, _FILTERS) for transform in pipeline.transforms)


def _find_common_pattern(one: PipelineSettings, other: PipelineSettings) -> str | None:
    """Return a path of one pipeline that a path of the other one covers; None if there is none, or it is excluded."""
    for wide, narrow in ((one, other), (other, one)):
        excluded = [*wide.exclude, *narrow.exclude]
        for path in narrow.paths:
            is_excluded = any(matches_name_or_path(pattern, path) for pattern in excluded)
            # What is left of a pattern after other exclusions is known only when the files exist.
            is_clear = not has_wildcard(path) or set(wide.exclude) == set(narrow.exclude)
            if is_clear and not is_excluded and any(covers(pattern, path) for pattern in wide.paths):
                return path
    return None
