"""Converts `fluent-bit.conf` and `fluent-bit.yaml`, with includes and parsers."""

from __future__ import annotations

from sidecar.convert.fluent_bit.files import Files
from sidecar.convert.fluent_bit.filters import convert_filter
from sidecar.convert.fluent_bit.inputs import Input, convert_input
from sidecar.convert.fluent_bit.matching import is_match
from sidecar.convert.fluent_bit.outputs import convert_output
from sidecar.convert.fluent_bit.parsers import ParserTable
from sidecar.convert.kinds import SourceFile
from sidecar.convert.model import Conversion, Reasons
from sidecar.convert.source import Section

_KNOWN_SECTIONS = ("service", "parser", "multiline_parser", "input", "filter", "output")
_LOG_LEVELS = {
    "debug": "debug",
    "trace": "debug",
    "info": "info",
    "warn": "warning",
    "warning": "warning",
    "error": "error",
}

_SERVICE = Reasons(
    not_needed={
        "flush": "see `linger` of a sink",
        "grace": "see `drain.timeout`",
        "daemon": "the sidecar runs in the foreground",
        "dns.*": "the system resolves names",
        "log_file": "the sidecar logs to standard error",
        "log_level": "the sidecar has the levels debug, info, warning and error",
        "http_*": "see `admin.listen`",
        "hc_*": "see `sidecar probe`",
        "health_check": "see `sidecar probe`",
        "hot_reload": "a changed configuration file is read again",
        "scheduler.*": "pauses between retries grow on their own",
        "storage.*": "lines wait in their files, so no buffer is needed",
        "json.*": "the sidecar has its own JSON encoder",
        "coro_stack_size": "the sidecar has no coroutines",
        "parsers_file": "parsers of this file are part of the pipelines that use them",
        "sp.*": "see `streams_file`",
    },
    no_counterpart={
        "plugins_file": "plug-ins of Fluent Bit do not run in the sidecar",
        "streams_file": "the sidecar has no stream processor",
    },
)


def convert(source: SourceFile) -> Conversion:
    """Return the conversion of a configuration of Fluent Bit."""
    conversion = Conversion("Fluent Bit", source.name)
    files = Files(conversion, source.path.parent)
    files.read(source)
    for service in list(files.of("service")):
        for name in service.texts("parsers_file"):
            _include_parsers(files, name, service)
    parsers = ParserTable(files.of("parser"), files.of("multiline_parser"))
    inputs = [each for section in files.of("input") if (each := convert_input(conversion, section, parsers))]
    for section in files.of("filter"):
        _apply_filter(conversion, section, inputs, parsers)
    for section in files.of("output"):
        convert_output(conversion, section, inputs)
    conversion.pipelines = [each for each in conversion.pipelines if each.sinks or not each.is_discarded]
    _convert_service(conversion, files)
    for kind in files.sections:
        for section in files.of(kind) if kind not in _KNOWN_SECTIONS else ():
            conversion.leave_out(section.place, f"[{kind.upper()}]", "the sidecar has no such section")
    return conversion


def _include_parsers(files: Files, name: str, service: Section) -> None:
    """Read the file of parsers. The one that Fluent Bit ships need not be here."""
    before = len(files.conversion.remarks)
    files.include(name, service.place_of("parsers_file"), "parsers_file")
    missing = files.conversion.remarks[before:]
    if missing and name.rpartition("/")[2] == "parsers.conf":
        del files.conversion.remarks[before:]
        files.conversion.note(
            service.place_of("parsers_file"), "parsers_file", "parsers that Fluent Bit ships are known by name"
        )


def _apply_filter(conversion: Conversion, section: Section, inputs: list[Input], parsers: ParserTable) -> None:
    chosen = [each for each in inputs if is_match(section, each.tag)]
    name = section.word("name")
    if not chosen:
        conversion.leave_out(section.place, f"filter {name}", "its Match selects no input that reads files")
    for each in chosen:
        convert_filter(conversion, each, section, parsers)


def _convert_service(conversion: Conversion, files: Files) -> None:
    for service in files.of("service"):
        if level := _LOG_LEVELS.get(service.word("log_level")):
            conversion.settings["log_level"] = level
        conversion.explain_unused(service, _SERVICE, "service.")
