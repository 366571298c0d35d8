"""Write the weights of an escnn or e2cnn network to one file that `steer.interop.load_dense` reads.

This file stands alone: it needs torch, numpy and the peer, Python 3.8 or newer, and nothing of steer. Copy it to where the
network lives and run, in the environment of the peer:

    from escnn_export import export
    export(network, "network.npz")

The file is a numpy archive without pickled objects. Its entry `header` is JSON (`{"format", "version", "library", "spaces",
"representations", "layers"}`); the other entries are the arrays that the header names:

- a space is a group acting on a grid. `elements [n, d, d]` are some of its elements, generators of a finite group and fixed
  random elements of a continuous one, as matrices on positions (x, y, z) with x along the last axis of an array, y against
  the axis before it (rows run down, y points up) and z along the axis of depth. The peers let z fall along the axis of
  depth; the matrices written here are turned into the convention above;
- a representation has its `values [n, dim, dim]` on these elements;
- a layer has its kind, its fields (numbers of representations), its arguments and its arrays: the dense kernel and bias, in
  the layout of the stock layer of torch; statistics and factors of batch normalisation, per field, and its means and shifts
  per channel; thresholds of norms; shifts of gates; the values of functions on the group at their samples.
"""

from __future__ import annotations

import json
from typing import Any, Dict, Sequence

import numpy as np
import torch

FORMAT = "steer-dense"
VERSION = 1
Record = Dict[str, Any]

_CONVOLUTIONS = ("R1Conv", "R2Conv", "R3Conv", "R3IcoConv")
_TRANSPOSED = ("R1ConvTransposed", "R2ConvTransposed", "R3ConvTransposed", "R3IcoConvTransposed")
_CONTAINERS = ("SequentialModule", "ModuleList")
_BATCH_NORMS = ("InnerBatchNorm", "NormBatchNorm", "IIDBatchNorm1d", "IIDBatchNorm2d", "IIDBatchNorm3d")
_FOURIER = ("FourierPointwise", "FourierELU", "QuotientFourierPointwise", "QuotientFourierELU")
_POINTWISE = ("ReLU", "ELU", "LeakyReLU", "PointwiseNonLinearity")


def export(network: torch.nn.Module, path: Any) -> None:
    """Write the equivariant and the stock layers of a network, in the order of its modules.

    Args:
        network: a torch module with layers of escnn or e2cnn in it, in train or in eval mode; it is not changed.
        path: where to write, by custom `*.npz`.
    Raises:
        ValueError: if a layer holds parameters that this file does not know how to write.
    """
    writer = _Writer(network)
    with torch.no_grad():
        writer.walk(network, "")
    if not writer.layers:
        raise ValueError(f"export: a network with layers of escnn or e2cnn is required; received {type(network)}")
    header = {
        "format": FORMAT,
        "version": VERSION,
        "library": writer.library,
        "spaces": writer.spaces,
        "representations": writer.representations,
        "layers": writer.layers,
    }
    with open(str(path), "wb") as file:
        np.savez_compressed(file, **{"header": np.array(json.dumps(header)), **writer.arrays})  # type: ignore[arg-type]


