"""Reproducible logs of each kind: the same bytes for the same number of lines, made once and kept."""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sidecar.parse.format_parser import LogFormat
from sidecar.parse.formats import FORMATS

_BEGIN = datetime(2026, 11, 23, 1, tzinfo=UTC)
_STEP_US = 2_741

_LEVELS = ("debug", *["info"] * 14, *["warn"] * 3, "error", "error")
_LOGGERS = ("shop.orders.OrderService", "shop.payment.Gateway", "shop.stock.Reservations", "shop.web.SessionFilter")
_MESSAGES = (
    "order {a} of customer {b} accepted with {c} items",
    "payment {a} authorised by the provider for customer {b}",
    "reserved {c} pieces of article {b} in warehouse {d}",
    "session {a} renewed for another {d} minutes",
    "attempt {d} of 9 for delivery {a}: connection reset by peer",
    "cache miss for /catalogue/{b}, loaded from replica {c}",
)
_REGIONS = ("eu-central-1", "eu-west-3", "us-east-1", "ap-south-1")
_STATUSES = (*["200"] * 12, "201", "204", "301", "304", "304", "403", "404", "404", "500", "502")
_METHODS = (*["GET"] * 8, "POST", "POST", "PUT", "DELETE", "HEAD")
_VERSIONS = ("1.1", "1.1", "1.1", "2.0", "1.0")
_USERS = (*["-"] * 5, "alice", "bob", "carol")
_REFERRERS = (
    "-",
    "-",
    "https://shop.example/",
    "https://shop.example/sale?page=2",
    "https://search.example/?q=boots",
)
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "kube-probe/1.31",
    "curl/8.5.0",
)
_PATHS = ("/cart/items/{b}", "/catalogue/{b}?page={c}&sort=price", "/api/v1/orders/{a}", "/img/{b}/front.webp")


def generate(kind: str, lines: int, folder: Path) -> Path:
    """A log of this kind in `folder`; made if it is not there, or was made by another version of this module."""
    version = zlib.crc32(Path(__file__).read_bytes())
    path = folder / f"{kind}-{lines}-{version:08x}.log"
    if not path.exists():
        scratch = path.with_suffix(".part")
        with scratch.open("w", encoding=ENCODINGS.get(kind, "ascii"), newline="") as out:
            out.writelines(LOGS[kind](lines, random.Random(7)))
        scratch.rename(path)
    return path


def _times(lines: int) -> Iterator[tuple[int, datetime]]:
    for number in range(lines):
        yield number, time_of(number)


def time_of(number: int) -> datetime:
    """The time of a line, counted from 0."""
    return _BEGIN + timedelta(microseconds=_STEP_US * number)


def _filled(template: str, chance: random.Random) -> str:
    draw = chance.random
    return template.format(a=int(draw() * 9e6), b=int(draw() * 90_000), c=int(draw() * 40), d=int(draw() * 7) + 1)


def _json(lines: int, chance: random.Random) -> Iterator[str]:
    draw, pick = chance.random, chance.choice
    for number, when in _times(lines):
        yield (
            f'{{"time":"{when:%Y-%m-%dT%H:%M:%S.%fZ}","level":"{pick(_LEVELS)}","logger":"{pick(_LOGGERS)}",'
            f'"message":"{_filled(pick(_MESSAGES), chance)}","request":"{chance.getrandbits(64):016x}",'
            f'"status":{pick(_STATUSES)},"took_ms":{draw() * 800:.2f},'
            f'"amount":{draw() * 500:.2f},"cached":{"true" if draw() < 0.3 else "false"},"seq":{number}}}\n'
        )


