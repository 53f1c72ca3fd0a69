"""Settings of the topics that `sidecar setup` creates in Kafka."""

from __future__ import annotations

from sidecar.lib.declarations import PositiveInt
from sidecar.lib.settings_model import SettingsModel
from sidecar.lib.units import Duration


class KafkaSetupSettings(SettingsModel):
    """How `sidecar setup` creates the topic. `sidecar run` does not read these settings."""

    partitions: PositiveInt | None = None
    """Number of partitions of the topic. By default the brokers decide (`num.partitions`)."""

    replication_factor: PositiveInt | None = None
    """Number of brokers that store each partition, also of the positions topic. By default the brokers decide
    (`default.replication.factor`)."""

    retention: Duration | None = None
    """Delete messages of the topic when they are this old. By default the brokers decide (`log.retention.hours`)."""
