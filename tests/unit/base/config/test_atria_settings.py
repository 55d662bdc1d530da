"""Settings of the atria: draws of a patient, and scenarios with a P wave."""

import pytest
from pydantic import ValidationError

from einthoven.base.config import validate
from einthoven.base.config.atria import VALUES, AtriaSettings
from einthoven.base.core.errors import BadInput

ON = AtriaSettings(enabled=True, turn_x_spread_deg=20, turn_y_spread_deg=20, turn_z_spread_deg=20)


def test_draws_stay_in_their_ranges_and_differ_between_patients():
    drawn = [ON.of_patient(f"p{k:04d}") for k in range(200)]
    for name, spread in VALUES.items():
        usual, width = getattr(ON, name), getattr(ON, spread.spread)
        width *= usual if spread.relative else 1.0
        values = [getattr(one, name) for one in drawn]
        assert len(set(values)) == 200
        assert usual - width <= min(values) < usual - 0.9 * width
        assert usual + width >= max(values) > usual + 0.9 * width
    ratios = {round(one.bundle_speed_mm_per_ms / one.speed_mm_per_ms, 9) for one in drawn}
    assert len(ratios) == 1  # both speeds share a draw


def test_a_draw_depends_on_seed_patient_and_key_alone():
    one = ON.of_patient("p0003")
    assert one == ON.of_patient("p0003") and one != ON.of_patient("p0004")
    other = ON.model_copy(update={"av_delay_spread_ms": 0.0}).of_patient("p0003")
    assert other.size == one.size and other.av_delay_ms == ON.av_delay_ms
    assert ON.model_copy(update={"seed": 2}).of_patient("p0003").size != one.size
    assert one.of_patient("p0009") == one  # drawn settings are not drawn again
    assert AtriaSettings().of_patient("p0003") == AtriaSettings()


def test_scenarios_with_a_p_wave():
    names = ("sinus", "lbbb", "sinus-600", "crt", "rv-pacing", "pvc-lv", "mine")
    assert [ON.have_p_wave(name) for name in names] == [True] * 3 + [False] * 4
    assert not any(AtriaSettings().have_p_wave(name) for name in names)
    own = {"mine": {"kind": "rhythm"}, "paced": {"kind": "crt"}}
    config = validate({"atria": {"enabled": True}, "scenarios": {"defined": own}})
    assert config.named_atria.have_p_wave("mine") and not config.named_atria.have_p_wave("paced")
    few = validate({"atria": {"enabled": True, "scenarios": ["crt"]}}).named_atria
    assert few.have_p_wave("crt") and not few.have_p_wave("sinus")
    with pytest.raises(BadInput, match="atria.scenarios: unknown mine"):
        validate({"atria": {"scenarios": ["mine"]}})


def test_a_spread_that_leaves_its_range_is_refused():
    with pytest.raises(ValidationError, match="sinus_node: -0.1 to 0.3.*sinus_node_spread"):
        AtriaSettings(sinus_node=0.1, sinus_node_spread=0.2)
