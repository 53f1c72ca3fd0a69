"""Contains libraries that know nothing of log files, pipelines or sinks, and could be published separately."""
