"""The published folder of a data set: stores, tables, signals, and machine-readable metadata."""
