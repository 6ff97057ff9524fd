"""The table of layers: what is written is read, what is said is done, and what cannot be is told with its line."""

import numpy as np
import pytest
from small_network import small_network, small_pictures

from tvm_srq.cli import main
from tvm_srq.errors import UserError
from tvm_srq.quant.fitting.calibrate import quantize_network
from tvm_srq.quant.policy.presets import quantize_by_preset
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.policy.table import Row, read_table, rows_of_graph, rows_of_spec, write_table

HEADER = "layer,weight_bits,activation_bits,quantizer,low,high"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return small_pictures(tmp_path_factory.mktemp("pictures"))


def table(tmp_path, *lines):
    path = tmp_path / "table.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


def with_table(graph, path):
    return Settings(table={name: tuple(row) for name, row in read_table(path, graph).items()}, widening=False)


def test_the_settings_policy_is_written_and_read(tmp_path):
    graph = small_network().graph
    rows = rows_of_graph(graph, Settings(3, 5))
    (tmp_path / "table.csv").write_text(write_table(rows))
    assert list(read_table(tmp_path / "table.csv", graph).values()) == rows
    assert rows[0] == Row("head.0", 8, None) and rows[1] == Row("body.0.body.0", 3, 5)


def test_widths_quantizers_and_ranges_are_what_the_table_says(tmp_path, pictures):
    network = small_network()
    lines = "body.0.body.0,5,4,uniform,,", "body.0.body.2,4,4,dual-region,0,12.5", "body.1.body.0,6,6,,-3,5", "tail.1,2,7,,,"
    path = table(tmp_path, *lines)
    spec = quantize_network(network, pictures, with_table(network.graph, path))
    layers = spec.layers
    assert layers["body.0.body.0"].weight_bits == 5 and layers["body.0.body.0"].input.uniform
    dual = layers["body.0.body.2"].input
    assert dual.low == 0 and dual.high * dual.step == pytest.approx(12.5) and layers["body.0.body.2"].zero_point is None
    ranged = layers["body.1.body.0"]
    steps = ranged.input.step * ranged.equalization.astype(np.float64)
    lowest, highest = (steps * (end - ranged.zero_point) for end in (ranged.input.low, ranged.input.high))
    assert np.allclose(lowest, -3, atol=steps.max()) and np.allclose(highest, 5, atol=steps.max())
    assert layers["tail.1"].weight_bits == 2 and layers["tail.1"].input.bits == 7
    assert layers["body.1.body.2"].weight_bits == 4  # not in the table
    again = {row.layer: row for row in rows_of_spec(spec)}
    assert again["body.0.body.0"].quantizer == "uniform" and again["body.0.body.2"].high == pytest.approx(12.5)


@pytest.mark.parametrize(("line", "message"), [
    ("nowhere,4,4,,,", "line 2 of .*: layer nowhere is none of the network's convolutions"),
    ("tail.1,9,4,,,", "line 2 of .*: weight_bits is 2 to 8, not 9"),
    ("tail.1,4,,,,", "line 2 of .*: activation_bits is 2 to 8 or 16, not empty"),
    ("tail.1,4,4,pams,,", "line 2 of .*: quantizer pams is none of dual-region, uniform"),
    ("tail.1,4,4,,1,2", "line 2 of .*: a range begins at 0 or below and ends at 0 or above, not 1 to 2"),
    ("tail.1,4,4,,0,", "line 2 of .*: a range begins at 0 or below"),
    ("tail.1,4,4,,0,inf", "line 2 of .*: high is a number, not inf"),
    ('"tail.1\n",4,4,,,', r"line 3 of .*: layer tail.1\\n is none of the network's convolutions"),
    ("tail.1,4,4,,,\ntail.1,4,4,,,", "line 3 of .*: layer tail.1 stands there twice"),
])  # fmt: skip
def test_a_wrong_line_is_told(tmp_path, line, message):
    with pytest.raises(UserError, match=message):
        read_table(table(tmp_path, line), small_network().graph)


def test_an_empty_file_is_told(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(UserError, match="does not begin with the line layer,weight_bits"):
        read_table(tmp_path / "empty.csv", small_network().graph)


def test_ranges_that_would_be_dropped_are_refused():
    with pytest.raises(UserError, match="a table's quantizers and ranges are for layers with factors by channel"):
        Settings(quantizer="minmax", table={"a": ("a", 4, 4, "uniform", None, None)})


def test_inspect_writes_what_quantize_takes(tmp_path, default_checkpoint, pictures, capsys):
    path, output = tmp_path / "table.csv", tmp_path / "a.srq"
    assert main(["inspect", str(default_checkpoint), "--table", str(path)]) == 0
    path.write_text(path.read_text().replace("body.1.body.0,4,4", "body.1.body.0,3,5"))
    arguments = ["quantize", str(default_checkpoint), "--calibration", str(pictures), "--rounding", "nearest"]
    assert main([*arguments, "--table", str(path), "-o", str(output)]) == 0
    capsys.readouterr()
    assert main(["inspect", str(output)]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("  body.1.body.0"))
    assert "3-bit weights, 5-bit input" in line
    path.write_text("layer,bits\n")
    assert main([*arguments, "--table", str(path), "-o", str(output)]) == 2
    assert f"does not begin with the line {HEADER}" in capsys.readouterr().err


def test_a_table_does_not_replace_the_network_that_it_is_of(tmp_path, default_checkpoint, capsys):
    network = tmp_path / "net.safetensors"
    network.write_bytes(default_checkpoint.read_bytes())
    assert main(["inspect", str(network), "--table", str(network)]) == 2
    assert "is the input" in capsys.readouterr().err and network.read_bytes() == default_checkpoint.read_bytes()


def test_a_table_and_a_budget_contradict_each_other(pictures):
    with pytest.raises(UserError, match="leave one of them out"):
        quantize_by_preset(small_network(), pictures, budget="size=0.5x", table={"tail.1": ("tail.1", 4, 4, "", None, None)})
