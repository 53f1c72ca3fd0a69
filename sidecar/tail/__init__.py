"""Follows files through growth, rotation and truncation, and reads the bytes that come next.

In: matching files of a scan. Out: chunks of whole lines, one file and one position at a time. A chunk ends with an
unterminated line only if the file is finished. Reading moves no checkpoint; only the results of a sink do. Nothing
here knows what a line means.

Known losses, none of them silent unless it says so:

- A file that is truncated before its bytes were read, and of which there is no copy in its directory. What was beyond
  the last position is counted as `lost: truncated`, as far as its size was ever seen. What was written after the last
  scan is not known.
- A file that is created, written and deleted between two scans (at most a second, mostly far less) is never seen. A
  file that is deleted while the sidecar is down is counted as `lost: deleted`, unless `keep_links` has a link to it.
- A file that is truncated and refilled with the very same bytes looks like one that was not.

`tracker` is the place to start: it does the numbered steps of docs/design/rotation.md.
"""
