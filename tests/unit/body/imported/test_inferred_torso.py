"""A torso that nobody imaged, from electrodes, the heart and the person."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.signed_distance import ClosedSurface
from einthoven.body.anatomy.electrodes import standard_electrodes
from einthoven.body.anatomy.inferred.evidence import TorsoEvidence
from einthoven.body.anatomy.inferred.placed_skin import DEPARTURE_MM, PlacedSkin, skin_prior
from einthoven.body.anatomy.inferred.shape_posterior import TorsoPosterior, infer_torso
from einthoven.body.anatomy.population.reference import BodySize
from einthoven.body.anatomy.shape.torso import TorsoSurface, landmark_ties, torso_surface

MAN = BodySize("male", 182.0, 27.0)


@pytest.fixture(scope="module")
def torso() -> TorsoSurface:
    return torso_surface([0.8, -0.6, 0.4, -0.3])


@pytest.fixture(scope="module")
def nine(torso: TorsoSurface) -> dict[str, np.ndarray]:
    sites = standard_electrodes(torso)
    return dict(zip(sites.names, sites.points))


@pytest.fixture(scope="module")
def found(nine: dict[str, np.ndarray]) -> TorsoPosterior:
    return infer_torso(TorsoEvidence(places=nine, person=MAN))


def off(posterior: TorsoPosterior, torso: TorsoSurface) -> np.ndarray:
    likely = posterior.most_likely()
    return np.abs(ClosedSurface(likely.points, likely.faces).distance(torso.points))


def test_derivative_is_that_of_the_places() -> None:
    skin = PlacedSkin(skin_prior(None, "coarse"), 30.0, (np.eye(3), np.array([5.0, 6.0, 7.0])))
    rng = np.random.default_rng(0)
    latents = 0.5 * rng.standard_normal(skin.n_latents)
    latents[-3:] *= 0.01
    ties, way = landmark_ties("coarse"), rng.standard_normal(skin.n_latents)
    way[-3:] *= 0.01
    step = 1e-5
    ahead, behind = (skin.places(latents + s * way, ties)[0] for s in (step, -step))
    np.testing.assert_allclose(
        skin.places(latents, ties)[1] @ way, (ahead - behind) / (2 * step), atol=1e-4
    )
    np.testing.assert_allclose(skin.places(latents, ties)[0], ties.on(skin.points(latents)))


def test_departures_have_the_stated_spread() -> None:
    prior = skin_prior(None, "coarse")
    smooth = prior.factors[len(prior.coeffs_mean) :]
    variance = (smooth**2).sum(axis=0).mean(axis=0)  # by vertex, of each direction
    np.testing.assert_allclose(np.sqrt(variance), DEPARTURE_MM, rtol=0.1)


def test_both_resolutions_are_one_body() -> None:
    coarse, fine = (skin_prior(MAN, resolution) for resolution in ("coarse", "fine"))
    latents = np.random.default_rng(1).standard_normal(len(coarse.factors))
    inside = ClosedSurface(fine.points(latents), torso_surface([], "fine").faces)
    assert np.abs(inside.distance(coarse.points(latents))).mean() < 2.0


def test_electrodes_and_the_person_give_the_front(
    torso: TorsoSurface, nine: dict[str, np.ndarray], found: TorsoPosterior
) -> None:
    likely = found.most_likely()
    places = standard_electrodes(likely).points
    assert np.linalg.norm(places - list(nine.values()), axis=1).max() < 10.0
    z = off(found, torso) / found.skin_sd_mm
    assert (z < 3.0).mean() > 0.95
    chest = np.argmin(np.linalg.norm(likely.points - nine["V4"], axis=1))
    back = np.argmax(likely.points[:, 1])
    assert found.skin_sd_mm[chest] < 0.5 * found.skin_sd_mm[back]


def test_more_of_the_skin_leaves_less_doubt(
    torso: TorsoSurface, nine: dict[str, np.ndarray], found: TorsoPosterior
) -> None:
    some = torso.points[::12]
    more = infer_torso(TorsoEvidence(places=nine, person=MAN, skin=some))
    assert off(more, torso).mean() < 0.5 * off(found, torso).mean()
    assert off(more, torso).mean() < 3.0
    assert (more.skin_sd_mm <= found.skin_sd_mm + 0.5).all()


def test_follows_the_frame(nine: dict[str, np.ndarray], found: TorsoPosterior) -> None:
    """A camera's frame: other axes and another origin."""
    turn = Rotation.from_euler("xyz", [100.0, -40.0, 65.0], degrees=True).as_matrix()
    free = TorsoEvidence(places=nine, person=MAN, turned_deg=90.0)
    moved = replace(free, places={k: turn @ p + [300.0, -50.0, 20.0] for k, p in nine.items()})
    here, there = infer_torso(free).most_likely(), infer_torso(moved).most_likely()
    np.testing.assert_allclose(there.points, here.points @ turn.T + [300.0, -50.0, 20.0], atol=0.05)


def test_draws_spread_as_stated_and_repeat(found: TorsoPosterior) -> None:
    bodies = [found.draw(np.random.default_rng(seed)).points for seed in range(24)]
    again = found.draw(np.random.default_rng(0)).points
    np.testing.assert_array_equal(bodies[0], again)
    likely = found.most_likely()
    _, normals = ClosedSurface(likely.points, likely.faces).distance_and_gradient(likely.points)
    moved = np.einsum("bvd,vd->bv", np.array(bodies) - likely.points, normals)
    ratio = np.sqrt((moved**2).mean()) / np.sqrt((found.skin_sd_mm**2).mean())
    assert 0.75 < ratio < 1.2


def test_the_heart_alone_tells_where_the_chest_is(torso: TorsoSurface) -> None:
    centre = torso.landmarks["ICS4"] + [20.0, 80.0, -30.0]
    ball = np.random.default_rng(2).standard_normal((200, 3))
    heart = centre + 45.0 * ball / np.linalg.norm(ball, axis=1, keepdims=True)
    likely = infer_torso(TorsoEvidence(heart=heart, person=MAN)).most_likely()
    depth = -ClosedSurface(likely.points, likely.faces).distance(heart)
    assert 15.0 < depth.min() < 45.0
    assert np.linalg.norm(likely.landmarks["ICS4"] - torso.landmarks["ICS4"]) < 35.0


def test_large_people_are_large(nine: dict[str, np.ndarray]) -> None:
    girths = [
        np.ptp(
            infer_torso(TorsoEvidence(heart=np.zeros((1, 3)), person=body)).most_likely().points, 0
        )
        for body in (BodySize("female", 160.0, 18.0), BodySize("female", 160.0, 40.0))
    ]
    assert (girths[1][:2] > girths[0][:2] + 40.0).all()


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        ({}, "position is undetermined"),
        ({"places": {"V1": np.array([np.nan, 0, 0])}}, "V1"),
        ({"places": {"V7": np.zeros(3)}}, "V7: no place of the torso atlas"),
        ({"places": {"V1": np.zeros(3)}, "turned_deg": 90.0}, "at least three"),
        ({"skin": np.zeros((5, 2))}, "skin"),
    ],
)
def test_bad_evidence_is_refused(evidence: dict, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        infer_torso(TorsoEvidence(**evidence))
