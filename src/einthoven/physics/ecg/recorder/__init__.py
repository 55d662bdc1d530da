"""Recordings of simulated beats: rhythm, noise at the electrodes, electrocardiograph."""
