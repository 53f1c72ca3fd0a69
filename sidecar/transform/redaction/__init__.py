"""Removes secrets and personal data from records before anything of them is sent or stored.

In: records. Out: records without what the rules match.
"""
