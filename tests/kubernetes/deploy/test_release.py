"""What a release consists of: the workflow, the image by digest, and the bill of materials."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"
DIGEST = f"sha256:{'a' * 64}"
STAND_IN = """#!/bin/sh
echo "$@" >> {calls}
[ "$2" = imagetools ] && echo {digest}
while [ $# -gt 0 ]; do
    [ "$1" = --metadata-file ] && printf '{{\n  "containerimage.digest": "{digest}"\n}}\n' > "$2"
    shift
done
exit 0
"""


def test_each_step_of_the_workflow_is_a_target_of_make() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"].values()
    commands = [step["run"] for job in jobs for step in job.get("steps", ()) if "run" in step]
    called = {target for command in commands for target in re.findall(r"\bmake ([a-z-]+)", command)}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"release-check", "wheels", "test-wheels", "publish", "image"} <= called <= targets


def test_the_checks_of_ci_run_before_anything_is_published() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    assert jobs["check"]["uses"] == "./.github/workflows/ci.yml"
    assert {name for name, job in jobs.items() if job.get("needs") != "check"} == {"version", "check"}
    assert ".ci/run" in (WORKFLOW.parent / "ci.yml").read_text()


def test_actions_are_pinned_by_digest_and_get_no_text_of_a_tag_as_code() -> None:
    for file in sorted(WORKFLOW.parent.glob("*.yml")):
        uses = re.findall(r"uses: (?!\./)(\S+)  # (\S+)$|uses: (?!\./)(.*)$", file.read_text(), re.MULTILINE)
        assert uses
        assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", pinned) for pinned, _, _ in uses), file.name
        assert not re.findall(r"run:.*\$\{\{", file.read_text()), file.name


def test_a_tag_of_another_version_is_refused() -> None:
    done = subprocess.run(
        ["make", "--silent", "release-check", "TAG=v9.9.9"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert done.stdout.strip() == "sidecar/__init__.py has another version than the tag v9.9.9"


def test_the_image_is_built_for_both_processors_on_bases_by_digest(tmp_path: Path) -> None:
    """A program in place of docker records how it is called. It knows the digests of the bases and of the result."""
    calls = tmp_path / "calls"
    docker = tmp_path / "docker"
    docker.write_text(STAND_IN.format(calls=calls, digest=DIGEST))
    docker.chmod(0o755)
    done = subprocess.run(
        ["bash", str(ROOT / "deploy/release-image.sh"), "registry.example/log-sidecar", "v1.2.3"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == f"registry.example/log-sidecar@{DIGEST}\n"
    *_, build = calls.read_text().splitlines()
    for option in (
        "--platform linux/amd64,linux/arm64", "--push", "DIGESTS=required", "-t registry.example/log-sidecar:1.2.3",
        f"BASE=docker.io/library/python:3.11-slim-bookworm@{DIGEST}",
        f"COMPILER=docker.io/library/python:3.11-bookworm@{DIGEST}",
    ):  # fmt: skip
        assert option in build


def read_bill() -> dict[str, Any]:
    command = [sys.executable, "deploy/sbom.py", "requirements/run.txt"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    bill: dict[str, Any] = json.loads(done.stdout)
    return bill


def test_the_bill_of_materials_has_every_pinned_package_with_the_hashes_of_its_files() -> None:
    bill = read_bill()
    pinned = dict(re.findall(r"^(\S+)==(\S+)", (ROOT / "requirements/run.txt").read_text(), re.MULTILINE))
    assert {each["name"]: each["version"] for each in bill["components"]} == pinned
    references = [each["bom-ref"] for each in bill["components"]]
    assert len(set(references)) == len(references)
    assert all(each["externalReferences"][0]["hashes"] for each in bill["components"])
    assert bill["metadata"]["component"]["name"] == "log-sidecar"
    assert bill["dependencies"][0]["dependsOn"] == sorted(references)


def test_the_bill_of_materials_is_the_same_each_time() -> None:
    assert read_bill() == read_bill()
