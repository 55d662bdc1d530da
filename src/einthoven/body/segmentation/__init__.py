"""Hearts from label images and contour stacks."""
