"""Where a point lies in the ventricles, and where its fibres run."""
