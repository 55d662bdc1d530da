"""The inverse problem, the contract of its methods, and the names of all methods."""
