"""Prints the software bill of materials of the image (CycloneDX 1.6, JSON): the pinned packages that are installed.

    python deploy/sbom.py requirements/run.txt [FILE ...]

It has no time and no random number, so the same image has the same one. Packages of the base are not in it: Debian
lists them in /var/lib/dpkg/status.
"""

import json
import re
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

PRODUCT = "log-sidecar"
_PIN = re.compile(r"^([\w.-]+)==(\S+)((?:[^\n]*\\\n)*[^\n]*)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def list_components(requirements: str) -> list[dict[str, Any]]:
    """Return the pinned packages of the text of a requirements file that are installed."""
    pins = ((name, version, _HASH.findall(rest)) for name, version, rest in _PIN.findall(requirements))
    return [_describe(name, version, hashes) for name, version, hashes in pins if _is_installed(name, version)]


def _is_installed(name: str, version: str) -> bool:
    try:
        return bool(metadata(name)["Version"] == version)
    except PackageNotFoundError:
        return False


def _describe(name: str, version: str, hashes: Sequence[str] = ()) -> dict[str, Any]:
    url = f"pkg:pypi/{name.lower()}@{version}"
    licence = metadata(name).get("License-Expression")
    files = {"type": "distribution", "url": url, "hashes": [{"alg": "SHA-256", "content": each} for each in hashes]}
    return {
        "type": "library",
        "bom-ref": url,
        "name": name,
        "version": version,
        "purl": url,
        **({"licenses": [{"expression": licence}]} if licence else {}),
        # The index has a file for each platform; one of them is installed.
        **({"externalReferences": [files]} if hashes else {}),
    }


def main() -> None:
    """Print it."""
    components = [each for path in sys.argv[1:] for each in list_components(Path(path).read_text(encoding="utf-8"))]
    product = {**_describe(PRODUCT, metadata(PRODUCT)["Version"]), "type": "application"}
    references = sorted(each["bom-ref"] for each in components)
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": product},
        "components": components,
        "dependencies": [{"ref": product["bom-ref"], "dependsOn": references}],
    }
    print(json.dumps(bill, indent=1))


if __name__ == "__main__":
    main()
