"""Reads and edits JSON objects as text, without decoding values that stay as they are."""
