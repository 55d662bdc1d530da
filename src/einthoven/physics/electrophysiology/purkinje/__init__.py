"""Purkinje trees: growth on the endocardia, junctions, conduction along them."""
