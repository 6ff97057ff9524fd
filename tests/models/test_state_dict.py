"""Checkpoint files: wrappers, prefixes, data types, and what is refused."""

import pickle

import pytest
import torch
from safetensors.torch import save_file
from test_compact import official

from tvm_srq.errors import UserError
from tvm_srq.models import load_checkpoint
from tvm_srq.models.state_dict import PREFIXES, WRAPPERS, read_state_dict, without_prefixes

STATE = official(1, 2)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.pth"


def assert_loads(path, content):
    torch.save(content, path)
    network = load_checkpoint(path)
    assert network.family == "compact"
    for key, value in STATE.items():
        torch.testing.assert_close(network.state_dict()[key], value, rtol=0, atol=0)


@pytest.mark.parametrize("wrapper", [*WRAPPERS, "of_a_name_unknown"])
def test_any_wrapper_with_other_things_beside(path, wrapper):
    optimizer = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.1}]}
    assert_loads(path, {"epoch": 3, "optimizer": optimizer, wrapper: STATE, "version": "1.2"})


def test_wrappers_in_wrappers(path):
    assert_loads(path, {"model": {"state_dict": {"params": STATE, "step": 1}}, "epoch": 3})


def test_averaged_weights_go_before_the_others(path):
    assert_loads(path, {"params": {key: value + 1 for key, value in STATE.items()}, "params_ema": STATE})


def test_what_is_no_tensor_among_tensors_is_left_out(path):
    assert_loads(path, STATE | {"scale": 2, "name": "compact"})


@pytest.mark.parametrize("prefix", [*PREFIXES, "model._orig_mod.", "module.net.", "_orig_mod.module.model."])
def test_any_prefix_of_all_keys(path, prefix):
    assert_loads(path, {"state_dict": {prefix + key: value for key, value in STATE.items()}})


def test_counters_of_steps_and_networks_trained_beside_need_no_prefix(path):
    prefixed = {f"generator.{key}": value for key, value in STATE.items()}
    assert_loads(path, prefixed | {"n_averaged": torch.tensor(3), "discriminator.conv.weight": torch.zeros(2)})


def test_a_prefix_of_some_keys_alone_stays():
    state = {"model.a": torch.zeros(1), "b": torch.zeros(1)}
    assert [list(candidate) for candidate in without_prefixes(state)] == [["model.a", "b"]]


def test_every_prefix_is_one_candidate_more():
    state = {"module.model.0.weight": torch.zeros(1)}
    assert [list(found)[0] for found in without_prefixes(state)] == ["module.model.0.weight", "model.0.weight", "0.weight"]


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_every_floating_point_becomes_float32(path, kind):
    torch.save({key: value.to(kind) for key, value in STATE.items()}, path)
    read = read_state_dict(path)
    for key, value in STATE.items():
        assert read[key].dtype == torch.float32 and torch.equal(read[key], value.to(kind).float())
    assert load_checkpoint(path).family == "compact"


def test_safetensors_too(tmp_path):
    save_file({f"params.{key}": value.half() for key, value in STATE.items()}, tmp_path / "a.safetensors")
    assert {value.dtype for value in read_state_dict(tmp_path / "a.safetensors").values()} == {torch.float32}


def test_integers_stay(path):
    torch.save({"bn.num_batches_tracked": torch.tensor(7)}, path)
    assert read_state_dict(path)["bn.num_batches_tracked"].dtype == torch.int64


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_numbers_that_are_not_finite_are_refused_by_name(path, value):
    damaged = {key: tensor.double() for key, tensor in STATE.items()}
    damaged["body.2.bias"][1] = value
    torch.save({"params": damaged}, path)
    with pytest.raises(UserError, match=r"tensor body\.2\.bias of checkpoint .*net\.pth has NaN or infinite values"):
        load_checkpoint(path)


@pytest.mark.parametrize("tensor", [torch.eye(3).to_sparse(), torch.zeros(3, dtype=torch.complex64)])
def test_tensors_that_are_not_plain_numbers_are_refused_by_name(path, tensor):
    torch.save(STATE | {"odd": tensor}, path)
    with pytest.raises(UserError, match="tensor odd of checkpoint .* is not stored as plain numbers"):
        load_checkpoint(path)


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [torch.zeros(1)], torch.zeros(1), {"params": {}}, {3: torch.zeros(1)}])
def test_a_file_without_a_state_dict_is_refused(path, content):
    torch.save(content, path)
    with pytest.raises(UserError, match="holds no state dict of tensors"):
        load_checkpoint(path)


class Bomb:
    """Calls exit when it is unpickled."""

    def __reduce__(self):
        return exit, (3,)


def test_nothing_is_unpickled(path):
    for save in (torch.save, lambda content, path: path.write_bytes(pickle.dumps(content, protocol=2))):
        save({"params": STATE, "bomb": Bomb()}, path)
        with pytest.raises(UserError, match="cannot be read as PyTorch weights"):
            load_checkpoint(path)


def test_a_shape_that_does_not_fit_is_told_by_name(path):
    torch.save(STATE | {"body.2.weight": torch.zeros(6, 5, 3, 3)}, path)
    with pytest.raises(UserError, match=r"looks like compact .* but body\.2\.weight is \[6, 5, 3, 3\], not \[6, 6, 3, 3\]$"):
        load_checkpoint(path)


def test_a_key_missing_or_left_over_is_told(path):
    torch.save({key: value for key, value in STATE.items() if key != "body.2.bias"}, path)
    with pytest.raises(UserError, match=r"does not fit it at \['body\.2\.bias'\]"):
        load_checkpoint(path)
    torch.save(STATE | {"attention.weight": torch.zeros(1)}, path)
    with pytest.raises(UserError, match=r"does not fit it at \['attention\.weight'\]"):
        load_checkpoint(path)
