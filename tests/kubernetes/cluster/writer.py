"""The application of the tests: it writes numbered lines until its last instant, and says how many.

Told by its environment: LOG_PATH; LINES (0: until SIGTERM); RATE, in lines a second; LINGER_S, how long it goes on
after SIGTERM; EXIT, its exit code; FAILS, how many of its lives end with code 1. Lives number their lines on.
What it has written is in its termination message at any time, so that it is known also when it is killed.
"""

import os
import signal
import time
from pathlib import Path

PATH = Path(os.environ.get("LOG_PATH", "/var/log/app/app.log"))
LINES = int(os.environ.get("LINES", "0"))
RATE = float(os.environ.get("RATE", "500"))
LINGER_S = float(os.environ.get("LINGER_S", "0.5"))
EXIT = int(os.environ.get("EXIT", "0"))
FAILS = int(os.environ.get("FAILS", "0"))
LAST = 100
"""Lines that are written at a stroke in the last instant."""


def main() -> None:
    """Write at the rate that is asked for, then the last lines, and be gone."""
    end_at = [float("inf")]
    signal.signal(signal.SIGTERM, lambda *_: end_at.append(time.monotonic() + LINGER_S))
    PATH.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(PATH, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
    message = os.open("/dev/termination-log", os.O_WRONLY)
    with PATH.open("rb") as written:
        number = sum(1 for _ in written)
    is_to_fail = bool(LINES) and number // LINES < FAILS
    last = number + LINES - LAST if LINES else float("inf")

    def write(count: int) -> int:
        lines = [f'{{"number": {n}, "message": "order {n} accepted"}}\n' for n in range(number, number + count)]
        os.write(log, "".join(lines).encode())
        os.pwrite(message, b"%d" % (number + count), 0)
        return number + count

    while number < last and time.monotonic() < min(end_at):
        number = write(1)
        time.sleep(1 / RATE)
    write(LAST)
    os._exit(1 if is_to_fail else EXIT)


main()
