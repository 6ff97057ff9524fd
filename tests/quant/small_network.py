"""A seeded small network and pictures: what tests of the quantizer run on."""

import numpy as np
import torch

from tvm_srq.data.pictures import write_picture
from tvm_srq.models import families
from tvm_srq.models.base import Network


def small_network(name: str = "edsr", seed: int = 0) -> Network:
    """Two residual blocks of 8 features, x2, random weights, one body channel much larger than the others."""
    torch.manual_seed(seed)
    config = {"edsr": {"blocks": 2, "features": 8, "scale": 2}, "srresnet": {"blocks": 2, "features": 8, "scale": 2, "slopes": 8}}
    family = next(family for family in families() if family.name == name)
    network = family.build(**config[name]).eval()
    network.family, network.config = name, config[name]
    head = network.head[0]
    with torch.no_grad():
        head.weight[3] *= 6
    return network


def small_pictures(folder, count: int = 4, side: int = 32):
    """Smooth random pictures, written into ``folder``."""
    generator = np.random.default_rng(0)
    for index in range(count):
        coarse = generator.integers(0, 256, (side // 8, side // 8, 3))
        write_picture(folder / f"{index}.png", coarse.repeat(8, 0).repeat(8, 1).astype(np.uint8))
    return folder
