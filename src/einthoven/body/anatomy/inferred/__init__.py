"""A torso that nobody imaged: its distribution, given electrodes, the heart and the person."""
