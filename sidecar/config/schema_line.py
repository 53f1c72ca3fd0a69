"""Names the JSON Schema of a configuration file for editors."""

SCHEMA_FILE = "sidecar.schema.json"
"""Name of the JSON Schema next to a generated configuration. `sidecar schema > sidecar.schema.json` writes it."""

SCHEMA_LINE = f"# yaml-language-server: $schema={SCHEMA_FILE}"
"""First line of each generated configuration. Editors with the YAML language server read the schema from there."""