class _Writer:
    """What has been collected so far."""

    def __init__(self, network: torch.nn.Module) -> None:
        self.library = ""
        kinds = [kind for module in network.modules() for kind in _types(module)]
        self._grids = [kind.gspace for kind in kinds if kind.gspace.dimensionality > 0]
        self.arrays: dict[str, np.ndarray] = {}
        self.spaces: list[Record] = []
        self.representations: list[Record] = []
        self.layers: list[Record] = []
        self._gspaces: list[Any] = []
        self._elements: list[list[Any]] = []
        self._known: list[tuple[int, Any]] = []

    def walk(self, module: torch.nn.Module, name: str) -> None:
        """Add a module, or what it contains."""
        kind = type(module).__name__
        package = type(module).__module__.split(".")[0]
        if package in ("escnn", "e2cnn") and kind not in _CONTAINERS:
            peer = __import__(package)
            self.library = "{} {}".format(package, getattr(peer, "__version__", ""))
            self._add(module, name, kind)
        elif package == "torch" and not list(module.children()):
            state = module.state_dict()
            if state:
                self._stock(name, kind, state)
        else:
            direct = [n for n, _ in module.named_parameters(recurse=False)]
            if direct:
                raise ValueError(
                    "export: parameters in known layers only are required; received {} of {} ({}); move them by hand and "
                    "export the parts of the network".format(direct, name or "the network", kind)
                )
            for child, item in module.named_children():
                self.walk(item, f"{name}.{child}" if name else child)

    def _add(self, module: Any, name: str, kind: str) -> None:
        if kind in _CONVOLUTIONS:
            record = self._convolution(module, "convolution")
        elif kind in _TRANSPOSED:
            record = self._convolution(module, "transposed")
        elif kind == "Linear":
            record = self._dense(module, "linear", {})
        elif kind in _BATCH_NORMS:
            record = self._batch_norm([module], [range(len(module.in_type))], module.in_type)
        elif kind == "NormNonLinearity":
            record = self._norm(module)
        elif kind == "GatedNonLinearity1":
            record = self._gate(*_gates(module, range(len(module.in_type))))
        elif kind in _POINTWISE:
            record = _pointwise(module)
        elif kind in _FOURIER:
            record = self._fourier(module, name)
        elif kind == "MultipleModule":
            record = self._multiple(module, name)
        else:
            if list(module.parameters()) and kind != "MaskModule":  # a mask is stored as a parameter, but is none
                raise ValueError(
                    f"export: a layer of escnn or e2cnn that can be written is required; received {kind} ({name}), which "
                    "has parameters"
                )
            record = {"kind": "other"}
        arrays = record.pop("arrays", {})
        number = len(self.layers)
        record["arrays"] = {key: self._array(f"layer.{number}.{key}", value) for key, value in arrays.items()}
        record.update(name=name, type=kind, fields_in=self._fields(module.in_type), fields_out=self._fields(module.out_type))
        self.layers.append(record)

    def _array(self, name: str, value: Any) -> str:
        self.arrays[name] = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
        return name

    def _stock(self, name: str, kind: str, state: Record) -> None:
        number = len(self.layers)
        arrays = {key: self._array(f"layer.{number}.{key}", value) for key, value in state.items()}
        self.layers.append(
            {"kind": "stock", "name": name, "type": kind, "arrays": arrays, "fields_in": [], "fields_out": []}
        )

    # Groups and representations

    def _fields(self, field_type: Any) -> list[int]:
        if isinstance(field_type, tuple):
            return [number for part in field_type for number in self._fields(part)]
        space = self._space(field_type.gspace)
        return [self._representation(space, field) for field in field_type.representations]

    def _space(self, gspace: Any) -> int:
        for number, known in enumerate(self._gspaces):
            if known is gspace or known == gspace:
                return number
        group = gspace.fibergroup
        elements = _elements(group)
        number = len(self.spaces)
        # Fields without a grid belong to the grid that the network has for their group.
        grid = next((g for g in [gspace, *self._grids] if g.dimensionality > 0 and g.fibergroup == group), gspace)
        matrices = np.stack([np.asarray(_position_matrix(grid, g), dtype=np.float64) for g in elements])
        if grid.dimensionality == 3:
            mirror = np.diag([1.0, 1.0, -1.0])
            matrices = mirror @ matrices @ mirror
        self._gspaces.append(gspace)
        self._elements.append(elements)
        self.spaces.append(
            {
                "name": str(gspace.name),
                "order": int(group.order()),
                "dimension": int(gspace.dimensionality),
                "elements": self._array(f"space.{number}", matrices),
            }
        )
        return number

    def _representation(self, space: int, representation: Any) -> int:
        for number, (where, known) in enumerate(self._known):
            if where == space and (known is representation or known == representation):
                return number
        number = len(self._known)
        values = np.stack([np.asarray(representation(g), dtype=np.float64) for g in self._elements[space]])
        self._known.append((space, representation))
        name = self._array(f"representation.{number}", values)
        self.representations.append(
            {"name": str(representation.name), "space": space, "size": int(representation.size), "values": name}
        )
        return number

    # Layers

    def _dense(self, module: Any, kind: str, arguments: Record) -> Record:
        kernel, bias = module.expand_parameters()
        arrays = {"kernel": kernel}
        if bias is not None:
            arrays["bias"] = bias
        return {"kind": kind, "arguments": arguments, "arrays": arrays}

    def _convolution(self, module: Any, kind: str) -> Record:
        names = ("kernel_size", "stride", "padding", "dilation", "groups", "padding_mode", "output_padding")
        arguments = {}
        for name in names:
            value = getattr(module, name, None)
            if value is not None:
                arguments[name] = list(value) if isinstance(value, tuple) else value
        record = self._dense(module, kind, arguments)
        record["rings"] = _rings(module, module.dilation)
        return record

    def _batch_norm(self, modules: list[Any], positions: Sequence[Sequence[int]], in_type: Any) -> Record:
        """One record of batch normalisations that share the fields out among them."""
        sizes = [field.size for field in in_type.representations]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        var, weight = np.ones(len(sizes)), np.ones(len(sizes))
        mean, bias = np.zeros(starts[-1]), np.zeros(starts[-1])
        for module, fields in zip(modules, positions):
            read = _inner if type(module).__name__ == "InnerBatchNorm" else _grouped
            for local, found in read(module).items():
                field = fields[local]
                span = slice(starts[field], starts[field + 1])
                var[field], weight[field], mean[span], bias[span] = found
        first = modules[0]
        same = all((m.eps, m.momentum, m.affine) == (first.eps, first.momentum, first.affine) for m in modules)
        if not same:
            raise ValueError("export: batch normalisations of one block with equal eps, momentum, affine are required")
        arguments = {"eps": float(first.eps), "momentum": first.momentum, "affine": bool(first.affine)}
        arguments["batches"] = _batches(first)
        arrays = {"var": var, "mean": mean}
        if first.affine:
            arrays.update(weight=weight, bias=bias)
        return {"kind": "batch_norm", "arguments": arguments, "arrays": arrays}

    def _norm(self, module: Any) -> Record:
        function = module._function
        names = {id(torch.relu): "relu", id(torch.sigmoid): "sigmoid", id(torch.nn.functional.softplus): "softplus"}
        record: Record = {"kind": "norm", "function": names.get(id(function), "squash"), "arrays": {}}
        if module.log_bias is not None:
            sizes = [field.size for field in module.in_type.representations]
            # Thresholds are stored for the fields of the smallest size first.
            order = sorted(range(len(sizes)), key=lambda i: sizes[i])
            threshold = np.zeros(len(sizes))
            threshold[order] = np.exp(module.log_bias.detach().cpu().double().numpy().reshape(-1))
            record["arrays"]["threshold"] = threshold
        return record

    def _gate(
        self,
        gates: Sequence[int],
        gated: Sequence[int],
        shift: Any,
        scalars: Sequence[int] = (),
        scalar: Record | None = None,
        order: Sequence[int] | None = None,
    ) -> Record:
        """Fields scaled by gates: which gate belongs to which field, and the order of the output."""
        order = sorted(gated) if order is None else order
        record: Record = {"kind": "gate", "gates": list(gates), "gated": list(gated), "scalars": list(scalars)}
        record.update(order=list(order), arrays={"shift": np.asarray(shift)})
        if scalar is not None:
            record.update(scalar)
        return record

    def _fourier(self, module: Any, name: str) -> Record:
        """Values of a function at the samples, from its coefficients, `[samples, coefficients]`, and what acts on them."""
        if module.in_type != module.out_type:
            raise ValueError(f"export: a Fourier nonlinearity without out_irreps is required; received {name}")
        points = torch.linspace(-2.0, 2.0, 9)
        values = [float(value) for value in module._function(points.clone())]
        name = getattr(module._function, "__name__", "unknown").rstrip("_")
        return {"kind": "fourier", "function": name, "values": values, "arrays": {"analysis": module.A}}

    def _multiple(self, module: Any, name: str) -> Record:
        branching, merging = module.branching, module.merging
        parts = [getattr(merging, f"submodule_{i}") for i in range(len(merging._labels))]
        kinds = [type(part).__name__ for part in parts]
        if getattr(branching, "reshuffle_layer", None) is None:
            fields = [[_label(branching, module.in_type, label) for label in labels] for labels in merging._labels]
            together = [[i for found in lists for i in found] for lists in fields]
            in_order = [i for found in together for i in found] == list(range(len(module.in_type)))
            if in_order and all(kind in _BATCH_NORMS for kind in kinds):
                return self._batch_norm(parts, together, module.in_type)
            if in_order and all(kind in _POINTWISE for kind in kinds) and len({_function(part) for part in parts}) == 1:
                return _pointwise(parts[0])
            if "GatedNonLinearity1" in kinds or "GatedNonLinearity2" in kinds:
                record = self._gated_parts(module.in_type, parts, kinds, fields, together)
                if record is not None:
                    return record
        raise ValueError(
            "export: a MultipleModule of batch normalisations, or of pointwise functions of trivial fields and gates, is "
            "required; received {} ({})".format(", ".join(kinds), name)
        )

    def _gated_parts(
        self, in_type: Any, parts: list[Any], kinds: list[str], fields: list[list[list[int]]], together: list[list[int]]
    ) -> Record | None:
        """Gates beside pointwise functions of trivial fields."""
        gates, gated, shift, scalars, order = [], [], [], [], []  # type: ignore[var-annotated]
        functions: dict[str, Any] = {}
        for part, kind, lists, found in zip(parts, kinds, fields, together):
            if kind in ("GatedNonLinearity1", "GatedNonLinearity2"):
                pairs = _gates(part, found, len(lists[0]) if kind == "GatedNonLinearity2" else None)
                gates, gated, shift = gates + pairs[0], gated + pairs[1], shift + list(pairs[2])
                order += sorted(pairs[1], key=found.index)
            elif kind in _POINTWISE and all(in_type.representations[i].is_trivial() for i in found):
                scalars += found
                order += found
                functions[_function(part)] = part
            else:
                return None
        if len(functions) > 1:
            return None
        scalar = {key: value for part in functions.values() for key, value in _pointwise(part).items() if key != "kind"}
        return self._gate(gates, gated, shift, scalars, scalar, order)


