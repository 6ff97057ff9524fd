"""Annotate: every convolution of the QuantSpec becomes quantize - integer conv2d - affine, with its integer weights."""

import numpy as np
from tvm import IRModule, ir, relax, tirx

from relay_passes.operators import affine_call, call, constant, is_call
from relay_passes.rewrite import CallRewriter, rewrite_main
from tvm_srq.affine import Affine
from tvm_srq.spec import GridQuantizer, LayerSpec, QuantSpec

PARAMETER_PREFIX = "p_network_"


def annotate_quantization(spec: QuantSpec):  # noqa: ANN201 - a pass
    """The pass for one QuantSpec: layers are found by the names of their weight parameters, which are then bound."""
    names = {f"{PARAMETER_PREFIX}{name.replace('.', '_')}_weight": name for name in spec.layers}

    def rewrite(rewriter: CallRewriter, expression: ir.Expr) -> ir.Expr | None:
        if is_call(expression, "relax.nn.conv2d") and isinstance(expression.args[1], relax.Var):
            name = names.get(expression.args[1].name)
            return None if name is None else annotate(rewriter, expression, name, spec.layers[name])
        if is_call(expression, "relax.add") and all(is_feature_map(argument) for argument in expression.args):
            return call("srq.add", list(expression.args), relax.TensorType(expression.ty.shape, "float32"))
        return None

    def apply(module: IRModule) -> IRModule:
        module, parameters = relax.frontend.detach_params(module)
        annotated = rewrite_main(module, rewrite)
        names_of = [variable.name for variable in module["main"].params[1:]]
        bound = dict(zip(names_of, parameters["main"]))
        return relax.transform.BindParams("main", bound)(annotated)

    return apply


def is_feature_map(value: ir.Expr) -> bool:
    """Whether a value has the picture's (symbolic) extent, unlike a bias of shape (1, C, 1, 1)."""
    shape = getattr(value.ty, "shape", None)
    return shape is not None and len(shape) == 4 and not isinstance(shape[2], tirx.IntImm)


def annotate(rewriter: CallRewriter, convolution: ir.Call, name: str, layer: LayerSpec) -> ir.Expr:
    source = convolution.args[0]
    attributes: dict = {"layer": name}
    if isinstance(layer.input, GridQuantizer):
        step = layer.input.step
        levels = [int(level) for level in layer.input.levels]
        attributes |= {"bits": layer.input.bits, "step": step, "low": layer.input.low, "levels": levels}
        if layer.equalization is not None:
            attributes["equalization"] = [float(factor) for factor in layer.equalization]
        if layer.zero_point is not None:
            attributes["zero_point"] = [int(value) for value in layer.zero_point]
    else:
        step, attributes = 1.0, {**attributes, "picture": 1}
    codes = rewriter.emit(call("srq.quantize", [source], relax.TensorType(source.ty.shape, "int16"), **attributes))
    details = {
        "layer": name, "weight_bits": layer.weight_bits, "groups": int(convolution.attrs.groups),
        "stream_step": -1.0 if layer.stream_step is None else layer.stream_step,
    }  # fmt: skip
    result = relax.TensorType(convolution.ty.shape, "int32")
    operands = [codes, constant(layer.weight), constant(layer.weight_scale)]
    sums = rewriter.emit(call("srq.conv2d", operands, result, **details))
    # the picture layer's unit depends on the map from pixels to its input, which is known when it is realized
    unit = 1.0 if layer.input is None else layer.weight_scale.astype(np.float64) * np.float64(step)
    correction = 0.0 if layer.correction is None else layer.correction
    return affine_call(sums, Affine.of(unit, correction, len(layer.weight)))
