"""Posterior of a torso given the evidence: its most likely body, and samples.

The maximum over the latents is found by Gauss-Newton. There the posterior is approximated by a
Gaussian (Laplace) with covariance (I + sum J'J)^-1 over the terms of `evidence`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.spatial.transform import Rotation

from einthoven.base.core.errors import BadInput, NotConverged, StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.barycentric import SkinPoints
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.signed_distance import ClosedSurface
from einthoven.body.anatomy.electrodes import standard_ties
from einthoven.body.anatomy.inferred.evidence import (
    HeartWithin,
    Places,
    SkinCloud,
    Spread,
    Term,
    TorsoEvidence,
)
from einthoven.body.anatomy.inferred.placed_skin import PlacedSkin, SkinPrior, skin_prior
from einthoven.body.anatomy.pose import MEAN_POSES, POSE
from einthoven.body.anatomy.shape.heart_check import MIN_CLEARANCE_MM
from einthoven.body.anatomy.shape.model import MAX_SD
from einthoven.body.anatomy.shape.torso import TorsoSurface, landmark_ties, load_atlas
from einthoven.numerics.optimisation.line_search import backtrack

MAX_STEPS = 60
MAX_TRIALS = 10
"""Lengths of one step that are tried."""
SMALL_STEP = 1e-4
NO_GAIN = 0.05
"""The search ends when a step promises less gain in log posterior."""
MAX_DRAWS = 40
"""Number of bodies drawn until one is valid."""
USUAL_CENTRE_MM = (POSE["shift_left"][0], 90.0, MEAN_POSES["imaged"].up_mm)
"""Usual heart centre from ICS4 (left, back, up) as a start: `evidence.HeartWithin`, 9 cm deep."""
ALL_TURNS_DEG = 45.0
"""From this `turned_deg` on, the initial rotation is fitted to the places."""


@dataclass(frozen=True)
class TorsoPosterior:
    """Posterior distribution of bodies, in the frame of the evidence."""

    skin: PlacedSkin
    """Map from latents to the skin."""
    latents: np.ndarray
    """[latent] the most likely ones."""
    precision: np.ndarray
    """[latent, latent] of their Gaussian."""
    heart: np.ndarray
    """[point, 3] mm that lie inside, or none."""
    resolution: str
    """Resolution of the torso atlas."""

    @cached_property
    def covariance_root(self) -> np.ndarray:
        """Root L^-T [latent, latent] of the covariance; precision = L L'."""
        root = np.linalg.cholesky(self.precision)
        return solve_triangular(root, np.eye(len(root)), lower=True).T

    @cached_property
    def skin_sd_mm(self) -> np.ndarray:
        """[vertex] SD of the skin along its normal, linearised."""
        model = load_atlas().models[self.resolution]
        corners = np.stack([np.arange(len(model.mean))] * 3, axis=1)
        ties = SkinPoints(corners, np.tile([1.0, 0.0, 0.0], (len(corners), 1)))
        _, derivative = self.skin.places(self.latents, ties)
        _, normals = ClosedSurface(
            self.skin.points(self.latents), model.faces
        ).distance_and_gradient(self.skin.points(self.latents))
        moved = np.einsum("vd,vdl->vl", normals, derivative) @ self.covariance_root
        return np.linalg.norm(moved, axis=1)

    def most_likely(self) -> TorsoSurface:
        """The body at the maximum.

        Raises:
            StepFailed: it is not valid: it intersects itself, or the heart protrudes.
        """
        torso = self._torso(self.latents)
        if reason := self._invalid(torso):
            raise StepFailed(f"torso: the most likely body {reason}; more evidence, or other axes?")
        return torso

    def draw(self, rng: np.random.Generator) -> TorsoSurface:
        """Draw one body; invalid ones are drawn again.

        Raises:
            StepFailed: none of `MAX_DRAWS` is valid.
        """
        reason = ""
        for _ in range(MAX_DRAWS):
            latents = self.latents + self.covariance_root @ rng.standard_normal(len(self.latents))
            coeffs = self.skin.prior.coeffs(latents)
            torso = self._torso(latents)
            reason = "is beyond the atlas" if np.abs(coeffs).max() > MAX_SD else ""
            reason = reason or self._invalid(torso)
            if not reason:
                return torso
        raise StepFailed(f"torso: none of {MAX_DRAWS} bodies drawn is valid, the last {reason}")

    def _torso(self, latents: np.ndarray) -> TorsoSurface:
        atlas = load_atlas()
        model, points = atlas.models[self.resolution], self.skin.points(latents)
        return TorsoSurface(
            points=points,
            faces=model.faces,
            face_tags=np.full(len(model.faces), Surface.SKIN, np.int8),
            landmarks=dict(zip(atlas.landmarks, landmark_ties(self.resolution).on(points))),
            cap=atlas.caps[self.resolution],
            resolution=self.resolution,
        )

    def _invalid(self, torso: TorsoSurface) -> str:
        """Reason why a body is invalid, or an empty text."""
        if len(intersecting_pairs(torso.points, torso.faces)):
            return "cuts itself"
        if len(self.heart):
            depth = -ClosedSurface(torso.points, torso.faces).distance(self.heart)
            if depth.min() < MIN_CLEARANCE_MM:
                return f"has the heart {depth.min():.1f} mm below its skin"
        return ""


