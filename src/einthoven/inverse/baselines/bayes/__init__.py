"""Maximum a posteriori estimates with a mean and a covariance learned from beats."""
