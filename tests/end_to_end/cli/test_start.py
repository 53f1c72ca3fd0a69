"""A start loads only what it needs, because the rest would take memory and time in every Pod."""

from __future__ import annotations

import subprocess
import sys
import time

_SINK = "sidecar.cli.run_application, sidecar.sinks.elasticsearch.sink"


def _python(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_a_run_without_patterns_does_without_their_library() -> None:
    assert _python(f"import sys, {_SINK}; print('regex' in sys.modules)") == "False"


def test_a_process_that_ships_to_elasticsearch_does_without_the_client() -> None:
    assert _python(f"import sys, {_SINK}; print('elasticsearch' in sys.modules)") == "False"


def test_settings_of_elasticsearch_are_read_without_its_transport() -> None:
    """The process that reads the settings would need a fifth more CPU time."""
    read = "registry.settings_for('elasticsearch+https://user:secret@es:9200/logs')"
    program = f"import sys; from sidecar.sinks import registry; {read}; print(*sys.modules)"
    assert not {"elastic_transport", "urllib3", "asyncio", "http.client"} & set(_python(program).split())


def test_the_start_time_of_the_process_is_that_of_the_kernel() -> None:
    before = time.monotonic()
    source = (
        "import time\n"
        "from sidecar.kubernetes.exit_rules import process_start_time\n"
        "print(process_start_time(), time.monotonic())"
    )
    began, asked = map(float, _python(source).split())
    assert before - 0.02 <= began <= asked


def test_an_import_of_the_sinks_package_loads_nothing_else() -> None:
    program = "import sys; before = set(sys.modules); import sidecar.sinks; print(*(set(sys.modules) - before))"
    loaded = _python(program).split()
    assert [name for name in loaded if name.startswith("sidecar.") and name != "sidecar.sinks"] == []
    assert not {"pydantic", "msgspec"} & set(loaded)


def test_the_process_that_reads_the_settings_is_silent_if_the_sidecar_was_killed() -> None:
    code = (
        "import json, os\n"
        "from sidecar.cli.settings_worker import read_options, write_answer\n"
        "names = 'config', 'env_file', 'parser', 'multiline', 'state_dir', 'log_level', 'log_format'\n"
        "options = dict.fromkeys(names)\n"
        "options |= {'paths': [], 'to': ['nothing'], 'assignments': [], 'command': 'run'}\n"
        "readable, writable = os.pipe()\n"
        "os.close(readable)\n"
        "write_answer(read_options(json.dumps(options)), writable)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
