"""Stores documents in Elasticsearch with the bulk API."""
