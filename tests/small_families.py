"""A small seeded network of every family."""

import torch

from tvm_srq.models import families
from tvm_srq.models.base import Network
from tvm_srq.models.load import fill

RDN_BODY = {"blocks": 2, "layers": 2, "growth": 4, "features": 6}
SMALL = {
    "carn_m": {"features": 8, "groups": 2, "scale": 4},
    "compact": {"convolutions": 3, "features": 6, "scale": 2},
    "edsr": {"blocks": 2, "features": 6, "scale": 4},
    "edsr_basicsr": {"blocks": 2, "features": 6, "scale": 3},
    "imdn": {"modules": 2, "features": 8, "distilled": 2, "squeezed": 2, "scale": 2},
    "imdn_baseline": {"blocks": 2, "features": 8, "distilled": 2, "scale": 4},
    "msrresnet": {"blocks": 2, "features": 6, "scale": 4},
    "quicksrnet": {"convolutions": 3, "features": 6, "scale": 2, "anchored": True},
    "rdn": RDN_BODY | {"scale": 4},
    "rdn_nearest": RDN_BODY | {"narrow": 5, "scale": 2},
    "rlfn": {"blocks": 2, "features": 6, "middle": 7, "squeezed": 4, "scale": 2},
    "rrdbnet": {"blocks": 1, "features": 6, "growth": 4, "doublings": 2},
    "srresnet": {"blocks": 2, "features": 6, "scale": 2, "slopes": 6},
}
FAMILIES = {family.name: family for family in families()}


def small(name: str, **changes) -> Network:
    torch.manual_seed(0)
    family = FAMILIES[name]
    config = SMALL[name] | changes
    return fill(family, config, family.build(**config).state_dict(), "seeded")
