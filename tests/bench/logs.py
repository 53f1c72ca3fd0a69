"""Reproducible logs of each kind: the same bytes for the same number of lines."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

KINDS = ("json", "nginx", "plain")

_BEGIN = datetime(2026, 11, 23, 1, tzinfo=UTC)
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15",
    "curl/8.5.0",
)


def generate(kind: str, lines: int, folder: Path) -> Path:
    """A log of this kind in `folder`, made if it is not there."""
    path = folder / f"{kind}-{lines}.log"
    if not path.exists():
        scratch = path.with_suffix(".part")
        with scratch.open("w", encoding="utf-8") as out:
            out.writelines(f"{line}\n" for line in _LINES[kind](lines, random.Random(7)))
        scratch.rename(path)
    return path


def _json(lines: int, chance: random.Random) -> Iterator[str]:
    for number in range(lines):
        when = (_BEGIN + timedelta(milliseconds=3 * number)).isoformat(timespec="microseconds").replace("+00:00", "Z")
        order = chance.randrange(10**7)
        yield json.dumps(
            {
                "time": when,
                "level": chance.choice(("info", "info", "info", "warning", "error")),
                "message": f"order {order} for customer {chance.randrange(10**6)} accepted in {number % 97} ms",
                "trace": f"{chance.getrandbits(128):032x}",
                "route": f"/api/v1/orders/{order}",
                "status": chance.choice((200, 201, 204, 404, 500)),
                "amount": round(chance.random() * 500, 2),
            },
            separators=(",", ":"),
        )


def _nginx(lines: int, chance: random.Random) -> Iterator[str]:
    for number in range(lines):
        when = (_BEGIN + timedelta(milliseconds=3 * number)).strftime("%d/%b/%Y:%H:%M:%S +0000")
        address = ".".join(str(chance.randrange(1, 255)) for _ in range(4))
        status = chance.choice((200, 304, 404))
        path = f"/shop/items/{chance.randrange(10**6)}?page={chance.randrange(50)}"
        yield (
            f'{address} - user{chance.randrange(1000)} [{when}] "GET {path} HTTP/1.1" {status}'
            f' {chance.randrange(10**5)} "https://shop.example/start" "{chance.choice(_AGENTS)}"'
        )


def _plain(lines: int, chance: random.Random) -> Iterator[str]:
    for number in range(lines):
        when = (_BEGIN + timedelta(milliseconds=3 * number)).isoformat(timespec="milliseconds")
        yield (
            f"{when} INFO  [worker-{number % 16}] com.example.orders.OrderService - order {chance.randrange(10**7)}"
            f" of customer {chance.randrange(10**6)} was accepted after {number % 97} ms, trace"
            f" {chance.getrandbits(128):032x}, {chance.randrange(20)} items in basket, next step is payment"
        )


_LINES = {"json": _json, "nginx": _nginx, "plain": _plain}
