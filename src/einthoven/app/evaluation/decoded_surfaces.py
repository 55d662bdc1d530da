"""Accuracy of the surfaces decoded from an encoder's codes."""

from typing import Any

from einthoven.base.core.errors import StepFailed
from einthoven.base.core.log import logger
from einthoven.base.metrics.surfaces import reconstruction_chamfer
from einthoven.data.patient.anatomy import Anatomy
from einthoven.learning.encoders.base import Encoder


def chamfer_of(encoder: Encoder, anatomy: Anatomy, n_grid: int) -> dict[str, Any]:
    """Chamfer distances of a decoded patient to the true surfaces, or why there are none.

    A poor decoder may lack a surface; the metrics count such patients.
    """
    name = anatomy.patient
    try:
        distances = reconstruction_chamfer(
            anatomy.surfaces, lambda points: encoder.signed_distances(name, points), n_grid
        )
    except StepFailed as error:
        logger.warning("%s: %s", name, error)
        return {"patient": name, "failed": str(error)}
    return {"patient": name, "chamfer": distances}
