"""Units, names, validators, seeds, errors and atomic files, which every room may import."""
