"""An hour of a sidecar that never ran, for the page; `python -m tests.support.one_hour` draws the docs' pictures.

A shop is watched. Its application writes in waves; for some minutes the search cannot be reached, and catches up; and
at the end it is down again.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sidecar import __version__
from sidecar.admin import page
from sidecar.admin.http_messages import Reply
from sidecar.admin.http_server import HttpAdmin
from sidecar.config.settings import Settings
from sidecar.lib.settings_model import mask
from sidecar.telemetry.counters import Counters
from sidecar.telemetry.history import INTERVAL_S, MAX_SAMPLES, History
from sidecar.telemetry.snapshot import (
    BalanceStatus,
    ConfigurationStatus,
    FileStatus,
    FileTotals,
    PipelineBalance,
    ShipperStatus,
    Snapshot,
)
from tests.support.servers.chromium import Browser
from tests.support.servers.chromium import running as running_browser

BEGAN, SAMPLES, LINE = 1_790_000_000.0, MAX_SAMPLES + 1, 180
OUTAGES = (range(120, 150), range(352, SAMPLES))
"""Samples at which the search cannot be reached."""

_CATCHING_UP = 6_000
"""Lines a second, when there is something to catch up with."""


class SimulatedHour:
    """The clock, and what each sink has had by now. `history` is as it is after the hour."""

    def __init__(self) -> None:
        self.seconds, self._sample = 0.0, 0
        self.history = History(self)
        self._chance = random.Random(7)
        self.written = self._read_again = 0
        self.stored = {"archive": 0, "search": 0}
        self._behind_since: float | None = None
        self._down_since = 0.0
        for self._sample in range(SAMPLES):
            self._pass()
            self.history.sample(lambda: self._shippers())
            self.seconds += INTERVAL_S
        self.seconds -= INTERVAL_S

    def now(self) -> float:
        return BEGAN + self.seconds

    def monotonic(self) -> float:
        return self.seconds

    @property
    def is_down(self) -> bool:
        return any(self._sample in outage for outage in OUTAGES)

    def _pass(self) -> None:
        """Ten seconds of the application and of its sinks."""
        wave = 700 + 500 * math.sin(self.seconds / 500) + 150 * self._chance.random()
        rush = 1500 if 225 <= self._sample < 240 else 0
        self.written += int(INTERVAL_S * (wave + rush))
        self.stored["archive"] = self.written - self._chance.randrange(40)
        if not self.is_down:
            caught_up = self.stored["search"] + int(INTERVAL_S * _CATCHING_UP)
            self.stored["search"] = min(self.written - self._chance.randrange(40), caught_up)
        elif self._behind_since is None:
            self._behind_since = self._down_since = self.seconds
        if self.written - self.stored["search"] < 40:
            self._behind_since = None

    def _shippers(self) -> list[ShipperStatus]:
        return [self._shipper("archive"), self._shipper("search")]

    def _shipper(self, sink: str) -> ShipperStatus:
        lines, lag = self.stored[sink], LINE * (self.written - self.stored[sink])
        counters = Counters(
            bytes_read=lines * LINE, lines_read=lines, bytes={"stored": lines * LINE}, lines={"stored": lines}
        )
        if sink == "archive":
            where = "mongodb://archive.logging.svc:27017/shop"
            return ShipperStatus("shop", sink, where, "up", BEGAN - 7200, "", "", lag, 0.1, 0, counters)
        counters.retries, counters.refusals = 31, {"document_parsing_exception": 12}
        where = "elasticsearch://search.logging.svc:9200/logs-shop"
        advice = "check that it is running and reachable from this host"
        error = f"{where}: cannot be reached (Connection refused); {advice}"
        oldest_s = 0.1 if self._behind_since is None else self.seconds - self._behind_since
        state = ("retrying", BEGAN + self._down_since, error) if self.is_down else ("up", BEGAN - 7200, "")
        return ShipperStatus("shop", sink, where, *state, "unavailable", lag, oldest_s, 0, counters)

    def snapshot(self) -> Snapshot:
        """As of the end of the hour."""
        names = [f"/var/log/shop/{name}.log" for name in ("orders", "payments", "cart", "web", "mail", "search")]
        shares = [0.38, 0.21, 0.17, 0.14, 0.07, 0.03]
        size = self.written * LINE
        files = [
            FileStatus("shop", name, int(size * share),
                      {sink: int(lines * LINE * share) for sink, lines in self.stored.items()}, True, False, "",
                      {each.sink: each.lag_s for each in self._shippers()})
            for name, share in zip(names, shares, strict=True)
        ]  # fmt: skip
        return Snapshot(
            __version__, BEGAN - 7200, self.now(), 1, "/var/lib/log-sidecar", self._shippers(), files,
            [FileTotals("shop", len(files), size, 0, 0)], [self._balance(sink) for sink in self.stored],
            "notifications", len(files), 256, 64 << 20, 1 << 30, 3 << 20, 256 << 20, [],
            ConfigurationStatus("9f2c41d07a5be863", BEGAN - 7200),
            pipeline_balance=[self._pipeline_balance(sink) for sink in self.stored],
        )  # fmt: skip

    def _pipeline_balance(self, sink: str) -> PipelineBalance:
        balance = self._balance(sink)
        return PipelineBalance("shop", sink, balance.bytes, balance.unsettled, 0)

    def _balance(self, sink: str) -> BalanceStatus:
        lines, refused = self.stored[sink], 12 if sink == "search" else 0
        parts = {"dead_letter": refused, "filtered:exclude_lines": lines // 40, "skipped:empty": 0}
        parts = {"stored": lines - sum(parts.values()), **parts}
        found = {what: count * LINE for what, count in parts.items() if count}
        return BalanceStatus(sink, found, parts, (self.written - lines) * LINE)


def settings() -> Mapping[str, object]:
    """The configuration that the page shows."""
    told = Settings.model_validate({
        "admin": {"listen": "0.0.0.0:9600"},
        "sinks": {
            "archive": "mongodb://archive.logging.svc/shop", "search": "elasticsearch://search.logging.svc/logs-shop",
        },
        "pipelines": {"shop": {"paths": ["/var/log/shop/*.log"], "parser": "json"}},
    })  # fmt: skip
    return mask(told)


@contextmanager
def shown() -> Iterator[str]:
    """The address of a page that shows the hour, until the block ends."""
    hour, told = SimulatedHour(), settings()
    admin = HttpAdmin("127.0.0.1", 0, {
        "GET /": lambda query: page.render_page(),
        "GET /status.json": lambda query: page.render_status(hour.snapshot(), told, None),
        "GET /history.json": lambda query: Reply(200, hour.history.as_json()),
    })  # fmt: skip
    try:
        yield f"http://127.0.0.1:{admin.port}/"
    finally:
        admin.close()


def picture(browser: Browser, address: str, *, width: int, height: int, scheme: str) -> bytes:
    """The page in a window of this size."""
    with browser.page(address, width=width, height=height, scheme=scheme) as tab:
        tab.shows("document.querySelectorAll('.plot canvas').length === 4", 60)
        return tab.picture(whole=False)


def main() -> int:
    """Write the pictures."""
    folder = Path(__file__).parents[2] / "docs" / "images"
    with running_browser() as browser, shown() as address:
        for name, width, height, scheme in (
            ("light", 1280, 1580, "light"), ("dark", 1280, 1580, "dark"), ("narrow", 360, 900, "light"),
        ):  # fmt: skip
            data = picture(browser, address, width=width, height=height, scheme=scheme)
            (folder / f"page-{name}.png").write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
