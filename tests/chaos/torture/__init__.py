"""The torture: an application that writes and rotates in every way, chaos on the way to the database, and kills."""
