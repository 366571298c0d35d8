"""The two networks of the demo: a steerable one, and the stock network that it exports to, set free."""

from __future__ import annotations

import copy
from collections import OrderedDict

import torch

from steer import gspaces, nn

TURNS = 16
FIELDS = (2, 4, 4, 16)
SIGMA = 1.2  # of the low-pass before every second sample is dropped: little folds back, so that any angle works


def steerable(classes: int, turns: int = TURNS, fields: tuple[int, ...] = FIELDS) -> nn.Sequential:
    """A network for digits `[batch, 1, 33, 33]` whose scores do not change when the digit turns.

    Exact for quarter turns; approximate for all others.

    Args:
        classes: number of scores.
        turns: the group is that of the rotations by `1 / turns` of a turn.
        fields: regular fields of each convolution.
    """
    space = gspaces.rot2dOnR2(turns)
    kind = space.type(space.trivial_repr)
    layers: dict[str, torch.nn.Module] = {"disc0": nn.Mask(kind)}
    for i, (count, kernel_size) in enumerate(zip(fields, (7, 5, 5, 9), strict=True), 1):
        last = i == len(fields)  # one sample is left: all of the picture at once
        out = space.type(*[space.regular_repr] * count)
        padding = 0 if last else kernel_size // 2
        layers[f"conv{i}"] = nn.R2Conv(kind, out, kernel_size, padding=padding, bias=False)
        layers[f"norm{i}"] = nn.InnerBatchNorm(out)
        layers[f"relu{i}"] = nn.ReLU(out)  # type: ignore[call-arg]
        if not last:
            layers[f"disc{i}"] = nn.Mask(out)
        if i <= 2:
            layers[f"pool{i}"] = nn.PointwiseAvgPoolAntialiased(out, sigma=SIGMA, stride=2)
        kind = out
    layers["invariants"] = nn.GroupPooling(kind, "mean")
    layers["flat"] = torch.nn.Flatten()
    layers["scores"] = torch.nn.Linear(len(kind), classes)
    return nn.Sequential(OrderedDict(layers))


def plain(model: nn.Sequential) -> torch.nn.Sequential:
    """The stock torch network of the same dense shapes, every weight free and drawn anew.

    Args:
        model: what `steerable` made; it is not changed.
    """
    training = model.training
    stock = copy.deepcopy(model.eval().export())  # an export may share stock modules with its model
    model.train(training)
    for module in stock.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.BatchNorm2d, torch.nn.Linear)):
            for parameter in module.parameters():
                parameter.requires_grad_()
            module.reset_parameters()
    return stock.train()
