"""Small networks of the architectures that spandrel knows: its own constructors, seeded weights."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from typing import Any

import torch
from torch import nn

from tvm_srq.errors import UserError

TRANSFORMER = {"embed_dim": 24, "depths": [2], "num_heads": [2], "window_size": 8}
DIRECT = {"upscale": 2, "upsampler": "pixelshuffledirect"}
REAL_SR = {"num_feat": 16, "num_block": 1, "num_feats": [16] * 4, "num_blocks": [1] * 4}
PLKSR, MOSR = {"dim": 16, "n_blocks": 1}, {"dim": 16, "n_block": 1}
RRDB = {"num_filters": 16, "num_blocks": 1}
RCAN = {"n_resgroups": 1, "n_resblocks": 2, "n_feats": 32}
STRIPES = {"embed_dim": 24, "depths": [2], "num_heads_window": [2], "num_heads_stripe": [2]}

NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "ATD": ("ATD.__arch.atd_arch.ATD", {"embed_dim": 24, "depths": [2], "num_heads": [2], **DIRECT}),
    "Compact": ("Compact.__arch.SRVGG.SRVGGNetCompact", {"num_feat": 16, "num_conv": 3, "upscale": 2}),
    "CRAFT": ("CRAFT.__arch.CRAFT.CRAFT", {"embed_dim": 24, "depths": [2], "num_heads": [2]}),
    "DAT": ("DAT.__arch.DAT.DAT", {"embed_dim": 24, "depth": [2], "num_heads": [2], "split_size": [8, 8], **DIRECT}),
    "DCTLSA": ("DCTLSA.__arch.dctlsa.DCTLSA", {"nf": 20}),
    "DITN": ("DITN.__arch.DITN_Real.DITN_Real", {"dim": 16, "ITL_blocks": 1, "SAL_blocks": 1}),
    "DnCNN": ("DnCNN.__arch.network_dncnn.DnCNN", {"in_nc": 3, "out_nc": 3, "nc": 16, "nb": 4}),
    "DRCT": ("DRCT.__arch.drct_arch.DRCT", {**TRANSFORMER, "upscale": 4, "upsampler": "pixelshuffle"}),
    "DRUNet": ("DRUNet.__arch.network_unet.DRUNet", {"in_nc": 4, "out_nc": 3, "nc": [16] * 4, "nb": 2}),
    "ESRGAN": ("ESRGAN.__arch.RRDB.RRDBNet", RRDB),
    "ESRGAN, plus": ("ESRGAN.__arch.RRDB.RRDBNet", {**RRDB, "plus": True}),
    "ESRGAN, unshuffled": ("ESRGAN.__arch.RRDB.RRDBNet", {**RRDB, "in_nc": 12, "out_nc": 3, "scale": 4, "shuffle_factor": 2}),
    "FBCNN": ("FBCNN.__arch.FBCNN.FBCNN", {"nc": [16, 32, 64, 512], "nb": 2}),
    "FDAT": ("FDAT.__arch.fdat.FDAT", {"embed_dim": 24, "num_groups": 1, "depth_per_group": 2, "num_heads": 2}),
    "FFTformer": ("FFTformer.__arch.fftformer_arch.FFTformer", {"dim": 8, "num_blocks": [1, 1, 1], "num_refinement_blocks": 1}),
    "GRL": ("GRL.__arch.grl.GRL", {**STRIPES, **DIRECT}),
    "HAT": ("HAT.__arch.HAT.HAT", {**TRANSFORMER, "upscale": 2, "num_feat": 16, "squeeze_factor": 4}),
    "HVICIDNet": ("HVICIDNet.__arch.cidnet.CIDNet", {"channels": [12, 12, 24, 48]}),
    "IPT": ("IPT.__arch.ipt.IPT", {"n_feats": 8, "scale": [2], "num_heads": 2, "num_layers": 1}),
    "KBNet": ("KBNet.__arch.kbnet_s.KBNet_s", {"width": 8, "middle_blk_num": 1, "enc_blk_nums": [1], "dec_blk_nums": [1]}),
    "MixDehazeNet": ("MixDehazeNet.__arch.MixDehazeNet.MixDehazeNet", {"embed_dims": [8] * 5}),
    "MMRealSR": ("MMRealSR.__arch.mmrealsr_arch.MMRRDBNet_test", {"num_in_ch": 3, "num_out_ch": 3, **REAL_SR}),
    "MoESR": ("MoESR.__arch.MoESR.MoESR", {"dim": 16, "n_blocks": 1, "n_block": 1}),
    "MoSR": ("MoSR.__arch.mosr_arch.MoSR", MOSR),
    "MoSR, DySample": ("MoSR.__arch.mosr_arch.MoSR", {**MOSR, "upsampler": "dys"}),
    "MoSR, GPS": ("MoSR.__arch.mosr_arch.MoSR", {**MOSR, "upsampler": "gps"}),
    "NAFNet": ("NAFNet.__arch.NAFNet_arch.NAFNet", {"width": 16, "enc_blk_nums": [1], "dec_blk_nums": [1]}),
    "OmniSR": ("OmniSR.__arch.OmniSR.OmniSR", {"num_feat": 16}),
    "PLKSR": ("PLKSR.__arch.PLKSR.PLKSR", PLKSR),
    "RealPLKSR": ("PLKSR.__arch.RealPLKSR.RealPLKSR", PLKSR),
    "RealPLKSR, layer norm": ("PLKSR.__arch.RealPLKSR.RealPLKSR", {**PLKSR, "layer_norm": True}),
    "RealPLKSR, DySample": ("PLKSR.__arch.RealPLKSR.RealPLKSR", {**PLKSR, "dysample": True}),
    "RCAN": ("RCAN.__arch.rcan_arch.RCAN", RCAN),
    "RCAN, unshuffled": ("RCAN.__arch.rcan_arch.RCAN", {**RCAN, "scale": 2, "unshuffle_mod": True}),
    "RealCUGAN x2": ("RealCUGAN.__arch.upcunet_v3.UpCunet2x", {"in_channels": 3, "out_channels": 3}),
    "RealCUGAN x4": ("RealCUGAN.__arch.upcunet_v3.UpCunet4x", {"in_channels": 3, "out_channels": 3}),
    "RetinexFormer": ("RetinexFormer.__arch.retinexformer_arch.RetinexFormer", {"n_feat": 8, "stage": 1}),
    "RGT": ("RGT.__arch.rgt.RGT", {"embed_dim": 24, "depth": [2], "num_heads": [2], "split_size": [8, 8]}),
    "SAFMN": ("SAFMN.__arch.safmn.SAFMN", PLKSR),
    "SAFMN BCIE": ("SAFMNBCIE.__arch.safmn_bcie.SAFMN_BCIE", {**PLKSR, "num_layers": 2, "upscaling_factor": 1}),
    "SCUNet": ("SCUNet.__arch.SCUNet.SCUNet", {"config": [1] * 7, "dim": 64}),
    "SeemoRe": ("SeemoRe.__arch.seemore_arch.SeemoRe", {"num_layers": 2, "embedding_dim": 16}),
    "SPAN": ("SPAN.__arch.span.SPAN", {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 16}),
    "SwiftSRGAN": ("SwiftSRGAN.__arch.SwiftSRGAN.Generator", {"num_channels": 16, "num_blocks": 2}),
    "Swin2SR": ("Swin2SR.__arch.Swin2SR.Swin2SR", {**TRANSFORMER, **DIRECT}),
    "SwinIR": ("SwinIR.__arch.SwinIR.SwinIR", {**TRANSFORMER, **DIRECT}),
    "Uformer": ("Uformer.__arch.Uformer.Uformer", {"embed_dim": 8, "depths": [1] * 9, "num_heads": [1] * 9}),
}  # fmt: skip


def module_named(name: str) -> nn.Module:
    """A seeded network of spandrel's own code; :func:`import_spandrel` comes first."""
    path, settings = NETWORKS[name]
    module, _, kind = path.rpartition(".")
    torch.manual_seed(0)
    made: nn.Module = getattr(importlib.import_module(f"spandrel.architectures.{module}"), kind)(**settings)
    return made.eval()


def import_spandrel() -> torch.library.Library:
    """spandrel imports torchvision, whose operators a PyTorch from elsewhere may lack; none of these networks uses them.

    They are there as long as what is returned is held.

    Raises:
        UserError: spandrel is not installed.
    """
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        with contextlib.suppress(RuntimeError):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    if importlib.util.find_spec("spandrel") is None:
        raise UserError("spandrel is not installed: pip install '.[spandrel]'")
    importlib.import_module("spandrel")
    return library
