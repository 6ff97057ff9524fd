"""What of a preset's schedule the precision changes."""

import pytest

from tvm_srq.errors import UserError
from tvm_srq.quant.policy.presets import FINE_RATE, PRESETS, preset_named, schedule_for
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.training.finetune import Schedule


@pytest.mark.parametrize(
    ("settings", "rate", "drawn"),
    [
        (Settings(), 2.0, 0.25),
        (Settings(weight_bits=8, activation_bits=8), 2.0 * FINE_RATE, 0.25),
        (Settings(weight_bits=8, activation_bits=6), 2.0, 0.25),
        (Settings(upsamplers="in-range"), 2.0, 0.0),
        (Settings(**PRESETS["fast6"].settings), 2.0, 0.0),
    ],
)
def test_fine_codes_move_slowly_and_coarse_upsamplers_see_photographs_alone(settings, rate, drawn):
    schedule = Schedule(steps=3, rate=2.0)
    assert schedule_for(settings, schedule) == Schedule(steps=3, rate=rate, drawn=drawn)


def test_an_unknown_preset_is_told_with_the_known_ones():
    with pytest.raises(UserError, match="preset slow is none of fast, default, best, paper, fast6"):
        preset_named("slow")
