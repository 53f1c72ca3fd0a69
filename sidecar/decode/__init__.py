"""Bytes to lines: which bytes are one line, in which charset, and at which offset each begins.

Takes a `Chunk`, hands on `LineBatch`. What a line means is no business of this room.
"""
