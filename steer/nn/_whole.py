"""Whole networks: into stock modules, as a table, and as wide as another one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.utils import parametrize

from steer.field import FieldType
from steer.group import require
from steer.nn._branches import Branch, Merge
from steer.nn._module import EquivariantModule
from steer.nn._steerable import SteerableModule
from steer.nn._typed import Typed, works_with_fields
from steer.nn._upsampling import SteerableUpsampling
from steer.nn._warn import warn_user

_EXPORTABLE = (EquivariantModule, Branch, Merge)


def export(network: torch.nn.Module) -> torch.nn.Module:
    """A copy of any network whose equivariant layers have become what their `export()` gives, with equal outputs.

    Everything else stays what it is: stock layers, functional calls, control flow, the class of the network. A layer that is
    used several times stays one layer. In eval mode, see `EquivariantModule.export`. Frozen weights stay frozen. Where the
    code of a network makes geometric tensors or reads `x.tensor`, its layers go on to give some for some, which takes steer
    to load.

    Args:
        network: any torch module.
    Raises:
        ValueError: if a layer cannot be exported in its present mode.
    Warns:
        UserWarning: if a layer has forward hooks, which its export has not.

    >>> import torch
    >>> from steer import gspaces, nn
    >>> kind = gspaces.rot2dOnR2(4).type("2xregular")
    >>> net = torch.nn.Sequential(nn.R2Conv(kind, kind, 3), torch.nn.Sequential(nn.ReLU(kind), torch.nn.Flatten()))
    >>> print(nn.export(net.eval())[1])
    Sequential(
      (0): ReLU()
      (1): Flatten(start_dim=1, end_dim=-1)
    )
    """
    _warn_of_hooks(require(network, torch.nn.Module, "export", "a torch module"))
    if isinstance(network, _EXPORTABLE):
        return network.export()
    kinds = {type(module) for module in network.modules() if not isinstance(module, _EXPORTABLE)}
    typed = any(map(works_with_fields, kinds))
    exported: dict[int, torch.nn.Module] = {}
    for parent, layer in _outermost(network):
        # Code other than torch's own may call upsampling with a size.
        sized = isinstance(layer, SteerableUpsampling) and not isinstance(parent, torch.nn.Sequential)
        stock = layer.export(with_size=True) if sized else layer.export()
        exported[id(layer)] = Typed(stock, layer) if typed else stock
    # Deep copies look up what was already copied, so the exports take the places of their layers wherever these occur.
    return copy.deepcopy(network, dict(exported))


def _outermost(module: torch.nn.Module) -> list[tuple[torch.nn.Module, Any]]:
    """The layers with field types that lie inside of no other, each with the module that holds it."""
    found: list[tuple[torch.nn.Module, Any]] = []
    for child in module.children():
        found += [(module, child)] if isinstance(child, _EXPORTABLE) else _outermost(child)
    return found


def _warn_of_hooks(network: torch.nn.Module) -> None:
    for name, module in network.named_modules():
        found = [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]
        # Those that torch computes weights with have done so when the weights are read.
        own = [hook for hook in found if not type(hook).__module__.startswith("torch.nn.utils")]
        if own and hasattr(module, "in_type"):
            warn_user(
                f"export: {type(module).__name__} ({name or 'the network'}) has {len(own)} forward hook(s), which its "
                "export will not have; register them on the exported network",
                UserWarning,
            )


def summary(network: torch.nn.Module) -> str:
    """A table of a network: per layer its fields and channels, its own parameters, and its weights once expanded.

    Parameters that several layers share are counted for the first. Dense weights are what a pass costs, so all layers count.

    >>> from steer import gspaces, nn
    >>> kind = gspaces.rot2dOnR2(4).type("2xregular")
    >>> print(nn.summary(nn.Sequential(nn.R2Conv(kind, kind, 3, padding=1), nn.ReLU(kind))))
    layer  kind    fields out  channels  parameters  dense weights
    --------------------------------------------------------------
    0      R2Conv  2xregular   8         98          584
    1      ReLU    2xregular   8         0           0
           total                         98          584
    """
    rows: list[tuple[str, ...]] = [("layer", "kind", "fields out", "channels", "parameters", "dense weights")]
    totals = [0, 0]
    seen: set[int] = set()
    for name, layer in require(network, torch.nn.Module, "summary", "a torch module").named_modules():
        parameters = [parameter for parameter in layer.parameters(recurse=False) if id(parameter) not in seen]
        seen.update(id(parameter) for parameter in parameters)
        own = sum(parameter.numel() for parameter in parameters)
        kind = getattr(layer, "out_type", None) if not isinstance(layer, torch.nn.Sequential) else None
        if not own and not isinstance(kind, FieldType):
            continue
        weights = dense_weights(layer, recurse=False)
        totals = [totals[0] + own, totals[1] + weights]
        fields = str(kind).rsplit(" of ", 1)[0] if isinstance(kind, FieldType) else ""
        channels = str(kind.size) if isinstance(kind, FieldType) else ""
        rows.append((name or "(network)", type(layer).__name__, fields, channels, str(own), str(weights)))
    rows.append(("", "total", "", "", *map(str, totals)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def dense_weights(network: torch.nn.Module, recurse: bool = True) -> int:
    """The number of weights of the stock network of the same dense shapes, which is what a forward pass costs per site.

    Layers that share a weight count each: each is computed, and exported to a kernel of its own. One layer at several places
    counts once, as one module, since how often a network calls it cannot be read off.
    """
    require(network, torch.nn.Module, "dense_weights", "a torch module")
    total = 0
    for layer in network.modules() if recurse else [network]:
        if isinstance(layer, SteerableModule):
            total += sum(part.numel() for part in _shapes(layer))
        elif not isinstance(layer, parametrize.ParametrizationList):  # its parameters stand for one of the layer it is in
            total += sum(parameter.numel() for parameter in layer.parameters(recurse=False))
            if parametrize.is_parametrized(layer):
                total += sum(getattr(layer, name).numel() for name in _parametrised(layer))
    return total


def _parametrised(layer: torch.nn.Module) -> list[str]:
    return [name for name, _ in layer.get_submodule("parametrizations").named_children()]


def _shapes(layer: SteerableModule) -> list[torch.Tensor]:
    with torch.no_grad():
        return [part for part in layer.shared_dense() if part is not None]


def match_width(
    build: Callable[[int], torch.nn.Module], target: int | torch.nn.Module, by: str = "parameters", most: int = 4096
) -> int:
    """The width whose network comes closest to another one in parameters, or in cost.

    Args:
        build: from a width, such as the number of fields per layer, to a network that grows with it.
        target: a network, or its number.
        by: "parameters" counts those that are learned, "cost" the weights once expanded (`dense_weights`). The
            random numbers that building takes are given back.
        most: the largest width to try.
    Raises:
        ValueError: if `by` is unknown, or no width up to `most` reaches the target.

    >>> import torch
    >>> from steer import gspaces, nn
    >>> space = gspaces.rot2dOnR2(8)
    >>> grey = space.type("trivial")
    >>> nn.match_width(lambda n: nn.R2Conv(grey, space.type(f"{n}xregular"), 5), torch.nn.Conv2d(1, 32, 5), by="cost")
    4
    """
    counts: dict[str, Callable[[Any], int]] = {
        "parameters": lambda net: sum(parameter.numel() for parameter in net.parameters()),
        "cost": dense_weights,
    }
    if by not in counts:
        raise ValueError(f"match_width: by, 'parameters' or 'cost', is required; received {by!r}")
    if not callable(build):
        raise TypeError(f"match_width: build, a function from a width to a network, is required; received {build!r}")
    if not isinstance(target, int):
        require(target, torch.nn.Module, "match_width", "target, a network or its number,")
    count = _without_drawing(counts[by], build)
    goal = target if isinstance(target, int) else counts[by](target)
    low, high = 1, 1
    while count(high) < goal:
        if high >= most:
            raise ValueError(f"match_width: {goal} {by} are not reached by any width up to {most}; raise `most`")
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < goal else (low, middle)
    return min((low, high), key=lambda width: abs(count(width) - goal))


def _without_drawing(count: Callable[[Any], int], build: Callable[[int], torch.nn.Module]) -> Callable[[int], int]:
    """From a width to a number, with torch's random numbers left as they were."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []

    def counted(width: int) -> int:
        with torch.random.fork_rng(devices):
            network = require(build(width), torch.nn.Module, "match_width", "a network from build")
            return count(network)

    return counted
