"""Stores documents in MongoDB."""