def _types(module: Any) -> list[Any]:
    """The field types of a layer."""
    found: list[Any] = []
    for name in ("in_type", "out_type"):
        value = getattr(module, name, None)
        found += value if isinstance(value, tuple) else [value]
    return [kind for kind in found if hasattr(kind, "gspace")]


def _elements(group: Any) -> list[Any]:
    """Some elements that generate the group, or a dense part of it."""
    if group.order() > 0:
        if hasattr(group, "generators"):
            return list(group.generators) or [group.identity]
        # e2cnn: few elements are generators, all of them certainly are.
        return list(group.elements)
    if hasattr(group, "sample"):
        state = np.random.get_state()
        np.random.seed(0)
        try:
            return [group.sample() for _ in range(8)]
        finally:
            np.random.set_state(state)
    angles = (1.0, 2.5)
    if isinstance(group.identity, tuple):  # e2cnn: reflections come with the rotations
        return [(flip, angle) for flip in (0, 1) for angle in angles]
    return list(angles)


def _position_matrix(gspace: Any, g: Any) -> np.ndarray:
    """The matrix with which an element acts on positions (x, y) with y up, or on (x, y, z) of the peer."""
    action = getattr(gspace, "basespace_action", None)
    if action is not None:
        return action(g)
    group = gspace.fibergroup
    if hasattr(g, "group"):  # escnn without a base space
        if hasattr(group, "standard_representation"):
            return group.standard_representation()(g)
        return _planar(group, g)
    flip, turn = g if isinstance(g, tuple) else (0, g)
    axis = getattr(gspace, "axis", 0.0)
    if type(gspace).__name__ == "Flip2dOnR2":
        flip, turn = turn, 0
    angle = turn * 2 * np.pi / group.order() * (2 if isinstance(g, tuple) else 1) if group.order() > 0 else turn
    angle += 2 * axis * flip
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag(
        [1.0, -1.0 if flip else 1.0]
    )


