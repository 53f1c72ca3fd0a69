"""log-sidecar tails the log files of an application and stores every line once in Elasticsearch or MongoDB.

A line passes these stages in batches. Each package takes one kind of data and hands on another:

    watch      which files match the patterns now?           → Sighting
    tail       which file is this, which bytes come next?    → Chunk
    decode     bytes to whole lines with offsets             → Lines
    parse      lines to fields                               → Records
    transform  what the user changes or drops                → Records
    document   our fields, name conflicts, limits            → Documents
    deliver    batches to a sink, with retries               → Verdict
    sinks      the destinations, and the contract they keep
    state      checkpoints and dead letters that survive

Around them: `pipeline` joins the stages for one pipeline and one sink, `app` is one run of the process, `tools` are
the other commands, `cli` parses arguments and prints. Below them: `config` (settings), `model` (the data between
stages), `telemetry` (events, counters, metrics), `admin` (socket, HTTP, health), `kubernetes` (the Pod around the
sidecar) and `lib` (modules that know nothing of logs).
"""

__version__ = "0.1.0"
