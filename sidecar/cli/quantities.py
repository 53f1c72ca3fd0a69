"""Quantities on the command line: durations and numbers."""

from __future__ import annotations

import argparse

from sidecar.lib.units import parse_duration


def duration_option(text: str) -> float:
    """Return the seconds of an option such as `20s`. Raise `ArgumentTypeError` with an example."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is {error}") from None


def number_option(text: str) -> int:
    """Return the whole number of an option such as `5`. Raise `ArgumentTypeError`."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
