"""Settings of what `sidecar setup` creates in MongoDB."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from sidecar.lib.declarations import Field, PositiveInt
from sidecar.lib.settings_model import SHOWN, SettingsModel
from sidecar.lib.units import Size


class TimeSeriesSettings(SettingsModel):
    """A time-series collection, by the time of the event."""

    meta_field: Annotated[str, SHOWN] = ""
    """Field that names the source of a document, such as `host`. MongoDB stores the documents of a source together.
    """

    granularity: Literal["seconds", "minutes", "hours"] = "seconds"
    """Typical time between two documents of a source."""


class CappedSettings(SettingsModel):
    """A collection of fixed size: the oldest documents are deleted when it is full."""

    size: Size
    """Maximum bytes of the collection."""

    documents: PositiveInt | None = None
    """Maximum number of documents. By default only the size counts."""


IndexKeys = Annotated[Mapping[str, Literal[1, -1]], Field(min_length=1)]


class MongoDBSetupSettings(SettingsModel):
    """The kind of the collection, and its indexes."""

    time_series: TimeSeriesSettings | None = None
    """Create a time-series collection. It has no unique `_id`, so a document that is sent again is stored twice."""

    capped: CappedSettings | None = None
    """Create a capped collection."""

    indexes: Annotated[tuple[IndexKeys, ...], SHOWN] = ()
    """Indexes, each as a mapping of fields to 1 (ascending) or -1 (descending): `[{log.level: 1, '@timestamp': -1}]`.
    """
