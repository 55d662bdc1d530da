"""Units, names, validators, seeds, errors and atomic files: what every room may import."""
