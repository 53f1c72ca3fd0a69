"""`make torture`: every rotation × every sink, with kills and chaos; prints the table of the reliability page."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from tests.chaos.torture import proxied_broker
from tests.chaos.torture.rotations import ROTATIONS
from tests.chaos.torture.torture import Case, Result, Servers, table, torture
from tests.support.servers import ferretdb_server, wire_mongodb
from tests.support.servers.java_servers import SERVERS

SINKS = ("sqlite", "elasticsearch", "mongodb", "kafka")


def main() -> int:
    """0 if nothing was lost, twice, altered or out of place in any case."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.torture")
    parser.add_argument("--lines", type=int, default=1_000_000, help="lines of each case")
    parser.add_argument("--per-second", type=int, default=8_000, help="lines a second that the application writes")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rotation", action="append", choices=list(ROTATIONS), default=[])
    parser.add_argument("--sink", action="append", choices=list(SINKS), default=[])
    parser.add_argument("--together", action="store_true", help="one case with all sinks in place of one for each")
    parser.add_argument("--dead", choices=["elasticsearch", "mongodb"], default="", help="down for half of the run")
    parser.add_argument("--search-server", choices=list(SERVERS), default="elasticsearch8")
    parser.add_argument("--mongodb-server", choices=["secantusdb", "ferretdb"], default="secantusdb")
    options = parser.parse_args()
    sinks = tuple(options.sink or SINKS)
    groups = [sinks] if options.together or options.dead else [(sink,) for sink in sinks]
    results: list[Result] = []
    servers: dict[str, Callable[[], AbstractContextManager[Any]]] = {
        "elasticsearch": SERVERS[options.search_server].running,
        "mongodb": ferretdb_server.running if options.mongodb_server == "ferretdb" else wire_mongodb.running,
        "kafka": proxied_broker.running,
    }
    with ExitStack() as stack:
        running = {name: stack.enter_context(start()) for name, start in servers.items() if name in sinks}
        for rotation in options.rotation or ROTATIONS:
            for group in groups:
                case = Case(
                    rotation, group, options.lines, options.per_second, options.kills, options.seed,
                    dead=options.dead,
                )  # fmt: skip
                results.append(_tortured(case, Servers(**running)))
    print(table(results))
    return 0 if all(result.is_good for result in results) else 1


def _tortured(case: Case, servers: Servers) -> Result:
    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    result = torture(case, folder, servers)
    verdict = "good" if result.is_good else f"BAD, see {folder}"
    print(f"{case.rotation} to {', '.join(case.sinks)}: {verdict} ({result.seconds:.0f} s)", file=sys.stderr)
    for sink, found in result.findings.items():
        for example in found.examples:
            print(f"  {sink}: {example}", file=sys.stderr)
        if found.lost:
            said = result.balance[sink]["lost"]
            print(f"  {sink}: {found.lost_bytes} bytes lost, {said} of them by the balance", file=sys.stderr)
    if result.is_good:
        shutil.rmtree(folder)
    else:
        print(f"  {result.balance}", file=sys.stderr)
    return result


if __name__ == "__main__":
    sys.exit(main())
