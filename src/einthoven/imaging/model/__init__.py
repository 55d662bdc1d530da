"""A trained model in use: activation maps with their uncertainty, and when not to trust them."""
