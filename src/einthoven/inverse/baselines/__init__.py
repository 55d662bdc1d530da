"""Published inverse methods, to compare with: STRE, neural networks, maximum a posteriori."""
