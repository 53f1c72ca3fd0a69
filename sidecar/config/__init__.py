"""Settings: where they come from, their model, and the messages about what is wrong with them.

In: command line, environment and YAML. Out: `Settings`, or one error that names every problem.
"""
