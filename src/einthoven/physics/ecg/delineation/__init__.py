"""Delineation of one beat: waves of the QRS lead by lead, ST segment, T wave, axes."""
