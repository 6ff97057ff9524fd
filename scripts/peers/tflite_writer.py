"""A super-resolution network as a float32 LiteRT (TensorFlow Lite) model, written operator by operator.

Google's converter, litert-torch, pins a typing-extensions that TVM cannot run with, so both cannot be installed together; and it
turns a pixel shuffle into reshapes and transposes. The operators these networks need are few, and written directly the
model is the one LiteRT runs best: channels last throughout, activations fused, DEPTH_TO_SPACE for pixel shuffles.
"""

import operator
from typing import Any

import flatbuffers
import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from peers.task import PeerUnavailableError

IDENTIFIER = b"TFL3"
SAME = schema.Padding.SAME
CODES, OPTIONS, FUSED = schema.BuiltinOperator, schema.BuiltinOptions, schema.ActivationFunctionType


def write_tflite(network: fx.GraphModule, height: int, width: int) -> bytes:
    """A network (1, 3, H, W) -> (1, 3, s * H, s * W) as a model (1, H, W, 3) -> (1, s * H, s * W, 3), both float32.

    Raises:
        PeerUnavailableError: the network has an operation this writer does not know.
    """
    return Writer(network, height, width).model()


class Writer:
    """Walks the traced graph; ``tensors[i]`` and ``buffers[i]`` belong together (buffer 0 is empty by convention)."""

    def __init__(self, graph: fx.GraphModule, height: int, width: int):
        self.graph, self.modules = graph, dict(graph.named_modules())
        self.tensors: list[schema.TensorT] = []
        self.buffers = [schema.BufferT()]
        self.operators: list[schema.OperatorT] = []
        self.codes: list[int] = []
        self.index: dict[fx.Node, int] = {}
        self.shape: dict[int, tuple[int, ...]] = {}
        for node in graph.graph.nodes:
            if node.op == "placeholder":
                self.index[node] = self.inputs = self.tensor("picture", (1, height, width, 3))
            elif node.op == "output":
                self.outputs = self.index[node.args[0]]
            elif node not in self.index:
                self.index[node] = self.node(node)

    def node(self, node: fx.Node) -> int:
        """Write one node; the tensor that holds its result."""
        if node.op == "get_attr":
            return self.constant(node.name, operator.attrgetter(node.target)(self.graph).detach().numpy().transpose(0, 2, 3, 1))
        if node.op == "call_function" and node.target in (operator.add, torch.add):
            return self.arithmetic(node, CODES.ADD, OPTIONS.AddOptions, schema.AddOptionsT())
        if node.op == "call_function" and node.target in (operator.mul, torch.mul):
            return self.arithmetic(node, CODES.MUL, OPTIONS.MulOptions, schema.MulOptionsT())
        module = self.modules.get(node.target) if node.op == "call_module" else None
        source = self.index[node.args[0]] if module is not None else -1
        if isinstance(module, nn.Conv2d):
            return self.convolution(node, module, source)
        if isinstance(module, nn.ReLU):
            return self.write(node, CODES.RELU, [source], self.shape[source])
        if isinstance(module, nn.PReLU):
            slopes = module.weight.detach().numpy() * np.ones((1, 1, self.shape[source][3]), np.float32)
            parts = [source, self.constant(f"{node.name}.slope", slopes)]
            return self.write(node, CODES.PRELU, parts, self.shape[source])
        if isinstance(module, nn.PixelShuffle):
            return self.pixel_shuffle(node, module.upscale_factor, source)
        if isinstance(module, (nn.Identity, nn.Dropout)):
            return source
        raise PeerUnavailableError(f"the LiteRT writer does not know {module or getattr(node.target, '__name__', node.target)}")

    def arithmetic(self, node: fx.Node, code: int, kind: int, options: Any) -> int:
        sources = [self.index[part] if isinstance(part, fx.Node) else self.scalar(node, part) for part in node.args]
        options.fusedActivationFunction = FUSED.NONE
        return self.write(node, code, sources, max((self.shape[source] for source in sources), key=np.prod), kind, options)

    def convolution(self, node: fx.Node, module: nn.Conv2d, source: int) -> int:
        """A convolution, with a ReLU that alone follows it, its outputs in DEPTH_TO_SPACE's order if a pixel shuffle does."""
        kernel = module.kernel_size[0]
        if module.stride != (1, 1) or module.groups != 1 or module.padding not in ((kernel // 2,) * 2, "same"):
            raise PeerUnavailableError(f"the LiteRT writer does not know {module}")
        weight, bias = module.weight.detach(), module.bias
        offset = torch.zeros(len(weight)) if bias is None else bias.detach()
        follower = next(iter(node.users)) if len(node.users) == 1 else None
        following = self.modules.get(follower.target) if follower is not None and follower.op == "call_module" else None
        if isinstance(following, nn.PixelShuffle):
            order = depth_to_space_order(len(weight), following.upscale_factor)
            weight, offset = weight[order], offset[order]
        options = schema.Conv2DOptionsT()
        options.padding, options.strideH, options.strideW = SAME, 1, 1
        options.dilationHFactor, options.dilationWFactor = module.dilation
        options.fusedActivationFunction = FUSED.RELU if isinstance(following, nn.ReLU) else FUSED.NONE
        named = {"weight": weight.permute(0, 2, 3, 1), "bias": offset}
        parts = [source, *(self.constant(f"{node.name}.{name}", value) for name, value in named.items())]
        shape = (*self.shape[source][:3], len(weight))
        result = self.write(node, CODES.CONV_2D, parts, shape, OPTIONS.Conv2DOptions, options)
        if isinstance(following, nn.ReLU) and follower is not None:
            self.index[follower] = result
        return result

    def pixel_shuffle(self, node: fx.Node, factor: int, source: int) -> int:
        maker = node.args[0]
        if not (isinstance(maker, fx.Node) and isinstance(self.modules.get(maker.target), nn.Conv2d) and len(maker.users) == 1):
            raise PeerUnavailableError("the LiteRT writer needs a convolution right before a pixel shuffle")
        _, height, width, channels = self.shape[source]
        options = schema.DepthToSpaceOptionsT()
        options.blockSize = factor
        shape = (1, height * factor, width * factor, channels // factor**2)
        return self.write(node, CODES.DEPTH_TO_SPACE, [source], shape, OPTIONS.DepthToSpaceOptions, options)

    def scalar(self, node: fx.Node, value: float) -> int:
        return self.constant(f"{node.name}.scalar", np.full((1, 1, 1, 1), value, np.float32))

    def constant(self, name: str, value: Tensor | NDArray) -> int:
        return self.tensor(name, tuple(value.shape), np.ascontiguousarray(value, np.float32))

    def tensor(self, name: str, shape: tuple[int, ...], value: NDArray | None = None) -> int:
        made = schema.TensorT()
        made.name, made.shape, made.type, made.hasRank = name, list(shape), schema.TensorType.FLOAT32, True
        made.buffer = len(self.buffers)
        buffer = schema.BufferT()
        if value is not None:
            buffer.data = value.reshape(-1).view(np.uint8)
        self.buffers.append(buffer)
        self.tensors.append(made)
        self.shape[len(self.tensors) - 1] = shape
        return len(self.tensors) - 1

    def write(
        self, node: fx.Node, code: int, inputs: list[int], shape: tuple[int, ...], kind: int = 0, options: Any = None
    ) -> int:
        """Add an operator; the tensor of its result, named as the node."""
        result = self.tensor(node.name, shape)
        if code not in self.codes:
            self.codes.append(code)
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = self.codes.index(code), inputs, [result]
        made.builtinOptionsType, made.builtinOptions = kind, options
        self.operators.append(made)
        return result

    def model(self) -> bytes:
        graph = schema.SubGraphT()
        graph.tensors, graph.operators, graph.name = self.tensors, self.operators, "main"
        graph.inputs, graph.outputs = [self.inputs], [self.outputs]
        made = schema.ModelT()
        made.version, made.subgraphs, made.buffers, made.description = 3, [graph], self.buffers, "tvm_srq benchmark"
        made.operatorCodes, made.signatureDefs = [operator_code(code) for code in self.codes], [self.signature()]
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(made.Pack(builder), IDENTIFIER)
        return bytes(builder.Output())

    def signature(self) -> schema.SignatureDefT:
        """Named input and output, which the quantizer's calibration asks for."""
        made = schema.SignatureDefT()
        made.signatureKey, made.subgraphIndex = "serving_default", 0
        made.inputs, made.outputs = [tensor_map("picture", self.inputs)], [tensor_map("upscaled", self.outputs)]
        return made


def tensor_map(name: str, index: int) -> schema.TensorMapT:
    made = schema.TensorMapT()
    made.name, made.tensorIndex = name, index
    return made


def operator_code(code: int) -> schema.OperatorCodeT:
    made = schema.OperatorCodeT()
    made.builtinCode, made.deprecatedBuiltinCode, made.version = code, min(code, 127), 1
    return made


def depth_to_space_order(outputs: int, factor: int) -> list[int]:
    """PyTorch's channel c * r * r + dy * r + dx goes to (dy * r + dx) * C + c."""
    return np.arange(outputs).reshape(-1, factor**2).T.reshape(-1).tolist()
