"""A torso without an image: its distribution given electrodes, the heart and the person."""
