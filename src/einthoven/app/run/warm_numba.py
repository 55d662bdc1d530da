"""Numba made ready on import, for servers of forks.

The first call of any compiled function loads all types and operations, 0.3 s of processor time.
"""

from numba import njit

njit(lambda x: x + 1)(1)
