"""Peers of tvm_srq: other runtimes given the same network, weights, picture and number of threads.

One module per peer, with a function ``build(task, ...) -> Built``. A peer's module is imported only in that peer's own process.
"""

from peers.task import Peer

PEERS = (
    Peer("torch", "fp32", "peers.torch_peer", "build_eager"),
    Peer("torch-compile", "fp32", "peers.torch_peer", "build_compiled"),
    Peer("onnxruntime", "fp32", "peers.onnxruntime_peer", "build_float"),
    Peer("onnxruntime-int8", "int8", "peers.onnxruntime_peer", "build_int8"),
    Peer("openvino", "fp32", "peers.openvino_peer", "build_float"),
    Peer("openvino-bf16", "bf16", "peers.openvino_peer", "build_bf16"),
    Peer("openvino-int8", "int8", "peers.openvino_peer", "build_int8"),
    Peer("litert", "fp32", "peers.litert_peer", "build_float"),
    Peer("litert-int8", "int8", "peers.litert_peer", "build_int8"),
    Peer("ncnn", "fp32", "peers.ncnn_peer", "build_float"),
    Peer("ncnn-int8", "int8", "peers.ncnn_peer", "build_int8"),
    Peer("mnn", "fp32", "peers.mnn_peer", "build_float"),
    Peer("mnn-int8", "int8", "peers.mnn_peer", "build_int8"),
)
