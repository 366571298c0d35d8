"""Exports of layers on fields without base space: one module for fibres and for sets with any number of axes."""

from __future__ import annotations

import operator

import torch

from steer.field import FieldType


def over_positions(module: torch.nn.Module, kind: FieldType) -> torch.nn.Module:
    """A module for `[batch, channel, position]` as one for `[batch, channel, *position]`, with none, one or more axes.

    A graph of torch alone around it, since stock modules and traced graphs are made for one number of axes. Fields over a
    grid always have the same: for them it is the module itself.
    """
    if kind.gspace.lattice is not None:
        return module
    graph = torch.fx.Graph()
    x = graph.placeholder("x")
    listed = graph.call_method("flatten", (graph.call_method("unsqueeze", (x, -1)), 2))
    y = graph.call_module("layer", (listed,))
    ends = [graph.call_function(operator.getitem, (_shape(graph, part), span)) for part, span in ((y, _FIBRE), (x, _SET))]
    graph.output(graph.call_method("reshape", (y, graph.call_function(operator.add, tuple(ends)))))
    return torch.fx.GraphModule({"layer": module}, graph, "OverPositions").train(module.training)


def over_channels(linear: torch.nn.Linear) -> torch.nn.Module:
    """A stock layer, which maps the last axis, as one that maps the channels of `[batch, channel, *position]`."""
    graph = torch.fx.Graph()
    last = graph.call_method("movedim", (graph.placeholder("x"), 1, -1))
    graph.output(graph.call_method("movedim", (graph.call_module("linear", (last,)), -1, 1)))
    return torch.fx.GraphModule({"linear": linear}, graph, "OverChannels").train(linear.training)


_FIBRE, _SET = slice(None, 2), slice(2, None)


def _shape(graph: torch.fx.Graph, tensor: torch.fx.Node) -> torch.fx.Node:
    return graph.call_function(getattr, (tensor, "shape"))
