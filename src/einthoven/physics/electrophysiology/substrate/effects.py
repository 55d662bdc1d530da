"""Effects of scar and ischaemia on conduction and cells."""

import numpy as np
from scipy.spatial import cKDTree

from einthoven.data.patient.heart import Heart
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.substrate import BORDER, CORE, Substrate
from einthoven.physics.electrophysiology.cells.family import family
from einthoven.physics.electrophysiology.cells.ischaemia import Ischaemia, ischaemic_cell
from einthoven.physics.electrophysiology.purkinje.purkinje_network import Network

NO_CONDUCTION = 1e-3
"""Share of the speed that stands for none: the wave always comes round a scar earlier."""


def speed_factor(substrate: Substrate, heart: Heart) -> np.ndarray:
    """Factor on the speed of the muscle: [cell].

    Ischaemia: that of its cells, by the mean share of them in a tetrahedron.
    """
    section, tissue = substrate.section, substrate.tissue
    if section.kind == "ischaemia":
        share = substrate.level[heart.cells].mean(axis=1)
        return 1.0 - share * (1.0 - ischaemic_cell(section.severity).speed_share)
    core = section.core_speed_share or NO_CONDUCTION
    return np.select([tissue == CORE, tissue == BORDER], [core, section.border_speed_share], 1.0)


def added_duration(substrate: Substrate, durations: np.ndarray) -> np.ndarray:
    """APD90 [node] ms with that of the border zone of a scar, within the family's range."""
    section = substrate.section
    if section.kind != "scar":
        return durations
    known = family().apd90
    longer = durations + section.border_apd_ms * substrate.level
    return np.clip(longer, known[0], known[-1])


def ischaemia_of(substrate: Substrate | None) -> Ischaemia | None:
    """The share of ischaemic cells; None without ischaemia."""
    if substrate is None or substrate.section.kind != "ischaemia":
        return None
    return Ischaemia(substrate.level.astype(float), substrate.section.severity)


def dead_nodes(substrate: Substrate, heart: Heart) -> np.ndarray:
    """Nodes [node] bool of which every tetrahedron is core that does not conduct."""
    section = substrate.section
    if section.kind != "scar" or section.core_speed_share > 0:
        return np.zeros(len(heart.points), bool)
    alive = np.zeros(len(heart.points), bool)
    alive[heart.cells[substrate.tissue != CORE]] = True
    return ~alive


def without_dead(network: Network, substrate: Substrate, patient: Patient) -> Network:
    """The conduction system without what lies in the core of a scar, unless that survives."""
    if substrate.section.kind != "scar" or substrate.section.purkinje_survives:
        return network
    in_core = substrate.level >= 1.0
    silent = np.zeros(network.n_nodes, bool)
    links, first = network.links, network.n_junctions
    silent[links.node[first:]] = in_core[links.heart[first:]]
    if first and patient.has("purkinje"):
        points = patient.purkinje.tree_points
        _, nearest = cKDTree(patient.heart.points).query(points)
        silent[1 : len(points) + 1] = in_core[nearest]
    return network.without_nodes(silent)


def filled(time: np.ndarray, dead: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Activation times [node] ms in which dead nodes, which have none, get that of the nearest."""
    if not dead.any():
        return time
    _, nearest = cKDTree(points[~dead]).query(points[dead])
    time = time.copy()
    time[dead] = time[~dead][nearest]
    return time
