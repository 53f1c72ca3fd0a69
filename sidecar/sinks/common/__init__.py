"""Modules that several sinks share: URLs, credentials, names of indexes and collections, connection errors."""
