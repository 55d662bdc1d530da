"""The published folder of a data set: stores, tables, signals, and what machines read of them."""
