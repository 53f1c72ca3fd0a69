"""log-sidecar: follows the log files beside it and stores every line in Elasticsearch or MongoDB, once.

The path of a line is the reading order. Each room takes one noun and hands on one noun, in batches:

    watch     which files may have news             → Sighting
    read      bytes of one file from one position   → Chunk
    decode    bytes to whole lines with offsets     → Lines
    parse     lines to fields                       → Records
    enrich    records to finished documents         → Documents
    deliver   documents to verdicts                 → Verdict
    state     verdicts to durable positions

`shipper` joins the rooms for one pipeline × one sink; `supervisor` runs the shippers; `lifecycle` is the process
around them, with `observe` for those who ask how it is and `kubernetes` for the Pod around it; `cli` is for people.
"""

__version__ = "0.1.0"
