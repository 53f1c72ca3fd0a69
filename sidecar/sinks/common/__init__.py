"""What several sinks need: URLs, credentials, names of indexes and collections, connection errors."""
