"""Loads and validates the settings: their model, their sources, and the messages about problems.

In: command line, environment, secrets and YAML. Out: `Settings`, or one error that names every problem. Not in here:
the settings of a stage, which are in the package of the stage.
"""
