"""`make docs`: writes the table of exit codes of docs/reference/cli.md from `sidecar.cli.exit_codes`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sidecar.cli.exit_codes import COMMON, EXIT_CODES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
_TABLE = re.compile(r"(<!-- generated: exit codes -->\n).*?(<!-- end -->)", re.DOTALL)


def with_table(page: str) -> str:
    """Return the page with the table written again."""
    table = "".join(["| command | exit code | meaning |\n| --- | --- | --- |\n", *_rows()])
    return _TABLE.sub(lambda found: f"{found[1]}{table}{found[2]}", page)


def _rows() -> Iterator[str]:
    for code, meaning in COMMON.items():
        yield f"| all | {code} | {meaning} |\n"
    for command, codes in EXIT_CODES.items():
        for code, meaning in codes.items():
            yield f"| `{command}` | {code} | {meaning} |\n"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
