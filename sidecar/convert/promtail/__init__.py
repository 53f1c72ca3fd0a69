"""Converts the configuration of Promtail."""

from __future__ import annotations

from sidecar.convert.kinds import SourceFile
from sidecar.convert.model import Conversion, PipelineDraft, Reasons
from sidecar.convert.patterns import DEFAULT_EXCLUDE, expand_braces
from sidecar.convert.promtail.stages import StageConverter
from sidecar.convert.source import Section
from sidecar.errors import ConfigurationError

_POD_LOGS = "/var/log/pods/*/*/*.log"
_LOKI = "the sidecar has no sink for Loki; choose one that stores documents"

_REASONS = Reasons(
    not_needed={
        "server": "see `admin.listen`",
        "positions": "checkpoints are in `state_dir`",
        "tracing": "the sidecar has metrics; see `metrics.otlp`",
        "global": "new files are found at once",
        "options": "this is how the sidecar works",
        "log_format": "see `log_format`",
    },
    no_counterpart={
        "clients": _LOKI,
        "client": _LOKI,
        "limits_config": "the sidecar drops nothing to limit the rate",
        "target_config": "new files are found at once",
        "wal": "lines wait in their files",
    },
)
_JOB = Reasons(
    not_needed={"file_watch_config": "growing files are polled every 50 ms"},
    no_counterpart={
        "relabel_configs": "labels of targets do not exist; write paths, and fields with `add`",
        "journal": "the sidecar reads log files only",
        "syslog": "the sidecar reads log files only",
        "docker_sd_configs": "the sidecar does not ask the Docker daemon; write paths",
        "decompression": "set `exclude: []` to read compressed files",
        "*_sd_configs": "the sidecar discovers no targets; write paths",
    },
    default="the sidecar reads log files only",
)


def convert(source: SourceFile) -> Conversion:
    """Return the conversion of a configuration of Promtail."""
    conversion = Conversion("Promtail", source.name)
    root = source.read("promtail").value
    if not isinstance(root, Section):
        raise ConfigurationError("is no mapping of options", location=f"{source.name}:1")
    for job in root.sections("scrape_configs"):
        _convert_job(conversion, job)
    level = root.section("server").word("log_level")
    if level in ("debug", "info", "warn", "error"):
        conversion.settings["log_level"] = "warning" if level == "warn" else level
    root.section("server").skip()
    conversion.explain_unused(root, _REASONS)
    return conversion


def _convert_job(conversion: Conversion, job: Section) -> None:
    name = job.text("job_name", "logs")
    first = len(conversion.pipelines)
    for group in job.sections("static_configs"):
        _convert_group(conversion, job, group, name)
        group.use("targets")
    for discovery in job.sections("kubernetes_sd_configs")[:1]:
        discovery.skip()
        _read_pods(conversion, job, name)
    pipelines = conversion.pipelines[first:]
    decompression = job.section("decompression")
    for pipeline in pipelines:
        if encoding := job.word("encoding"):
            pipeline.settings["encoding"] = encoding
        if decompression.flag("enabled"):
            pipeline.settings["exclude"] = []
    decompression.skip()
    if pipelines:
        pipelines[0].explain_unused(job, _JOB, f"{name}.")
    else:
        conversion.leave_out(job.place, f"job {name}", "it names no files; the sidecar reads log files only")
        job.skip()


def _convert_group(conversion: Conversion, job: Section, group: Section, name: str) -> None:
    labels = group.section("labels")
    path = labels.text("__path__")
    if not path:
        return
    pipeline = conversion.add_pipeline(name, group.place)
    pipeline.settings["paths"] = expand_braces(path)
    if excluded := labels.text("__path_exclude__"):
        pipeline.settings["exclude"] = [*expand_braces(excluded), *DEFAULT_EXCLUDE]
    values = {label: labels.text(label) for label in labels.names() if not label.startswith("__")}
    _add_labels(conversion, pipeline, labels, values)
    StageConverter(conversion, pipeline, values).convert_all(job.sections("pipeline_stages"))


def _add_labels(conversion: Conversion, pipeline: PipelineDraft, labels: Section, values: dict[str, str]) -> None:
    added = {
        f"labels.{label}": conversion.field_value(text, label, labels.place_of(label))
        for label, text in values.items()
        if text
    }
    pipeline.add("add", added)


def _read_pods(conversion: Conversion, job: Section, name: str) -> None:
    """Add a pipeline for the files of Pods. Which Pods, relabelling decides, which the sidecar does not have."""
    pipeline = conversion.add_pipeline(name, job.place_of("kubernetes_sd_configs"))
    pipeline.settings["paths"] = [_POD_LOGS]
    pipeline.leave_out(
        job.place_of("kubernetes_sd_configs"), "kubernetes_sd_configs",
        "the sidecar does not ask the API server; write the paths of the files that this job is about",
    )  # fmt: skip
    stages = job.sections("pipeline_stages")
    StageConverter(conversion, pipeline, {}).convert_all(stages)
    pipeline.settings.setdefault("parser", ["cri"])
    pipeline.transforms.append("kubernetes")
