"""Names that documents keep for the sidecar and for the databases."""

from __future__ import annotations

_RESERVED_BY_DATABASES = """
    _id _index _type _source _routing _version _seq_no _primary_term _field_names _ignored _ignored_source
    _nested_path _tier _feature _size _doc_count _data_stream_timestamp _ts_routing_hash _tsid _inference_fields
    _index_mode _recovery_source_size __root_doc_for_nested __soft_deletes
"""


METADATA = frozenset(_RESERVED_BY_DATABASES.split())
"""Names that Elasticsearch keeps for itself at the root of a document, and MongoDB's `_id`. Most are refused there;
`__soft_deletes` is taken and makes the document disappear, `_primary_term` spoils the document after it."""

OWN = ("@timestamp", "event.ingested", "log.file.path", "log.offset", "host.name")
"""The leaves that every document has."""


def is_reserved(path: str) -> bool:
    """Whether this is a field that the sidecar sets itself, or below one."""
    return path.partition(".")[0] in METADATA or any(f"{path}.".startswith(f"{own}.") for own in OWN)
