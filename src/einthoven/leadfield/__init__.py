"""Electrodes -> lead fields Z and their gradients; the pseudo lead field; closed forms."""
