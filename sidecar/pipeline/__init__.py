"""One pipeline and one sink: builds the stages from settings and ships the chunks of its files through them.

In: chunks of tracked files. Out: settled checkpoints. Nothing here knows how a file is found or how a sink writes.
"""
