"""Channels selected of selected channels, and colours in another order, at either end."""

from __future__ import annotations

import numpy as np

from tvm_srq.graph.graph import PICTURE, Graph
from tvm_srq.graph.normalize.rewriting import Rewriting


def join_selects(graph: Graph) -> Graph:
    """A selection of a selection, where nothing else reads the first."""
    rewriting = Rewriting(graph)
    for node in rewriting:
        inner = rewriting.producer(node.inputs[0], "select")
        if node.operator == "select" and inner is not None and rewriting.read_once(inner.name):
            channels = [inner.attributes["channels"][channel] for channel in node.attributes["channels"]]
            rewriting.change(node, "select", inner.inputs, {"channels": channels})
    return rewriting.result()


def select_by_weights(graph: Graph) -> Graph:
    """A convolution of some of the picture's colours, in some order (BGR networks), is one of the picture with weights moved.

    Also where the picture is scaled and shifted before: pixels are exact codes for convolutions that read it so.
    """
    rewriting = Rewriting(graph)
    for node in rewriting:
        select = rewriting.producer(node.inputs[0], "select")
        if node.operator != "convolution" or select is None or node.attributes["groups"] != 1:
            continue
        shifted = rewriting.producer(select.inputs[0], "affine")
        if PICTURE not in (select.inputs[0], shifted and shifted.inputs[0]):
            continue
        weight = rewriting.parameters[node.parameters["weight"]]
        moved = np.zeros((weight.shape[0], graph.picture.channels, *weight.shape[2:]), weight.dtype)
        for position, channel in enumerate(select.attributes["channels"]):
            moved[:, channel] += weight[:, position]
        rewriting.change(
            node, "convolution", select.inputs, node.attributes, weight=moved, bias=node.parameters.get("bias")
        )
    return rewriting.result()


def turn_results(graph: Graph) -> Graph:
    """Channels of a convolution in another order, also behind a pixel shuffle: its weights in that order, if nothing else reads.

    What makes the picture of a BGR network goes on making it.
    """
    rewriting = Rewriting(graph)
    for node in rewriting:
        channels = node.attributes.get("channels", [])
        if node.operator != "select" or sorted(channels) != list(range(graph.channels[node.inputs[0]])):
            continue
        shuffle = rewriting.producer(node.inputs[0], "pixel_shuffle")
        made = rewriting.producer(node.inputs[0] if shuffle is None else shuffle.inputs[0], "convolution")
        between = [each.name for each in (shuffle, made) if each is not None]
        if made is None or made.attributes["groups"] != 1 or not all(map(rewriting.read_once, between)):
            continue
        pixels = 1 if shuffle is None else shuffle.attributes["factor"] ** 2
        order = (np.array(channels)[:, None] * pixels + np.arange(pixels)).reshape(-1)
        roles = {role: rewriting.parameters[key][order] for role, key in made.parameters.items()}
        rewriting.change(made, "convolution", made.inputs, made.attributes, **roles)
        rewriting.move(node, node.inputs[0])
    return rewriting.result()
