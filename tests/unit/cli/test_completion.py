"""The scripts of `sidecar completion` complete what the commands accept, in the real shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from sidecar.cli import COMMANDS
from tests.support.processes import sidecar
from tests.support.servers import ComponentMissing

CASES = [
    (("sidecar", "st"), {"status"}),
    (("sidecar", "run", "--log-"), {"--log-level", "--log-format"}),
    (("sidecar", "run", "--log-format", ""), {"auto", "json", "text"}),
    (("sidecar", "run", "--parser", "ngin"), {"nginx", "nginx_error"}),
    (("sidecar", "run", "--multiline", "jav"), {"java"}),
    (("sidecar", "explain", "a"), {"app.log"}),
    (("sidecar", "dead-letters", "re"), {"replay"}),
    (("sidecar", "dead-letters", "list", "--sink", ""), {"search", "archive"}),
    (("sidecar", "explain", "--pipeline", ""), {"shop"}),
    (("sidecar", "help", "dead"), {"dead-letters"}),
    (("sidecar", "completion", "z"), {"zsh"}),
]

BASH = """
source "$1"; shift
function=$(complete -p sidecar) && function=${function##*-F }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
${function%% *} "$1" "${@: -1}" "${@: -2:1}" 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""

# zsh completes only on a terminal, so a second shell gets the words and Tab. It prints what `compadd` accepts.
ZSH = """
zmodload zsh/zpty
zpty shell $0 -f -i
zpty -w shell '
    PS1=; stty -echo; fpath=($PWD $fpath); autoload -Uz compinit; compinit -uD
    compadd() {
        typeset -a accepted; builtin compadd -A accepted "$@"
        (( $#accepted )) && print -rl -- "ACCEPTED "${^accepted}
        builtin compadd "$@"
    }
    press-tab() { zle complete-word; print -r -- "E""ND" }
    zle -N press-tab; bindkey "^I" press-tab; print "REA""DY"'
zpty -r -m shell output '*READY*'
zpty -w -n shell "$1"$'\\t'
zpty -r -m shell output '*END*'
print -r -- $output
zpty -d shell
"""


def shell(name: str) -> str:
    """Return the path of a shell."""
    if (path := shutil.which(name)) is None:
        raise ComponentMissing(f"{name} is not installed")
    return path


@cache
def script(name: str) -> str:
    done = sidecar("completion", name)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.log").touch()
    (tmp_path / "sidecar.yaml").write_text(
        'sinks: {search: "stdout:", archive: "${NOT_SET}"}\npipelines: {shop: {paths: [/a.log]}}\n'
    )
    return tmp_path


def environ() -> dict[str, str]:
    """Return an environment in which `sidecar` is the one under test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIDECAR_")}
    return {**kept, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "TERM": "dumb"}


def run(folder: Path, *command: str) -> list[str]:
    done = subprocess.run(
        command, cwd=folder, env={**environ(), "HOME": str(folder)}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(("words", "wanted"), CASES)
def test_bash_completes(folder: Path, words: tuple[str, ...], wanted: set[str]) -> None:
    (folder / "script").write_text(script("bash"))
    assert set(run(folder, shell("bash"), "-c", BASH, "bash", "./script", *words)) == wanted


@pytest.mark.parametrize(("words", "wanted"), CASES)
def test_fish_completes(folder: Path, words: tuple[str, ...], wanted: set[str]) -> None:
    (folder / "script").write_text(script("fish"))
    lines = run(folder, shell("fish"), "--no-config", "-c", 'source script; complete -C "$argv"', " ".join(words))
    assert wanted <= {line.partition("\t")[0] for line in lines}


@pytest.mark.parametrize(("words", "wanted"), CASES)
def test_zsh_completes(folder: Path, words: tuple[str, ...], wanted: set[str]) -> None:
    (folder / "_sidecar").write_text(script("zsh"))
    zsh = shell("zsh")
    lines = run(folder, zsh, "-f", "-c", ZSH, zsh, " ".join(words))
    assert {line.partition("ACCEPTED ")[2].strip() for line in lines if "ACCEPTED " in line} == wanted


def test_every_command_is_in_each_script() -> None:
    for name in ("bash", "zsh", "fish"):
        assert [command for command in COMMANDS if command not in script(name)] == []


@pytest.mark.parametrize("text", ["", "sinks: [", "- a", "sinks: 5", "a: b"])
def test_names_of_a_file_that_cannot_be_read_are_none(folder: Path, text: str) -> None:
    (folder / "sidecar.yaml").write_text(text)
    done = sidecar("completion", "--names", "sinks", SIDECAR_CONFIG=str(folder / "sidecar.yaml"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_generator_is_not_loaded_by_other_commands() -> None:
    command = "import sys, sidecar.cli.run, sidecar.cli.check; sys.exit('shtab' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0