def _nginx(lines: int, chance: random.Random) -> Iterator[str]:
    draw, pick = chance.random, chance.choice
    for _, when in _times(lines):
        address = f"{int(draw() * 223) + 1}.{int(draw() * 256)}.{int(draw() * 256)}.{int(draw() * 256)}"
        yield (
            f'{address} - {pick(_USERS)} [{when:%d/%b/%Y:%H:%M:%S +0000}] "{pick(_METHODS)}'
            f' {_filled(pick(_PATHS), chance)} HTTP/{pick(_VERSIONS)}" {pick(_STATUSES)} {int(draw() * 60_000)}'
            f' "{pick(_REFERRERS)}" "{pick(_AGENTS)}"\n'
        )


def _plain(lines: int, chance: random.Random) -> Iterator[str]:
    draw, pick = chance.random, chance.choice
    for number, when in _times(lines):
        yield (
            f"{when:%Y-%m-%d %H:%M:%S.%f} {pick(_LEVELS).upper():5} [worker-{int(draw() * 16)}] {pick(_LOGGERS)} -"
            f" {_filled(pick(_MESSAGES), chance)} (request {chance.getrandbits(64):016x}, region {pick(_REGIONS)},"
            f" {draw() * 800:.2f} ms, {int(draw() * 20)} waiting, sequence {number})\n"
        )


def _traces(lines: int, chance: random.Random) -> Iterator[str]:
    """Events of ten lines each, the last one of as many as are left."""
    pick = chance.choice
    for number, when in _times(lines):
        if number % 10 == 0:
            message = f"{_filled(pick(_MESSAGES), chance)} ({number})"
            yield f"{when:%Y-%m-%d %H:%M:%S.%f} ERROR [worker-{number % 16}] {pick(_LOGGERS)} - {message}\n"
        elif number % 10 == 1:
            yield "java.lang.IllegalStateException: the reservation is not open any more\n"
        elif number % 10 == 7:
            yield "Caused by: java.net.SocketTimeoutException: Read timed out\n"
        else:
            yield f"\tat {pick(_LOGGERS)}.handle{number % 7}(Handler.java:{number % 900 + 1})\n"


def _secrets(lines: int, chance: random.Random) -> Iterator[str]:
    """Plain lines with an address of a person, one of a machine, and a password in each."""
    for number, line in enumerate(_plain(lines, chance)):
        address = f"192.0.2.{number % 250 + 1}"
        yield f"{line[:-1]} for user{number}@shop.example from {address} password=tr0ub4dor{number}\n"


def _of(template: str) -> Callable[[int, random.Random], Iterator[str]]:
    """Lines of a format, by a template with {when}, {epoch}, {epoch_us}, {level}, {message} and {number}."""

    def made(lines: int, chance: random.Random) -> Iterator[str]:
        for number, when in _times(lines):
            message = f"{_filled(chance.choice(_MESSAGES), chance)} sequence {number}"
            times = {"when": when, "epoch": when.timestamp(), "epoch_us": round(when.timestamp() * 1e6)}
            yield template.format(**times, level=chance.choice(_LEVELS), message=message, number=number) + "\n"

    return made