def _planar(group: Any, g: Any) -> np.ndarray:
    """The standard representation of a finite group of the plane without a base space: rotations, mirror line x."""
    kind = type(group).__name__
    if kind not in ("CyclicGroup", "DihedralGroup"):
        raise ValueError(
            "export: fields without base space of a group of the plane, SO(3), O(3) or the symmetries of the "
            f"polyhedra are required; received {group}"
        )
    flip, turn = g.to("int") if kind == "DihedralGroup" else (0, g.to("int"))
    angle = 2 * np.pi * turn / group.rotation_order
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag(
        [1.0, -1.0 if flip else 1.0]
    )


def _rings(module: Any, dilation: int) -> list[list[float]]:
    """Radius and width of every ring of a kernel, in taps, and the largest angular frequency found on it."""
    rings: dict[tuple[float, float], int] = {}
    try:
        for element in module.basisexpansion.get_basis_info():
            frequency = element["irrep:frequency"] if "irrep:frequency" in element else element["frequency"]
            ring = (round(float(element["radius"]) / dilation, 6), round(float(element["sigma"]) / dilation, 6))
            rings[ring] = max(rings.get(ring, 0), int(abs(frequency)))
    except (AttributeError, KeyError, TypeError):  # a custom basis: the dense kernel says all the same
        return []
    return [[radius, width, limit] for (radius, width), limit in sorted(rings.items())]


