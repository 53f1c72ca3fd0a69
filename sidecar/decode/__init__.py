"""Turns bytes into lines: where each line or event begins, its encoding, and its offset in the file.

In: `Chunk`. Out: `LineBatch`. Not in here: what a line means (`parse`), and reading the file (`tail`).
"""
