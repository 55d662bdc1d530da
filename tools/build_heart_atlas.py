"""Build anatomy/shape/data/heart_atlas.npz: sample the parametric heart, carry one mesh.

Half of the hearts are women's. Height and BMI are drawn too: they scale the heart, and the
regression of the modes on them is kept, so that a cohort can ask for them.

Usage: python tools/build_heart_atlas.py [--samples 160] [--out heart_atlas.npz]
"""

import argparse
import sys

import numpy as np
from atlas_fit import closest_coeffs, regression, shape_model
from heart_samples import carry_template, heart_size, parameters_from

from einthoven.base.core.errors import StepFailed
from einthoven.base.core.files import save_arrays
from einthoven.base.core.log import log_to_stderr, logger, track
from einthoven.base.geometry.triangles import triangle_quality
from einthoven.body.anatomy.population.reference import SEXES, BodySize
from einthoven.body.anatomy.shape.heart_shape import SHIPPED_EDGES_MM, resample
from einthoven.body.anatomy.shape.model import HEART_ATLAS
from einthoven.body.anatomy.shape.parametric_heart import (
    PARAMETERS,
    build_template,
    mean_parameters,
)

FINE_EDGE_MM = 2.7
N_MODES = 10
TRUNCATE_SD = 2.0
MIN_QUALITY = 0.05


def draw_normal(n_samples: int, n_dimensions: int, seed: int) -> np.ndarray:
    """Latin hypercube of standard normal numbers, truncated: [sample, dimension]."""
    from scipy.stats import qmc, truncnorm

    uniform = qmc.LatinHypercube(n_dimensions, rng=np.random.default_rng(seed)).random(n_samples)
    return truncnorm.ppf(uniform, -TRUNCATE_SD, TRUNCATE_SD)


def draw_hearts(n_samples: int, seed: int) -> tuple[list[BodySize], list[dict[str, float]]]:
    """Bodies and the parameters of their hearts; a Latin hypercube for each sex."""
    bodies, hearts = [], []
    for index, sex in enumerate(SEXES):
        normal = draw_normal(n_samples // 2, 2 + len(PARAMETERS[sex]), len(SEXES) * seed + index)
        for row in normal:
            body = BodySize.from_sds(sex, *row[:2])
            size = heart_size(sex, body.height_cm, body.bmi)
            bodies.append(body)
            hearts.append(parameters_from(row[2:], sex, size))
    return bodies, hearts


def build(n_samples: int, seed: int) -> tuple[dict, dict]:
    """Arrays and attributes of the atlas file."""
    mean = mean_parameters()
    template = build_template(mean, FINE_EDGE_MM)
    bodies, hearts = draw_hearts(n_samples, seed)
    samples = np.empty((len(hearts), *template.points.shape))
    for sample, heart in zip(samples, track(hearts, "hearts")):
        sample[:] = carry_template(template, mean, heart)
        worst = triangle_quality(sample, template.faces).min()
        if worst < MIN_QUALITY:
            raise StepFailed(f"triangle quality {worst:.3f} of the heart {heart}")
    model = shape_model(samples, N_MODES, template.faces)
    total = samples.var(axis=0, ddof=1).sum()
    covariates = regression(np.stack([closest_coeffs(model, each) for each in samples]), bodies)
    arrays = {
        "mean": model.mean.astype(np.float32),
        "modes": model.modes.astype(np.float32),
        "sds": model.sds,
        "faces": template.faces.astype(np.uint16),
        "face_tags": template.face_tags,
        "explained": model.sds**2 / total,
        "covariate_weights": covariates.weights,
        "covariate_residual": covariates.residual,
        "template_points": template.points.astype(np.float32),
    }
    for edge_mm in SHIPPED_EDGES_MM:
        coarse = resample(build_template(mean, edge_mm), template)
        key = f"{edge_mm:g}"
        arrays |= {
            f"corners_{key}": coarse.corners.astype(np.uint16),
            f"weights_{key}": coarse.weights.astype(np.float32),
            f"points_{key}": coarse.points,
            f"faces_{key}": coarse.faces.astype(np.uint16),
            f"face_tags_{key}": coarse.face_tags,
        }
    attrs = {
        "samples": len(hearts),
        "seed": seed,
        "parameters": PARAMETERS,
        "edge_mm": FINE_EDGE_MM,
    }
    return arrays, attrs


def main() -> int:
    """Build and write the atlas."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=160)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", default=str(HEART_ATLAS))
    options = parser.parse_args()
    log_to_stderr()
    arrays, attrs = build(options.samples, options.seed)
    save_arrays(options.out, arrays, **attrs)
    logger.info("%s: variance per mode %s", options.out, np.round(arrays["explained"], 4))
    return 0


if __name__ == "__main__":
    sys.exit(main())
