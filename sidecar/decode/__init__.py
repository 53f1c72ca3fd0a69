"""Turns bytes into lines: finds where each line or event begins, and decodes its text.

In: `Chunk`. Out: `LineBatch`. Not in here: parsing a line (`parse`), and reading the file (`tail`).
"""
