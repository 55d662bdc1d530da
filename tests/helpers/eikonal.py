"""The eikonal equation on one mesh for one set of sources."""

from einthoven.physics.electrophysiology.eikonal import Eikonal


def solve_eikonal(points, cells, speed_tensor_sq, source_nodes, source_times, *how, **named):
    """First arrival at each node; further arguments as of `Eikonal.of`."""
    eikonal = Eikonal.of(points, cells, speed_tensor_sq, *how, **named)
    return eikonal.arrival(source_nodes, source_times)
