"""The whole path: real files, the command as a user starts it, real destinations."""
