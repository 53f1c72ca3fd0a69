"""Where settings come from, and how a problem in them is told to a person."""
