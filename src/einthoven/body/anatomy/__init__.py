"""Bodies: shape models of heart and torso, the heart's pose, electrodes, signed distances."""
