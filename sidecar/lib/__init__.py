"""Modules that know no file, line or sink of this product; each could be published on its own."""
