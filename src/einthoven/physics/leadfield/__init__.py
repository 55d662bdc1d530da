"""Electrodes -> lead fields Z; the pseudo lead field."""
