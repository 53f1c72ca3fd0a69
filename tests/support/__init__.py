"""What several tests share, and programs that keep files of the repository up to date."""