def infer_torso(
    evidence: TorsoEvidence, resolution: str = "coarse", spread: Spread | None = None
) -> TorsoPosterior:
    """Torso of a person from the available evidence.

    Args:
        evidence: in its frame, which the result keeps.
        resolution: "coarse" or "fine", of the atlas.
        spread: SDs of the measurements; the default is `Spread()`.

    Raises:
        BadInput: an unknown place or sex.
        NotConverged: the iteration did not converge; the evidence is contradictory.
    """
    spread = spread or Spread()
    prior = skin_prior(evidence.person, resolution)
    names, ties = _ties(evidence, resolution)
    skin = PlacedSkin(prior, evidence.turned_deg, _start(evidence, prior, ties, resolution))
    terms = _terms(evidence, (names, ties), spread, resolution)
    latents, precision = _maximum(skin, terms)
    return TorsoPosterior(skin, latents, precision, evidence.heart, resolution)


def _ties(evidence: TorsoEvidence, resolution: str) -> tuple[list[str], SkinPoints]:
    """Names of the places in the order of the evidence, and their positions on the atlas."""
    electrodes, landmarks = standard_ties(resolution), landmark_ties(resolution)
    known = dict(electrodes) | {
        name: landmarks.only([k]) for k, name in enumerate(load_atlas().landmarks)
    }
    if unknown := [name for name in evidence.places if name not in known]:
        raise BadInput(
            f"electrodes: {' '.join(unknown)}: no place of the torso atlas has this name; it knows "
            f"{' '.join(known)}; give other points as skin points"
        )
    found = [known[name] for name in evidence.places]
    empty = SkinPoints(np.empty((0, 3), int), np.empty((0, 3)))
    vertices = np.concatenate([empty.vertices, *(tie.vertices for tie in found)])
    weights = np.concatenate([empty.weights, *(tie.weights for tie in found)])
    return list(evidence.places), SkinPoints(vertices.astype(int), weights)


def _terms(
    evidence: TorsoEvidence, places: tuple[list[str], SkinPoints], spread: Spread, resolution: str
) -> list[Term]:
    faces = load_atlas().models[resolution].faces
    names, ties = places
    terms: list[Term] = []
    if names:
        of_landmarks = load_atlas().landmarks
        along = [spread.landmark if name in of_landmarks else spread.place for name in names]
        targets = np.array([evidence.places[name] for name in names], float)
        terms.append(Places(names, ties, targets, np.array(along), spread, faces))
    if len(evidence.skin):
        terms.append(SkinCloud(_thinned(evidence.skin, spread.apart), spread.skin, faces))
    if len(evidence.heart):
        k = list(load_atlas().landmarks).index("ICS4")
        ics4 = landmark_ties(resolution).only([k])
        terms.append(HeartWithin(evidence.heart, ics4, faces))
    return terms


def _thinned(cloud: np.ndarray, apart_mm: float) -> np.ndarray:
    """Subset [point, 3] of a cloud with a minimum distance between points."""
    kept, distance = [0], np.linalg.norm(cloud - cloud[0], axis=1)
    while distance.max() >= apart_mm:
        kept.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(cloud - cloud[kept[-1]], axis=1))
    return cloud[kept]


def _start(
    evidence: TorsoEvidence, prior: SkinPrior, ties: SkinPoints, resolution: str
) -> tuple[np.ndarray, np.ndarray]:
    """Rotation [3, 3] and shift [3] mm from which the search starts."""
    targets = np.array(list(evidence.places.values()), float).reshape(-1, 3)
    expected = ties.on(prior.mean)
    if evidence.turned_deg >= ALL_TURNS_DEG:
        if len(targets) < 3:
            raise BadInput("electrodes: with unknown axes at least three of them are needed")
        middles = targets.mean(axis=0), expected.mean(axis=0)
        found, _ = Rotation.align_vectors(targets - middles[0], expected - middles[1])
        turn = found.as_matrix()
        return turn, middles[0] - turn @ middles[1]
    if len(targets):
        return np.eye(3), targets.mean(axis=0) - expected.mean(axis=0)
    if len(evidence.heart):
        landmarks = dict(zip(load_atlas().landmarks, landmark_ties(resolution).on(prior.mean)))
        usual = landmarks["ICS4"] + USUAL_CENTRE_MM
        return np.eye(3), evidence.heart.mean(axis=0) - usual
    return np.eye(3), evidence.skin.mean(axis=0) - prior.mean.mean(axis=0)


def _maximum(skin: PlacedSkin, terms: Sequence[Term]) -> tuple[np.ndarray, np.ndarray]:
    """Most likely latents [latent] and the precision [latent, latent] there."""

    def linearised(at: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], float]:
        found = [term.residuals(skin, at) for term in terms]
        cost = at @ at + sum(r @ r for r, _ in found)
        gradient = at + sum(j.T @ r for r, j in found)
        return (at, gradient, np.eye(len(at)) + sum(j.T @ j for _, j in found)), cost

    (latents, gradient, precision), cost = linearised(np.zeros(skin.n_latents))
    for _ in range(MAX_STEPS):
        start, step = latents, -cho_solve(cho_factor(precision), gradient)
        found = backtrack(cost, lambda x: linearised(start + x * step), MAX_TRIALS)  # noqa: B023
        if found is None:
            if -step @ gradient < NO_GAIN:  # the nearest points jump between triangles
                return latents, precision
            break
        (latents, gradient, precision), cost = found
        if np.abs(latents - start).max() < SMALL_STEP:
            return latents, precision
    raise NotConverged(
        "torso: the search for the most likely one stalls or diverges; do electrodes, skin "
        "and heart share one frame?"
    )
