"""Turns bytes into lines: finds where each line or event begins, and decodes its text.

Input: `Chunk`. Output: `LineBatch`. This package does not read files (`tail` does) and does not parse lines (`parse`
does).
"""
