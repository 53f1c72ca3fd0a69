"""Settings of what `sidecar setup` creates in Elasticsearch or OpenSearch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sidecar.lib.settings_model import SettingsModel
from sidecar.lib.units import Duration, Size


class ElasticsearchSetupSettings(SettingsModel):
    """What `sidecar setup` creates in addition to the index template. `sidecar run` does not read these settings."""

    retention: Duration | None = None
    """Delete indexes when they are this old, counted from their rollover, or from their creation if they do not roll
    over. By default nothing is deleted."""

    rollover_age: Duration | None = None
    """Roll a data stream or an alias over when its index is this old. Default: 30 days."""

    rollover_size: Size | None = None
    """Roll a data stream or an alias over when a primary shard of its index has this size. Default: 50 GB."""

    pipeline: Mapping[str, Any] | None = None
    """Definition of the ingest pipeline that `pipeline` of the sink names: `{processors: […]}`."""
