"""Shape models of heart and torso."""