def _function(module: Any) -> str:
    name = type(module).__name__
    if name != "PointwiseNonLinearity":
        return name.lower()
    return getattr(module._function, "__name__", "unknown").lower()


def _pointwise(module: Any) -> Record:
    """A pointwise function: its name, and its values at nine points, from which its constants are seen."""
    points = torch.linspace(-2.0, 2.0, 9)
    d = module.in_type.gspace.dimensionality
    tensor = points.reshape(-1, 1, *(1,) * d).expand(-1, module.in_type.size, *(1,) * d).contiguous()
    peer = __import__(type(module).__module__.split(".")[0], fromlist=["nn"])
    values = module(peer.nn.GeometricTensor(tensor, module.in_type)).tensor[:, 0].reshape(-1)
    return {"kind": "pointwise", "function": _function(module), "values": [float(value) for value in values]}


def _batches(module: Any) -> int:
    for key, value in module.state_dict().items():
        if key.endswith("num_batches_tracked"):
            return int(value)
    return 0


def _inner(module: Any) -> dict[int, tuple[Any, ...]]:
    """Of every field: variance, weight, mean, bias."""
    found: dict[int, tuple[Any, ...]] = {}
    sizes = [field.size for field in module.in_type.representations]
    for size in sorted(set(sizes)):
        norm = getattr(module, f"batch_norm_[{size}]")
        for i, field in enumerate(k for k, s in enumerate(sizes) if s == size):
            weight, bias = (float(norm.weight[i]), float(norm.bias[i])) if norm.affine else (1.0, 0.0)
            if norm.running_var is None:
                raise ValueError("export: batch normalisation with running statistics is required")
            found[field] = (float(norm.running_var[i]), weight, float(norm.running_mean[i]), bias)
    return found


def _grouped(module: Any) -> dict[int, tuple[Any, ...]]:
    """The same for normalisations that store their numbers by size or by name of the field."""
    found: dict[int, tuple[Any, ...]] = {}
    counts: dict[Any, int] = {}
    by_name = type(module).__name__ != "NormBatchNorm"
    for field, representation in enumerate(module.in_type.representations):
        key = module._escape_name(representation.name) if by_name else representation.size
        i = counts.get(key, 0)
        counts[key] = i + 1

        def numbers(what: str, key: Any = key) -> Any:
            value = getattr(module, f"{key}_{what}", None)
            return None if value is None else value.detach().cpu().double().numpy()

        var, weight, mean, bias = (numbers(what) for what in ("running_var", "weight", "running_mean", "bias"))
        shift = 0.0
        if bias is not None:
            shift = numbers("change_of_basis") @ bias[i]
        found[field] = (
            float(var.reshape(-1)[i]),
            1.0 if weight is None else float(weight.reshape(-1)[i]),
            0.0 if mean is None else mean[i],
            shift,
        )
    return found


def _label(branching: Any, in_type: Any, label: str) -> list[int]:
    """The fields of a label of a branching."""
    spans, start = {}, 0
    for field, representation in enumerate(in_type.representations):
        spans[start] = field
        start += representation.size
    channels = getattr(branching, f"indices_{label}").tolist()
    if branching._contiguous[label]:
        channels = range(*channels)
    return [spans[channel] for channel in channels if channel in spans]


def _gates(module: Any, fields: Sequence[int], count: int | None = None) -> tuple[list[int], list[int], Any]:
    """Gates, the fields they belong to, and their shifts, `sigmoid(gate - shift)`: gates serve small fields first."""
    if count is None:
        # Which fields are gates: those that are not among the indices of some size.
        indices, flags, start = set(), [], 0
        spans = module.gates_indices.tolist()
        indices = set(range(*spans)) if module._contiguous["gate"] else set(spans)
        sizes = [representation.size for representation in module.in_type.representations]
        for size in sizes:
            flags.append(start in indices)
            start += size
        if not module.drop_gates:
            raise ValueError("export: gates that are dropped are required; received drop_gates=False")
    else:
        sizes = [r.size for part in module.in_type for r in part.representations]
        flags = [i < count for i in range(len(sizes))]
    gates = [i for i, flag in enumerate(flags) if flag]
    gated = sorted((i for i, flag in enumerate(flags) if not flag), key=lambda i: sizes[i])
    shift = module.bias.detach().cpu().double().numpy().reshape(-1)
    return [fields[i] for i in gates], [fields[i] for i in gated], shift
