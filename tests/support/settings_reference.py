"""`make docs`: writes the tables of docs/reference/configuration.md from the settings and their docstrings.

A table is between `<!-- generated: NAME -->` and `<!-- end -->`; NAME is one of `TABLES` or `sink NAME`. The rest of
the page is written by hand.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sidecar.config.admin import AdminSettings, MetricsSettings, OtlpSettings, TlsSettings
from sidecar.config.limits import DeadLetterSettings, DrainSettings, ResourceLimits
from sidecar.config.pipeline import PipelineSettings
from sidecar.config.settings import Settings
from sidecar.decode.settings import MultilineSettings
from sidecar.lib.settings_model import field_descriptions, format_quantity
from sidecar.parse.settings import (
    ContainerSettings,
    CsvSettings,
    DissectSettings,
    GrokSettings,
    JsonSettings,
    LogfmtSettings,
    RegexSettings,
    TimestampSettings,
)
from sidecar.sinks import registry
from sidecar.sinks.contract import SinkSettings
from sidecar.sinks.elasticsearch.data_stream import DataStreamSettings
from sidecar.sinks.elasticsearch.setup_settings import ElasticsearchSetupSettings
from sidecar.sinks.kafka.setup_settings import KafkaSetupSettings
from sidecar.sinks.mongodb.setup_settings import CappedSettings, MongoDBSetupSettings, TimeSeriesSettings
from sidecar.transform.redaction.settings import RedactionRuleSettings, RedactSettings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"
TABLES: Mapping[str, type[BaseModel]] = {
    "root": Settings,
    "admin": AdminSettings,
    "admin.tls": TlsSettings,
    "metrics": MetricsSettings,
    "metrics.otlp": OtlpSettings,
    "limits": ResourceLimits,
    "dead_letters": DeadLetterSettings,
    "drain": DrainSettings,
    "pipeline": PipelineSettings,
    "multiline": MultilineSettings,
    "parser json": JsonSettings,
    "parser regex": RegexSettings,
    "parser grok": GrokSettings,
    "parser dissect": DissectSettings,
    "parser csv": CsvSettings,
    "parser logfmt": LogfmtSettings,
    "parser cri": ContainerSettings,
    "timestamp": TimestampSettings,
    "redact": RedactSettings,
    "redact item": RedactionRuleSettings,
    "every sink": SinkSettings,
    "data_stream": DataStreamSettings,
    "setup elasticsearch": ElasticsearchSetupSettings,
    "setup kafka": KafkaSetupSettings,
    "setup mongodb": MongoDBSetupSettings,
    "setup mongodb time_series": TimeSeriesSettings,
    "setup mongodb capped": CappedSettings,
}
_TABLE = re.compile(r"(<!-- generated: ([^>]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_tables(page: str) -> str:
    """Return the page with every table written again. Raises `KeyError` for the name of an unknown table."""
    return _TABLE.sub(lambda found: f"{found[1]}{table(found[2])}{found[3]}", page)


def table_names(page: str) -> list[str]:
    """Return the names of the tables of the page, in their order."""
    return [found[2] for found in _TABLE.finditer(page)]


def table(name: str) -> str:
    """Return one table: setting, default, meaning."""
    kind, _, sink = name.partition(" ")
    model = registry.resolve(sink).settings if kind == "sink" else TABLES[name]
    meanings = field_descriptions(model)
    inherited = SinkSettings.model_fields if kind == "sink" else {}
    known = set() if kind == "data_stream" else {"type"}
    rows = [
        f"| `{field}` | {default_of(info)} | {' '.join(meanings[field].split()).replace('|', chr(92) + '|')} |\n"
        for field, info in model.model_fields.items()
        if field not in known and (field not in inherited or info.default != inherited[field].default)
    ]
    return "".join(["| setting | default | meaning |\n| --- | --- | --- |\n", *rows])


def default_of(info: FieldInfo) -> str:
    """Return the default as it is written in a configuration, `required` or `–`."""
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, BaseModel):
        return "see below"
    if value is None or value in ("", (), {}):
        return "–"
    value = format_quantity(info, value)
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


def main() -> int:
    """Write the tables."""
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
