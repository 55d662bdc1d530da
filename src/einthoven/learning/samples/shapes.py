"""Further anatomies for the encoder only: surfaces and their samples, no electrodes, no fields.

They come from the cohort's shape models, but from a separate generator, so that no patient is among
them.
"""

from dataclasses import replace

import numpy as np

from einthoven.base.config.models import AnatomySettings, CohortSettings, SdfSampleSettings
from einthoven.base.core.errors import StepFailed
from einthoven.base.core.log import logger
from einthoven.base.core.names import SHAPES_PER_CHUNK
from einthoven.base.core.seeds import derive_seed, generator
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.body.anatomy.body import placed_body
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.data.patient.parameters import PatientParameters
from einthoven.learning.samples.sdf import sample_sdf


def draw_chunk(
    chunk: int, cohort: CohortSettings, anatomy: AnatomySettings, sdf_samples: SdfSampleSettings
) -> dict[str, np.ndarray]:
    """Samples around the surfaces of the shapes of one chunk, with its own Latin hypercube.

    A shape whose heart does not fit into its torso is left out and logged.

    Args:
        chunk: 0, 1, ..; a chunk does not depend on the number of chunks.
        cohort, anatomy: the config sections.
        sdf_samples: the config section, with the number of samples of a shape.

    Returns:
        shape [shape] numbers, sdf_points [shape, sample, 3] mm and sdf [shape, sample, 4] mm.

    Raises:
        StepFailed: no shape of the chunk could be built.
    """
    samples = {}
    for index in range(chunk * SHAPES_PER_CHUNK, (chunk + 1) * SHAPES_PER_CHUNK):
        try:
            body = placed_body(shape_parameters(index, cohort), anatomy)
        except StepFailed as error:
            logger.warning("left out: %s", error)
            continue
        rng = generator(sdf_samples.seed, "shape", index)
        samples[index] = sample_sdf(Surfaces.joined(body.surfaces()), rng, sdf_samples)
    if not samples:
        raise StepFailed(f"chunk {chunk}: no shape could be built; lower cohort.range_sd")
    points, sdf = (np.stack(arrays) for arrays in zip(*samples.values()))
    return {"shape": np.array(list(samples)), "sdf_points": points, "sdf": sdf}


def shape_parameters(index: int, cohort: CohortSettings) -> PatientParameters:
    """Parameters of shape number `index`, like those of a patient from `cohort.draw_patient`."""
    apart = {"seed": derive_seed(cohort.seed, "shapes"), "block_size": SHAPES_PER_CHUNK,
             "val_per_block": 0, "test_per_block": 0}  # fmt: skip
    parameters = draw_patient(index, cohort.model_copy(update=apart))
    return replace(parameters, patient=f"shape {index}", split="")
