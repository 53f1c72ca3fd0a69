"""Documents to verdicts: batches on their way to a sink, and the only retry loop of the program.

Takes `Documents`, hands on what became of each record. Moves no position: that is for whoever reads the outcome.
"""
