"""Does the work for a line grow in proportion to its length? Counted in instructions, not in seconds.

A process under valgrind's `massif` runs all cases (`python -m tests.benchmarks.linear`). With `--time-unit=i` it
counts every instruction of the process, those of C extensions included, and a snapshot says how many there were so
far. The counts of one build differ by a few in a thousand from run to run, whatever else the machine does.
"""
