"""Lists the field names that are reserved for the sidecar and for the databases."""

from __future__ import annotations

_RESERVED_BY_DATABASES = """
    _id _index _type _source _routing _version _seq_no _primary_term _field_names _ignored _ignored_source
    _nested_path _tier _feature _size _doc_count _data_stream_timestamp _ts_routing_hash _tsid _inference_fields
    _index_mode _recovery_source_size __root_doc_for_nested __soft_deletes
"""


RESERVED_NAMES = frozenset(_RESERVED_BY_DATABASES.split())
"""Root names that Elasticsearch reserves, and MongoDB's `_id`. Elasticsearch rejects most of them. It hides a
document with `__soft_deletes`, and `_primary_term` corrupts the next document."""

SIDECAR_FIELDS = ("@timestamp", "event.ingested", "log.file.path", "log.offset", "host.name")
"""Fields that the sidecar sets in every document."""


def is_reserved(path: str) -> bool:
    """Return whether the sidecar sets this field or a field below it, or a database reserves its root name."""
    return path.partition(".")[0] in RESERVED_NAMES or any(
        f"{path}.".startswith(f"{field}.") for field in SIDECAR_FIELDS
    )
