"""Inputs of imaging networks: recording points, lead fields, traces, clinical measures."""
