"""Cached statistics: exactly those that are collected, looked up by content, and no trouble whatever is wrong with the files."""

import os

import numpy as np
import pytest
import torch
from small_network import small_network, small_pictures

from tvm_srq.data.pictures import list_pictures, read_picture, write_picture
from tvm_srq.quant.policy.presets import quantize_by_preset
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.statistics import cache as statistics_cache
from tvm_srq.quant.statistics.cache import cache_folder, cached_statistics, prune
from tvm_srq.quant.statistics.collect import Statistics, collect_statistics
from tvm_srq.spec_file import save_spec


@pytest.fixture
def pictures(tmp_path):
    (tmp_path / "pictures").mkdir()
    return small_pictures(tmp_path / "pictures")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TVM_SRQ_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def collected(monkeypatch):
    """One entry for each time that statistics were collected, not looked up."""
    calls = []

    def counting(*arguments) -> Statistics:  # noqa: ANN002
        calls.append(1)
        return collect_statistics(*arguments)

    monkeypatch.setattr(statistics_cache, "collect_statistics", counting)
    return calls


def same_array(one: np.ndarray, other: np.ndarray) -> bool:
    """Layout too: the order in which NumPy sums depends on it."""
    return one.dtype == other.dtype and one.strides == other.strides and one.tobytes() == other.tobytes()


@pytest.mark.parametrize("family", ["edsr", "srresnet"])
@pytest.mark.parametrize("moments", [True, False])
def test_a_hit_is_what_was_collected(family, moments, pictures, cache, collected):
    network, paths = small_network(family), list_pictures(pictures)
    wanted = collect_statistics(network, paths, 3, moments)
    first, second = (cached_statistics(network, paths, 3, moments) for _ in range(2))
    assert len(collected) == 1 and len(list(cache.iterdir())) == 1
    for found in (first, second):
        assert found.largest == wanted.largest and list(found.values) == list(wanted.values)
        for name, seen in wanted.values.items():
            kept = found.values[name]
            assert same_array(kept.minima, seen.minima) and same_array(kept.maxima, seen.maxima)
            assert len(kept.samples) == len(seen.samples) and all(map(same_array, kept.samples, seen.samples))
        assert (found.moments is None) == (not moments)
        assert not moments or list(found.moments) == list(wanted.moments)
        for key, seen in (wanted.moments or {}).items():
            assert same_array(found.moments[key].mean, seen.mean) and found.moments[key].kernel == seen.kernel


def test_a_hit_gives_the_same_file(pictures, cache, collected, tmp_path, monkeypatch):
    network = small_network()
    for name in ("first", "hit"):
        save_spec(quantize_by_preset(network, pictures, splitting=False), tmp_path / name)
    monkeypatch.setenv("TVM_SRQ_CACHE", "off")
    save_spec(quantize_by_preset(network, pictures, splitting=False), tmp_path / "off")
    assert len(collected) == 2 and len(list(cache.iterdir())) == 1
    assert (tmp_path / "first").read_bytes() == (tmp_path / "hit").read_bytes() == (tmp_path / "off").read_bytes()


def test_settings_that_make_no_difference_to_statistics_hit(pictures, cache, collected):
    network = small_network()
    for settings in ({}, {"weight_bits": 6}, {"activation_bits": 8}, {"upsamplers": "body"}):
        quantize_by_preset(network, pictures, splitting=False, **settings)
    assert len(collected) == 1


@pytest.mark.parametrize("what", ["weight", "picture", "order", "seed", "moments", "constant", "threads"])
def test_whatever_decides_the_statistics_misses(what, pictures, cache, collected, monkeypatch):
    network, paths, seed, moments = small_network(), list_pictures(pictures), 0, True
    cached_statistics(network, paths, seed, moments)
    if what == "weight":
        with torch.no_grad():
            bias = network.convolution("tail.1").bias
            bias[0] = torch.nextafter(bias[0], torch.tensor(9.0))
    elif what == "picture":
        pixels = read_picture(paths[0]).copy()
        pixels[-1, -1, 2] ^= 1
        write_picture(paths[0], pixels)
    elif what == "order":
        paths = paths[::-1]
    elif what == "constant":
        monkeypatch.setattr(statistics_cache, "MAX_SIDE", 16)
    elif what == "threads":
        monkeypatch.setattr(torch, "get_num_threads", lambda: 97)
    cached_statistics(network, paths, seed + (what == "seed"), moments != (what == "moments"))
    assert len(collected) == 2 and len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("damage", ["flipped", "short", "empty", "foreign", "of another key"])
def test_a_damaged_file_is_replaced(damage, pictures, cache, collected, capsys):
    network, paths = small_network(), list_pictures(pictures)
    cached_statistics(network, paths, 0, True)
    file = next(cache.iterdir())
    whole = file.read_bytes()
    if damage == "of another key":
        cached_statistics(network, paths, 1, True)
        other = next(path for path in cache.iterdir() if path != file)
        other.replace(file)
    else:
        changed = bytearray(whole)
        changed[-100] ^= 1
        file.write_bytes({"flipped": changed, "short": whole[:-1], "empty": b"", "foreign": b"a text\n" * 99}[damage])
    before = len(collected)
    cached_statistics(network, paths, 0, True)
    assert len(collected) == before + 1 and file.read_bytes() == whole and capsys.readouterr().err == ""


def test_a_folder_that_cannot_be_written_is_told_in_a_line(pictures, tmp_path, monkeypatch, collected, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TVM_SRQ_CACHE", str(tmp_path / "file" / "cache"))
    assert cached_statistics(small_network(), list_pictures(pictures), 0, False).values
    told = capsys.readouterr().err
    assert told.startswith("calibration statistics are not cached (") and told.count("\n") == 1


def test_where_the_cache_lies(monkeypatch, tmp_path):
    monkeypatch.delenv("TVM_SRQ_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "tvm_srq" / "statistics"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "tvm_srq" / "statistics"
    monkeypatch.setenv("TVM_SRQ_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    monkeypatch.setenv("TVM_SRQ_CACHE", "off")
    assert cache_folder() is None


def test_the_least_recently_used_files_go_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(statistics_cache, "MOST_FILES", 3)
    names = [f"{index:064x}.safetensors" for index in range(4)] + [f".{9:064x}.safetensors.temporary"]
    for age, name in enumerate([*names, "photo.png", "weights.safetensors"]):
        (tmp_path / name).write_bytes(bytes(10))
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    prune(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*names[:3], "photo.png", "weights.safetensors"}
    monkeypatch.setattr(statistics_cache, "MOST_BYTES", 20)
    prune(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*names[:2], "photo.png", "weights.safetensors"}
    monkeypatch.setattr(statistics_cache, "MOST_BYTES", 5)
    prune(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {names[0], "photo.png", "weights.safetensors"}


def test_a_hit_is_recent_use(pictures, cache, collected):
    cached_statistics(small_network(), list_pictures(pictures), 0, False)
    file = next(cache.iterdir())
    os.utime(file, (1000, 1000))
    cached_statistics(small_network(), list_pictures(pictures), 0, False)
    assert len(collected) == 1 and file.stat().st_mtime > 1000


def test_a_picture_setting_is_part_of_the_key(pictures, cache, collected):
    network = small_network()
    for count in (2, 3, 2):
        quantize_by_preset(network, pictures, pictures=count, splitting=False)
    assert len(collected) == 2
    assert Settings().pictures > 3
