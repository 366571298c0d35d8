"""A layer as a graph of tensor operations: what `export()` gives where `torch.nn` has no stock module."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

_SIZES = (11, 13, 17)  # all different, so that no two axes are taken for one


def traced(compute: Callable[[Tensor], Tensor], example: Tensor) -> torch.fx.GraphModule:
    """The operations of a function of one tensor, for every batch and spatial size, as a module of torch alone.

    It can be pickled, differentiated, compiled and moved; its parameters and constants are copies. What the function asks
    of Python (a mode, a branch) is fixed as it was.
    """
    function = copy.deepcopy(compute)  # a bound method brings its module along

    def run(x: Tensor) -> Tensor:
        return function(x)

    graph = make_fx(run, tracing_mode="symbolic", _allow_non_fake_inputs=True)(example)
    graph.graph.eliminate_dead_code()
    for node in graph.graph.nodes:
        node.meta.clear()  # what tracing noted there cannot be pickled
        node.type = None
    return torch.fx.GraphModule(graph, graph.graph, "Traced")


def example(layer: torch.nn.Module, channels: int, d: int) -> Tensor:
    """An input for tracing, in the precision and on the device of a layer."""
    tensors = [*layer.parameters(), *layer.buffers()]
    like = next((t for t in tensors if t.is_floating_point()), torch.zeros(()))
    return torch.randn(3, channels, *_SIZES[:d], dtype=torch.float32).to(like)
