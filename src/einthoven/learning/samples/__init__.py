"""What is sampled of a patient for learning."""
