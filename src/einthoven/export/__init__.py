"""Stages of a patient in files that other programs read: VTK and openCARP."""
