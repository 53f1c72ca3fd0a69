"""Fields of ours: where a line came from, when, and what the user wants added; and the finished document.

Takes `Records`, hands on `Documents`. Nothing the application wrote is altered here unless the user names it: then
it is changed in its own text, and all else stays to the byte. Where the application uses the name of a field of ours,
its value moves to `original.<name>`.
"""
