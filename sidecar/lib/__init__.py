"""Libraries that know nothing of log files, pipelines or sinks; each could be published on its own."""
