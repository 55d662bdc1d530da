"""Classical regularisation: Tikhonov, truncated SVD, spatiotemporal, total variation, L1 norm."""