def _events(*templates: str) -> Callable[[int, random.Random], Iterator[str]]:
    """Events of some lines each, by templates as those of `_of`. All are whole, so a few lines may be left out."""
    of_lines = "\n".join(templates)

    def made(lines: int, chance: random.Random) -> Iterator[str]:
        return _of(of_lines)(lines // len(templates), chance)

    return made


def _mixed(every: int) -> Callable[[int, random.Random], Iterator[str]]:
    """Lines of JSON, and one of text for each `every` lines."""

    def made(lines: int, chance: random.Random) -> Iterator[str]:
        for number, (of_json, of_text) in enumerate(zip(_json(lines, chance), _plain(lines, chance), strict=True)):
            yield of_text if number % every == every - 1 else of_json

    return made


def _json_with_host(lines: int, chance: random.Random) -> Iterator[str]:
    """Lines of JSON with a field `host`, which is text."""
    for number, line in enumerate(_json(lines, chance)):
        yield line.replace('"request"', f'"host":"web-{number % 7}","request"', 1)


def _logfmt_of_many(lines: int, chance: random.Random) -> Iterator[str]:
    """Lines of logfmt with other keys in other lines."""
    for number, when in _times(lines):
        message = _filled(chance.choice(_MESSAGES), chance)
        more = (f" user=u{number % 90}", f" path=/cart/{number} status=200", "", f" took={number % 800}ms attempt=1")
        yield (
            f"time={when:%Y-%m-%dT%H:%M:%S.%fZ} level={chance.choice(_LEVELS)} n={number}"
            f'{chance.choice(more)} message="{message} sequence {number}"\n'
        )


def _marked(lines: int, chance: random.Random) -> Iterator[str]:
    """Lines with letters that are not ASCII, and a mark of the byte order in front."""
    for number, line in enumerate(_accented(lines, chance)):
        yield line if number else f"\ufeff{line}"


_accented = _of("{when:%Y-%m-%d %H:%M:%S.%f} {level} Gr\xf6\xdfe ge\xe4ndert: {message}")
_AT = "{when:%Y-%m-%d %H:%M:%S.%f}"


def _timed(time: str) -> Callable[[int, random.Random], Iterator[str]]:
    """Lines of JSON whose time is written by this template."""
    return _of(f'{{{{"time":{time},"level":"{{level}}","message":"{{message}}","seq":{{number}}}}}}')


def _of_example(log_format: LogFormat) -> Callable[[int, random.Random], Iterator[str]]:
    """Return lines like the first example with a message, or a URL, which differs in each line."""
    for pattern, line in zip(log_format.patterns, log_format.examples, strict=True):
        match = re.fullmatch(pattern, line, re.DOTALL | re.ASCII)
        for group, text in (("message", "{message}"), ("url", "/sequence/{number}")):
            if match and "\n" not in line and group in match.groupdict():
                start, end = match.span(group)
                before, after = (part.replace("{", "{{").replace("}", "}}") for part in (line[:start], line[end:]))
                return _of(before + text + after)
    raise AssertionError(log_format.name)


LOGS: Mapping[str, Callable[[int, random.Random], Iterator[str]]] = {
    **{name: _of_example(log_format) for name, log_format in FORMATS.items() if name != "mysql_slow"},
    "json": _json,
    "nginx": _nginx,
    "plain": _plain,
    "traces": _traces,
    "secrets": _secrets,
    "syslog": _of("<134>1 {when:%Y-%m-%dT%H:%M:%S.%fZ} web-1 shop 7 - - {message}"),
    "logfmt": _of('time={when:%Y-%m-%dT%H:%M:%S.%fZ} level={level} n={number} message="{message}"'),
    "csv": _of('{when:%Y-%m-%dT%H:%M:%S.%fZ},{level},{number},web-1,"{message}"'),
    "cri": _of("{when:%Y-%m-%dT%H:%M:%S.%f}789Z stdout F {message}"),
    "docker": _of('{{"log":"{message}\\n","stream":"stdout","time":"{when:%Y-%m-%dT%H:%M:%S.%f}789Z"}}'),
    "journald": _of(
        '{{"__REALTIME_TIMESTAMP":"1795395600{number:06d}","PRIORITY":"6","SYSLOG_IDENTIFIER":"shop","_PID":"42",'
        '"MESSAGE":"{message}"}}'
    ),
    "klog": _of("I{when:%m%d %H:%M:%S.%f}       7 main.go:42] {message}"),
    "python": _of("{when:%Y-%m-%d %H:%M:%S,000} - shop.db - WARNING - {message}"),
    "postgresql": _of("{when:%Y-%m-%d %H:%M:%S}.123 UTC [12] shop@orders LOG:  {message}"),
    "mysql": _of("{when:%Y-%m-%dT%H:%M:%S.%fZ} 0 [System] [MY-010116] [Server] {message}"),
    "java_gc": _of("[{when:%Y-%m-%dT%H:%M:%S.123+0000}][{number}.015s][info][gc,start] {message}"),
    "nginx_error": _of("{when:%Y/%m/%d %H:%M:%S} [error] 31#31: *5 {message}"),
    "apache_error": _of("[{when:%a %b %d %H:%M:%S.%f %Y}] [core:error] [pid 35:tid 43] {message}"),
    "dpkg": _of("{when:%Y-%m-%d %H:%M:%S} status {message}"),
    "node": _of("[Nest] 812  - {when:%m/%d/%Y, %I:%M:%S %p}     LOG [ShopService] {message}"),
    "elixir": _of("{when:%Y-%m-%d %H:%M:%S}.123 request_id=F4abc [info] {message}"),
    "weblogic": _of("<{when:%b %d, %Y %I:%M:%S %p} UTC> <Notice> <WebLogicServer> <BEA-000360> <{message}>"),
    "websphere": _of("[{when:%m/%d/%y, %H:%M:%S}:123 UTC] 0000002a com.example.Shop  I {message}"),
    "suricata": _of(
        "{when:%m/%d/%Y-%H:%M:%S.%f}  [**] [1:42:3] {message} [**] [Classification: Attempted Recon] [Priority: 2] "
        "{{TCP}} 203.0.113.7:51234 -> 192.0.2.7:1433"
    ),
    "cluster": _of("{when:%b %d %H:%M:%S} node1 pacemakerd  [812] (main) \tnotice: {message}"),
    "mail": _of("{when:%b %d %H:%M:%S} imap(ann)<812><0a1b2c>: Info: {message}"),
    "daemons": _of("[{when:%Y-%m-%d %H:%M:%S}.123][1][info][main] [source/server.cc:42] {message}"),
    "log4j": _of("{when:%Y-%m-%d %H:%M:%S,000} INFO  [main] shop.orders.OrderService - {message}"),
    **{
        f"nginx_{name}": _of(
            f'{front}203.0.113.7 - - [{{when:%d/%b/%Y:%H:%M:%S +0000}}] "GET /sequence/{{number}} HTTP/1.1" 200 512'
            f' "-" "Mozilla/5.0 (X11; Linux x86_64) Chrome/131.0.0.0"{rest}'
        )
        for name, front, rest in (
            ("main", "", ' "-"'), ("timed", "", ' "-" 0.005 0.004'), ("vhost", "shop.example:443 ", ""),
        )
    },
    "syslog_3164": _of("<134>{when:%b %d %H:%M:%S} web-1 shop[7]: {message}"),
    "local_times": _of("{when:%d/%b/%Y %H:%M:%S.%f} [{level}] {message}"),
    "timed_iso": _timed('"{when:%Y-%m-%dT%H:%M:%S.%fZ}"'),
    "timed_naive": _timed('"{when:%Y-%m-%d %H:%M:%S,%f}"'),
    "timed_epoch": _timed("{epoch:.6f}"),
    "timed_epoch_us": _timed("{epoch_us}"),
    "timed_zoned": _timed('"{when:%d/%b/%Y %H:%M:%S.%f %z}"'),
    "timed_no_year": _timed('"{when:%b %d %H:%M:%S.%f}"'),
    "mixed": _mixed(5),
    "mixed_rarely": _mixed(1000),
    "json_host": _json_with_host,
    "logfmt_many": _logfmt_of_many,
    "latin_1": _accented,
    "utf_16": _marked,
    "mysql_slow": _events(
        "# Time: {when:%Y-%m-%dT%H:%M:%S.%fZ}",
        "# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id:    42",
        "# Query_time: 2.500310  Lock_time: 0.000123 Rows_sent: 1  Rows_examined: 100000",
        "SET timestamp=1795395600;",
        "SELECT * FROM orders WHERE note = '{message}';",
    ),
    "events_python": _events(
        f"{_AT} ERROR {{message}}", "Traceback (most recent call last):", '  File "/app/shop.py", line 42, in order',
        "    return stock[article]", "KeyError: {number}",
    ),
    "events_indent": _events(f"{_AT} {{message}}", "  article: {number}", "  items:", "    - boots", "    - a hat"),
    "events_go": _events(
        f"{_AT} {{message}}", "panic: send on closed channel", "goroutine 7 [running]:",
        "main.(*Hub).run(0xc000010000)", "\t/app/hub.go:{number} +0x8d",
    ),
    "events_ruby": _events(
        f"{_AT} app.rb:7:in 'order': {{message}} (RuntimeError)", "\tfrom app.rb:42:in 'block in run'",
        "\tfrom app.rb:41:in 'each'", "\tfrom app.rb:{number}:in '<main>'",
    ),
    "events_elixir": _events(
        f"{_AT} [error] GenServer Shop.Stock terminating", "** (RuntimeError) {message}",
        "    (shop 0.1.0) lib/shop/stock.ex:{number}: Shop.Stock.handle_call/3", "Last message: :reserve",
    ),
    "events_node": _events(
        f"{_AT} Error: {{message}}", "    at order (/app/shop.js:42:11)", "    at run (/app/shop.js:{number}:3) {{",
        "  code: 'ECONNRESET'", "}}",
    ),
    "events_dotnet": _events(
        f"{_AT} fail: {{message}}", "System.InvalidOperationException: the reservation is not open any more",
        " ---> System.TimeoutException: timed out", "   at Shop.Stock.Reserve() in /app/Stock.cs:line {number}",
        "   --- End of inner exception stack trace ---",
    ),
    "events_php": _events(
        f"{_AT} PHP Fatal error:  Uncaught Exception: {{message}} in /app/shop.php:42", "Stack trace:",
        "#0 /app/index.php({number}): order()", "#1 {{main}}", "  thrown in /app/shop.php on line 42",
    ),
    "events_rust": _events(
        "thread 'worker-7' panicked at src/stock.rs:42:9:", "{message}", "stack backtrace:",
        "   0: shop::stock::reserve", "             at ./src/stock.rs:{number}:9",
    ),
    "events_postgresql": _events(
        "{when:%Y-%m-%d %H:%M:%S}.123 UTC [12] shop@orders ERROR:  {message}",
        "{when:%Y-%m-%d %H:%M:%S}.123 UTC [12] shop@orders DETAIL:  Key (id)=({number}) already exists.",
        "{when:%Y-%m-%d %H:%M:%S}.123 UTC [12] shop@orders STATEMENT:  insert into orders",
        "\tvalues ({number})",
    ),
    "parts_cri": _events(
        "{when:%Y-%m-%dT%H:%M:%S.%f}789Z stdout P {message} ",
        "{when:%Y-%m-%dT%H:%M:%S.%f}789Z stdout F and the rest",
    ),
    "parts_docker": _events(
        '{{"log":"{message} ","stream":"stdout","time":"{when:%Y-%m-%dT%H:%M:%S.%f}789Z"}}',
        '{{"log":"and the rest\\n","stream":"stdout","time":"{when:%Y-%m-%dT%H:%M:%S.%f}789Z"}}',
    ),
}  # fmt: skip
"""The lines of each kind of log. A format is a line here and one in `tests/benchmarks/workloads.py`."""

ENCODINGS: Mapping[str, str] = {"latin_1": "latin-1", "utf_16": "utf-16-le"}
"""By kind of log, if it is not ASCII."""

_DATED = r"2026-"
EVENTS: Mapping[str, str] = {
    "traces": _DATED,
    "mysql_slow": r"# Time: ",
    **dict.fromkeys(
        (f"events_{name}" for name in ("python", "indent", "ruby", "elixir", "node", "dotnet", "php")), _DATED
    ),
    "events_go": r"2026-|panic: ",
    "events_rust": r"thread '",
    "events_postgresql": r"2026-[^\n]* ERROR: ",
    "parts_cri": r"\S+ stdout P ",
    "parts_docker": r'\{"log":"(?!and the rest)',
}
"""By kind of log, if its events have several lines: how the first one begins."""
