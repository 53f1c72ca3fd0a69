"""Bytes of one file from one position: which file this is, where each sink is in it, and what comes next.

Takes sightings, hands on `Chunk`s of whole lines. No chunk passes an unterminated line unless the file is
finished, and no position moves because something was read: only verdicts move positions.

Known losses, none of them silent unless it says so:

- A file that is truncated before its bytes were read, and of which there is no copy in its directory. What was beyond
  the last position is counted as `lost: truncated`, as far as its size was ever seen; what was written after our
  last look nobody can know.
- A file that is created, written and deleted between two looks (at most a second, mostly far less) is never
  seen. A file that is deleted while the sidecar is down is counted as `lost: deleted`, unless there is a link to it
  of our own.
- A file that is truncated and refilled with the very same bytes cannot be told from one that was not.
"""
