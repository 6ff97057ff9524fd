"""ONNX files as graphs: sizes computed with numbers (numbers.py), the rest by the handlers of PyTorch's operators."""

from tvm_srq.graph.sources.onnx.importer import OnnxImport, graph_of_onnx, import_onnx

__all__ = ["OnnxImport", "graph_of_onnx", "import_onnx"]
