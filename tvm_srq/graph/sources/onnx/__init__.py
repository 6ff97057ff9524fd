"""ONNX files as graphs: sizes computed with numbers (numbers.py), everything else by the handlers that PyTorch's operators have."""

from tvm_srq.graph.sources.onnx.importer import OnnxImport, graph_of_onnx, import_onnx

__all__ = ["OnnxImport", "graph_of_onnx", "import_onnx"]
