"""Examples of each command, which its `--help` shows."""

from __future__ import annotations

EXAMPLES = {
    "init": (
        "sidecar init",
        "sidecar init '/var/log/app/*.log' --to elasticsearch://localhost:9200/logs",
        "sidecar init --kubernetes '/var/log/app/*.log' --sample app.log --to elasticsearch://elasticsearch:9200/logs",
    ),
    "run": (
        "sidecar run '/var/log/app/*.log' --to elasticsearch://localhost:9200/logs",
        "sidecar run '/var/log/app/*.log' --to 'mongodb://localhost:27017/logs?collection=app' --once",
        "sidecar run --config sidecar.yaml --set log_level=debug",
    ),
    "check": (
        "sidecar check --config sidecar.yaml --connect",
        "sidecar check --config sidecar.yaml --try app.log",
    ),
    "config": (
        "sidecar config show --config sidecar.yaml",
        "sidecar config show --config sidecar.yaml --set limits.memory=32MiB",
    ),
    "setup": (
        "sidecar setup --print --config sidecar.yaml",
        "sidecar setup search --yes --config sidecar.yaml",
    ),
    "convert": (
        "sidecar convert filebeat.yml > sidecar.yaml",
        "sidecar convert fluent-bit.conf --output sidecar.yaml",
        "sidecar convert vector.json --from vector",
    ),
    "explain": (
        "sidecar explain app.log",
        "sidecar explain --detect app.log > sidecar.yaml",
        "sidecar explain --stats app.log --parser json",
    ),
    "bench": (
        "sidecar bench --file app.log --parser json",
        "sidecar bench --file app.log --to elasticsearch://localhost:9200/bench --seconds 20",
    ),
    "dead-letters": (
        "sidecar dead-letters list",
        "sidecar dead-letters show 7",
        "sidecar dead-letters replay --sink search --config sidecar.yaml",
        "sidecar dead-letters purge --kind mapper_parsing_exception",
    ),
    "checkpoints": (
        "sidecar checkpoints list",
        "sidecar checkpoints rewind --path /var/log/app/app.log",
        "sidecar checkpoints rewind --path /var/log/app/app.log --new-ids",
    ),
    "status": (
        "sidecar status",
        "sidecar status --json --state-dir /var/lib/sidecar",
    ),
    "top": ("sidecar top --every 5s",),
    "tap": (
        "sidecar tap",
        """sidecar tap app --stage transformed --filter 'log.level == "error"'""",
        "sidecar tap --file app.log --parser json --stage parsed --limit 10",
    ),
    "probe": (
        "sidecar probe live",
        "sidecar probe ready --sinks",
    ),
    "drain": ("sidecar drain --timeout 30s",),
    "wait-ready": ("sidecar wait-ready --timeout 60s",),
    "wrap": ("sidecar wrap --tombstone /var/log/app/exit-code -- /app/server",),
    "demo": ("sidecar demo",),
    "inject": (
        "sidecar inject deployment.yaml --sink elasticsearch://elasticsearch.logging:9200/logs --diff",
        "sidecar inject --settings injection.yaml --in-place deploy/*.yaml",
        "sidecar inject --settings injection.yaml --check deploy/*.yaml",
    ),
    "uninject": (
        "sidecar uninject deployment.yaml",
        "sidecar uninject --in-place deploy/*.yaml",
    ),
    "policy": (
        "sidecar policy --settings injection.yaml | kubectl apply -f -",
        "sidecar policy --settings injection.yaml --api v1beta1 > policy.yaml",
    ),
    "lint": ("sidecar lint deploy/*.yaml",),
    "webhook": (
        "sidecar webhook --settings injection.yaml --cert tls.crt --key tls.key",
        "sidecar webhook --settings injection.yaml --manage-certificates",
        "sidecar webhook certs --namespace log-sidecar > certs.yaml",
    ),
    "schema": ("sidecar schema > sidecar.schema.json",),
    "plugins": ("sidecar plugins",),
    "completion": (
        "sidecar completion bash",
        "sidecar completion zsh > _sidecar",
    ),
    "version": ("sidecar version",),
    "help": ("sidecar help run",),
}
"""Command → examples, each a line that a shell accepts."""
