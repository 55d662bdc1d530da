"""Points around the four closed surfaces of a body, with their signed distances."""

import numpy as np

from einthoven.base.config.models import SdfSampleSettings as SdfConfig
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import SDF_SURFACES
from einthoven.base.geometry.sampling import points_on_surface
from einthoven.base.geometry.signed_distance import signed_distances
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.samples import SdfSamples


def sdf_samples(anatomy: Anatomy, config: SdfConfig) -> SdfSamples:
    """Samples of a patient, with a generator from the config's seed and the patient's name."""
    rng = generator(config.seed, anatomy.patient, "sdf")
    points, sdf = sample_sdf(anatomy.surfaces, rng, config)
    return SdfSamples(patient=anatomy.patient, sdf_points=points, sdf=sdf)


def sample_sdf(
    surfaces: Surfaces, rng: np.random.Generator, config: SdfConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Points around the four surfaces and throughout the torso's box, with their distances.

    Of the first `near_fraction`, a quarter belongs to each closed surface: a point uniform on its
    area, moved in a random direction by a length uniform in 0 to `near_mm`, so that the density is
    highest at the surface. The rest is uniform in the skin's box, widened by `near_mm` so that
    points outside the body occur. The order is random. `rng` already contains the config's seed.

    Returns:
        sdf_points [sample, 3] float32 mm and sdf [sample, 4] float32 mm, the distances of the
        points as stored.
    """
    near_mm, n_near = config.near_mm, int(round(config.near_fraction * config.n_points))
    samples = []
    for k, name in enumerate(SDF_SURFACES):
        count = n_near * (k + 1) // 4 - n_near * k // 4
        on_surface, _ = points_on_surface(surfaces.points, surfaces.union(name), count, rng)
        direction = rng.normal(size=(count, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        samples.append(on_surface + direction * rng.uniform(0.0, near_mm, size=(count, 1)))
    skin = surfaces.points[np.unique(surfaces.union("torso"))]
    low, high = skin.min(axis=0) - near_mm, skin.max(axis=0) + near_mm
    samples.append(rng.uniform(low, high, size=(config.n_points - n_near, 3)))
    stored = rng.permutation(np.concatenate(samples)).astype(np.float32)
    sdf = signed_distances(surfaces, stored, config.backend)
    return stored, sdf.astype(np.float32)
