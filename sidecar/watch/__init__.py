"""Which files may have news. A notification is a hint; the sweep of the disk is the truth.

Takes globs, hands on `Sighting`s. Opens nothing and reads nothing.
"""
