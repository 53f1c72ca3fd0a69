"""A small application that logs JSON lines and rotates its file by rename, as logrotate does.

Told by its environment: LOG_PATH, RATE (lines a second), LINES (0: for ever), ROTATE_EVERY (lines), KEEP (old files).
SIGTERM ends it after a whole line.
"""

import json
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

PATH = Path(os.environ.get("LOG_PATH", "/var/log/app/app.log"))
RATE = float(os.environ.get("RATE", "10"))
LINES = int(os.environ.get("LINES", "0"))
ROTATE_EVERY = int(os.environ.get("ROTATE_EVERY", "1000"))
KEEP = int(os.environ.get("KEEP", "5"))
FOLDER_PATIENCE_S = 60.0


def wait_for_folder() -> None:
    """A volume may become ours only after our start: not everything that starts containers keeps their order."""
    give_up_at = time.monotonic() + FOLDER_PATIENCE_S
    told = False
    while True:
        try:
            PATH.open("a").close()
        except OSError as problem:
            if time.monotonic() > give_up_at:
                raise
            if not told:
                print(f"waiting until {PATH} can be written: {problem}", file=sys.stderr, flush=True)
                told = True
            time.sleep(0.2)
        else:
            return


def rotate() -> None:
    """app.log becomes app.log.1, that becomes app.log.2, and so on."""
    for number in range(KEEP, 0, -1):
        older = PATH.with_name(f"{PATH.name}.{number}")
        newer = PATH.with_name(f"{PATH.name}.{number - 1}") if number > 1 else PATH
        if newer.exists():
            newer.rename(older)


def main() -> None:
    """Write, and rotate now and then."""
    # Leaving through `with` flushes the line that was begun.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    wait_for_folder()
    number = 0
    while not LINES or number < LINES:
        with PATH.open("a", encoding="utf-8") as log:
            for _ in range(min(ROTATE_EVERY, (LINES or ROTATE_EVERY + number) - number)):
                now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
                line = {"time": now, "level": "info", "message": f"order {number} accepted", "number": number}
                log.write(json.dumps(line) + "\n")
                log.flush()
                number += 1
                time.sleep(1 / RATE)
        if number % ROTATE_EVERY == 0:
            rotate()


if __name__ == "__main__":
    main()
