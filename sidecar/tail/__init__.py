"""Tails files through growth, rotation and truncation, and reads their next bytes.

Input: the files that a scan has found. Output: chunks, each with whole lines of one file. A chunk ends with an
unterminated line only if the file is complete. Reading does not move a checkpoint; only the results of a sink do.
This package does not parse lines.

Known losses:

- A file is truncated before its bytes are read, and its directory has no copy. The bytes from the last position to
  the largest size that was seen are counted as `lost: truncated`. Bytes written after the last scan are lost without
  being counted.
- A file that is created, written and deleted between two scans (at most a second, mostly far less) is never seen. A
  file that is deleted while the sidecar is down is counted as `lost: deleted`, unless `keep_links` keeps its content.
- A file that is truncated and filled with exactly the same bytes again looks unchanged.

Start reading with `tracker`, which executes the numbered steps of docs/design/rotation.md.
"""
