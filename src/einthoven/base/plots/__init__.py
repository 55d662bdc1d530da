"""Functions that return matplotlib figures of what the other rooms computed.

Colours are Okabe and Ito's and every curve has a line style or hatch of its own, so that the
figures read in grey and for the colour-blind. Quantities and units stand on every axis.
"""
