"""Timestamps: known formats, strptime formats, epochs, dates without a year, one conversion per second."""
