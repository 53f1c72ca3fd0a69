"""Tails files through growth, rotation and truncation, and reads their next bytes.

In: matching files of a scan. Out: chunks of whole lines of one file. A chunk ends with an unterminated line only if
the file is complete. Reading moves no checkpoint; only the results of a sink do. Not in here: parsing of lines.

Known losses:

- A file is truncated before its bytes are read, and there is no copy in its directory. Bytes after the last position
  are counted as `lost: truncated` up to the largest size that was seen. Bytes written after the last scan are lost
  without being counted.
- A file that is created, written and deleted between two scans (at most a second, mostly far less) is never seen. A
  file that is deleted while the sidecar is down is counted as `lost: deleted`, unless `keep_links` has a link to it.
- A file that is truncated and filled with exactly the same bytes again looks unchanged.

Start reading with `tracker`: it executes the numbered steps of docs/design/rotation.md.
"""
