"""Logs as programs write them, each with the documents that have to become of them; README.md says how to add one."""
