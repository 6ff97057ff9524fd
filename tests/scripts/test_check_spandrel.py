"""The table of spandrel's architectures (docs/networks.md) is what the script finds."""

from pathlib import Path

import numpy as np
import pytest
from processor import X86, runs_here
from small_networks import with_picture_added

from check_spandrel import HEADING, check, exposed, main, seeded_picture, shortened
from spandrel_networks import NETWORKS, import_spandrel
from tvm_srq.errors import UserError
from tvm_srq.graph.float_runner import GraphRunner

TABLE = (Path(__file__).parents[2] / "docs" / "networks.md").read_text().splitlines()
LISTED = [row for row in TABLE if row.startswith("| ") and row not in HEADING]
ROWS = {row.split(" | ")[0].removeprefix("| "): row for row in LISTED}
RUN = {name for name, row in ROWS.items() if row.split(" | ")[1] == "yes"}
UNCHECKED = {name for name, row in ROWS.items() if "not checked" in row}
IN_INTEGERS = {name for name in RUN if ROWS[name].split(" | ")[2] == "no"}
WANTED = {"ESRGAN", "Compact", "SPAN", "RealPLKSR", "RCAN", "MoSR", "SAFMN"}
QUICK = ("Compact", "RealPLKSR", "MoSR, GPS", "MoSR, DySample")  # seconds each
CLOSE = 2.0  # dB: float32 sums in another order round a few codes elsewhere


@pytest.fixture(scope="module")
def spandrel():
    try:
        library = import_spandrel()
    except (UserError, ImportError, RuntimeError) as missing:
        pytest.skip(str(missing))
    yield
    del library


def test_the_table_has_every_network_once():
    assert list(ROWS) == list(NETWORKS) and len(LISTED) == len(ROWS)
    assert set(HEADING.splitlines()) <= set(TABLE)
    assert len({path.split(".")[0] for path, _ in NETWORKS.values()}) >= 20


def test_what_has_to_run_does():
    assert WANTED <= IN_INTEGERS
    assert all(psnr_of(ROWS[name]) > 45 for name in RUN)


def psnr_of(row: str) -> float:
    return float(row.split(" | ")[5].removesuffix(" dB |"))


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow) for n in NETWORKS])
def test_a_network_fares_as_the_table_says(name, spandrel):
    """In integers with the reference's bytes, with floats near them, and near the float network; or refused in these words."""
    if name in UNCHECKED:
        pytest.skip(f"the table does not say yet how {name} fares with --allow-float")
    here = list(filter(runs_here, X86))
    if name not in WANTED:
        here = here[:1]
    elif name in QUICK:  # the best and the oldest; those between are slow
        here = here[:: max(len(here) - 1, 1)]
    found = check(name, here)
    if found.refused:
        assert found.row == ROWS[name]
    else:
        *about, _ = found.row.split(" | ")
        assert about == ROWS[name].split(" | ")[:5] and abs(found.psnr - psnr_of(ROWS[name])) < CLOSE


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(WANTED & set(QUICK)))
def test_a_quick_network_s_bytes_on_the_processors_between(name, spandrel):
    assert not check(name, list(filter(runs_here, X86))[1:-1]).refused


def test_refusals_are_shortened():
    none, unknown = ", so the network has no graph", " is no operation of super-resolution networks that is known here"
    assert shortened(f"roll in attn (A){unknown}{none}") == "roll in attn (A)"
    assert shortened(f"cat in a joins rows{none}") == "cat in a joins rows"
    assert shortened("PyTorch cannot export the network: no") == "PyTorch cannot export the network: no"


def test_pictures_are_seeded_and_of_usual_contrast():
    first = seeded_picture(3, 40, 56)
    assert first.shape == (40, 56, 3) and np.array_equal(first, seeded_picture(3, 40, 56))
    assert not np.array_equal(first, seeded_picture(4, 40, 56)) and 20 < first.std() < 70
    neighbours = np.abs(np.diff(first.astype(int), axis=1)).mean()
    assert neighbours < first.std() / 2


def test_exposure_brings_an_output_into_range():
    picture = seeded_picture(0, 24, 33)
    result = GraphRunner(exposed(with_picture_added(), picture))(picture)
    assert abs(result.mean() / 255 - 0.5) < 0.02 and abs(result.std() / 255 - 0.2) < 0.02


def test_unknown_names_are_refused(capsys):
    assert main(["SPAN", "Span"]) == 2
    assert "Span is none of ATD; Compact" in capsys.readouterr().err
