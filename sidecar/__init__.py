"""log-sidecar tails the log files of an application and stores every line once in Elasticsearch or MongoDB.

A line passes these stages in batches. Each package takes one kind of data and passes on another:

    watch      which files match the patterns now?           → FoundFile
    tail       which file is this, which bytes come next?    → Chunk
    decode     bytes to whole lines with offsets             → LineBatch
    parse      lines to fields                               → RecordBatch
    transform  changes and filters of the user               → RecordBatch
    document   fields of the sidecar, name conflicts, limits → Documents
    deliver    batches to a sink, with retries               → DeliveryResult
    sinks      the sinks, and their contract                 → WriteResult
    state      checkpoints and dead letters, which survive restarts

Layers, from top to bottom; a package imports only from layers below its own:

    cli                           arguments and printing, one module for each command
    app, tools, testing, inject,  one run of the process; the other commands; the test kit for plug-ins; adds the
    convert                       sidecar to the manifests of Pods; configurations of other tools
    pipeline                      builds the stages from the settings, and runs them for one pipeline and one sink
    config, deliver               settings and their sources; batches and retries
    the other stages, admin, kubernetes
                                  stages do not import each other; admin is the socket, HTTP server and health;
                                  kubernetes is the Pod in which the sidecar runs
    telemetry                     log events, counters, status snapshot, metrics
    model                         the data that travels between the stages
    lib, errors                   modules without knowledge of logs; the exceptions
"""

__version__ = "0.1.0"

DISTRIBUTION = "log-sidecar"
"""The distribution that this package belongs to: another project's package has the same name."""
