"""Converts `filebeat.yml`, and files of `inputs.d` and `modules.d`."""

from __future__ import annotations

from pathlib import Path, PurePath

from sidecar.convert.filebeat.inputs import convert_input, convert_provider
from sidecar.convert.filebeat.modules import convert_module
from sidecar.convert.filebeat.outputs import convert_outputs, send_to_other_index
from sidecar.convert.filebeat.processors import add_fields_and_tags, convert_processors
from sidecar.convert.kinds import SourceFile
from sidecar.convert.model import Conversion, Reasons
from sidecar.convert.source import Section, read_text
from sidecar.errors import ConfigurationError

_MAX_FILES = 200
_LOG_LEVELS = ("debug", "info", "warning", "error")

REASONS = Reasons(
    not_needed={
        "setup": "`sidecar setup` creates templates, policies and pipelines",
        "queue": "lines wait in their files, and `limits.memory` limits the documents in memory",
        "path": "`state_dir` is the only directory of the sidecar",
        "monitoring": "the sidecar has metrics; see `admin` and `metrics.otlp`",
        "http": "see `admin.listen`",
        "max_procs": "a sidecar uses one process",
        "logging": "the sidecar logs to standard error; see `log_level` and `log_format`",
        "seccomp": "the container runtime limits system calls",
        "instrumentation": "the sidecar has metrics instead",
        "features": "these switches have no meaning for the sidecar",
        "registry*": "checkpoints are in `state_dir`",
        "shutdown_timeout": "see `drain.timeout`",
    },
    no_counterpart={
        "autodiscover": "a sidecar reads the files of one Pod; write their paths into a pipeline",
        "cloud": "an address in Elastic Cloud belongs to the output for Elasticsearch",
        "timezone": "set `timestamp.zone` of each pipeline",
    },
)


def convert(source: SourceFile) -> Conversion:
    """Return the conversion of a configuration of Filebeat."""
    conversion = Conversion("Filebeat", source.name)
    root = source.read("filebeat", dotted=True).value
    if isinstance(root, list):
        _convert_list(conversion, [item.value for item in root if isinstance(item.value, Section)])
        return conversion
    if not isinstance(root, Section):
        raise ConfigurationError("is no mapping of options", location=f"{source.name}:1")
    beat = root.section("filebeat")
    _convert_list(conversion, [*beat.sections("inputs"), *beat.sections("prospectors"), *beat.sections("modules")])
    for name in ("inputs", "modules"):
        _convert_directory(conversion, beat.section("config").section(name), source.path.parent)
    for provider in beat.section("autodiscover").sections("providers"):
        convert_provider(conversion, provider)
    _convert_common(conversion, root)
    level = root.section("logging").word("level")
    if level in _LOG_LEVELS:
        conversion.settings["log_level"] = level
    convert_outputs(conversion, root)
    for pipeline in conversion.pipelines:
        send_to_other_index(conversion, pipeline)
    conversion.explain_unused(root, REASONS)
    return conversion


def _convert_directory(conversion: Conversion, options: Section, directory: Path) -> None:
    """Convert the files of `inputs.d` or `modules.d`, if they are next to the file."""
    pattern, place = options.text("path"), options.place_of("path")
    options.skip()
    if not pattern:
        return
    files = _find_files(directory, pattern.removeprefix("${PATH_CONFIG}/"))
    if not files:
        conversion.leave_out(place, "filebeat.config", "the files are not next to this one; convert them separately")
    for file in files[:_MAX_FILES]:
        root = SourceFile(file, read_text(file)).read("filebeat", dotted=True).value
        items = root if isinstance(root, list) else []
        _convert_list(conversion, [item.value for item in items if isinstance(item.value, Section)])


def _find_files(directory: Path, pattern: str) -> list[Path]:
    """Return the files that match a pattern, which is relative to the directory of the configuration."""
    path = PurePath(pattern)
    if path.is_absolute():
        path = PurePath(*path.parts[-2:])
    try:
        return [file for file in sorted(directory.glob(str(path))) if file.is_file()]
    except (OSError, ValueError, NotImplementedError):
        return []


def _convert_list(conversion: Conversion, sections: list[Section]) -> None:
    """Convert inputs and modules."""
    for section in sections:
        (convert_module if "module" in section else convert_input)(conversion, section)


def _convert_common(conversion: Conversion, root: Section) -> None:
    """Add what applies to all inputs."""
    root.text("name")
    for pipeline in conversion.pipelines:
        add_fields_and_tags(conversion, pipeline, root)
        convert_processors(conversion, pipeline, root)
