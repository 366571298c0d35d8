"""A layer as a graph of tensor operations: what `export()` gives where `torch.nn` has no stock module."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

_BATCHES, _SIZES = (3, 5), (11, 13, 17, 19)


def traced(compute: Callable[[Tensor], Tensor], example: Tensor) -> torch.fx.GraphModule | None:
    """The operations of a function of one tensor, for every batch and spatial size, as a module of torch alone.

    It can be pickled, differentiated, compiled and moved; its parameters and constants are copies. What the function asks
    of Python (a mode, a branch) is fixed as it was. None for functions that cannot be traced.
    """
    function = copy.deepcopy(compute)  # a bound method brings its module along

    def run(x: Tensor) -> Tensor:
        return function(x)

    try:
        graph = make_fx(run, tracing_mode="symbolic", _allow_non_fake_inputs=True)(example)
    except RuntimeError:
        return None
    graph.graph.eliminate_dead_code()
    for node in graph.graph.nodes:
        node.meta.clear()  # what tracing noted there cannot be pickled
        node.type = None
        if node.target is torch.ops.aten.view.default:  # right for the example's strides; channels may come last
            node.target = torch.ops.aten.reshape.default
    plain = torch.fx.Graph()  # one that knows nothing of how it was traced: a file would ask for that tracer
    plain.output(plain.graph_copy(graph.graph, {}))
    return torch.fx.GraphModule(graph, plain, "Traced")


def holds(graph: torch.nn.Module, compute: Callable[[Tensor], Tensor], example: Tensor) -> bool:
    """Whether a graph, once read from a file, does what the function does at other sizes: tracing follows one branch."""
    x = torch.cat([example.flip(0), example])
    for axis in range(2, x.ndim):
        x = x.narrow(axis, 0, x.shape[axis] - 3)
    wide = x.permute(0, 1, *range(x.ndim - 1, 1, -1)).contiguous()  # the longest axis first
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a size that may break a symmetry
            read = pickle.loads(pickle.dumps(graph))
            return all(_same(read(y), compute(y)) for y in (x, wide))
    except (RuntimeError, TypeError):
        return False


def _same(found: Tensor, expected: Tensor) -> bool:
    return found.shape == expected.shape and bool((found - expected).abs().max() <= 1e-2 * expected.abs().max())


def example(layer: torch.nn.Module, channels: int, d: int) -> Tensor:
    """An input for tracing, in the precision and on the device of a layer; no two axes are equally long."""
    tensors = [*layer.parameters(), *layer.buffers()]
    like = next((t for t in tensors if t.is_floating_point()), torch.zeros(()))
    stream = torch.Generator("cpu").manual_seed(0)  # an export leaves the random numbers of the user alone
    batch = next(n for n in _BATCHES if n != channels)
    sizes = [n for n in _SIZES if n != channels][:d]
    return torch.randn(batch, channels, *sizes, dtype=torch.float32, device="cpu", generator=stream).to(like)
