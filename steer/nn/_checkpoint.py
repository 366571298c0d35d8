"""Checkpoints in one file of plain tensors, with the fingerprints of all bases in its header."""

from __future__ import annotations

import json
import os
import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor

from steer.nn._fingerprint import Fingerprinted

Network = TypeVar("Network", bound=torch.nn.Module)

_HEADER = "steer"
_FORMAT = 1


def save(network: torch.nn.Module, path: str | os.PathLike[str]) -> None:
    """Write the weights and running statistics of a network to a safetensors file, with the fingerprints of its bases.

    `torch.save(network.state_dict(), path)` keeps fingerprints too; `safetensors.torch.save_model` loses them, so that a
    file could be read into layers whose weights mean something else. This file is one that every reader of safetensors
    reads; the header has one entry more. It holds parameters and running statistics alone, each once, whatever shares it.

    The file appears under its name when it is complete: a crash on the way leaves the one that was there before.

    Args:
        network: any torch module, with steerable layers or without; compiled and data-parallel ones are saved as what they
            wrap.
        path: of the file; its folder exists.
    Raises:
        TypeError: if the arguments are not a network and a path, in this order.
        ValueError: if the network has no numbers yet (meta device), or its state holds more than tensors.
        OSError: if the file cannot be written, for instance because its folder does not exist.

    >>> import tempfile, torch
    >>> from steer import gspaces, nn
    >>> kind = gspaces.rot2dOnR2(8).type("2xregular")
    >>> net, other = nn.R2Conv(kind, kind, 3), nn.R2Conv(kind, kind, 3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     nn.save(net, f"{folder}/net.safetensors")
    ...     print(torch.equal(nn.load(other, f"{folder}/net.safetensors").weight, net.weight))
    True
    """
    _require(network, path, "nn.save(network, path)")
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"nn.save: a folder that exists is required; there is no {target.parent}; make it first")
    state = unwrapped(network).state_dict()
    tensors: dict[str, Tensor] = {}
    shared: dict[str, str] = {}
    first: dict[tuple[Any, ...], str] = {}
    for key, value in state.items():
        if not isinstance(value, Tensor):
            raise ValueError(f"nn.save: a state of tensors is required; {key} is a {type(value).__name__}; use torch.save")
        if value.is_meta:
            raise ValueError(
                f"nn.save: a network with numbers is required; {key} is on the meta device; see torch.nn.Module.to_empty"
            )
        place = _place(value)
        if value.numel() and place in first:
            shared[key] = first[place]
            continue
        first[place] = key
        # A copy where another tensor lies in the same memory, which safetensors refuses; views are written as they read.
        tensors[key] = value.detach().to("cpu", memory_format=torch.contiguous_format, copy=True)
    described = {prefix: entry for prefix, entry in state._metadata.items() if entry}  # type: ignore[attr-defined]
    header = {"format": _FORMAT, "modules": described, "shared": shared}
    # In a folder of its own beside the target: the same file system, so that the move at the end is one step.
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
        written = Path(folder) / target.name
        save_file(tensors, written, {"format": "pt", _HEADER: json.dumps(header, separators=(",", ":"))})
        (Path(folder) / "new").touch()
        like = target if target.exists() else Path(folder) / "new"
        written.chmod(like.stat().st_mode)  # save_file lets the owner alone read
        with written.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(written, target)


def load(network: Network, path: str | os.PathLike[str]) -> Network:
    """Read a file of `save` into a network of the same layers, and return the network.

    Everything is checked first: a network that does not fit the file stays what it was. Numbers are converted to the
    network's dtype and device, as in `torch.nn.Module.load_state_dict`.

    Args:
        network: built as the one that was saved; compiled and data-parallel ones are loaded as what they wrap.
        path: of the file.
    Raises:
        TypeError: if the arguments are not a network and a path, in this order.
        ValueError: if the file is none of `save`, or the network has other layers, shapes or bases, shares a tensor that the
            file has twice with different numbers, or has no memory (meta device).
        OSError: if the file cannot be read.
    """
    _require(network, path, "nn.load(network, path)")
    path = Path(path)
    inner = unwrapped(network)
    state = _read(path)
    problems = _differences(inner, state)
    if problems:
        raise ValueError(f"nn.load: a network like the one in {path.name} is required; " + "; ".join(problems))
    inner.load_state_dict(state, strict=True)
    return network


def _require(network: Any, path: Any, call: str) -> None:
    if isinstance(network, torch.nn.Module) and isinstance(path, (str, os.PathLike)):
        return
    way_out = ""
    if isinstance(path, torch.nn.Module):
        way_out = "; exchange the arguments"
    elif isinstance(network, dict):
        way_out = "; give the network itself: its state alone does not say which bases it belongs to"
    received = f"{type(network).__name__}, {type(path).__name__}"
    raise TypeError(f"{call}: a torch module and then the path of a file are required; received {received}{way_out}")


def _read(path: Path) -> OrderedDict[str, Tensor]:
    """A state dictionary with its metadata."""
    if not path.is_file():
        raise FileNotFoundError(f"nn.load: a file is required; {path} is none")
    try:
        with safetensors.safe_open(path, framework="pt", device="cpu") as file:
            given = (file.metadata() or {}).get(_HEADER)
            state = OrderedDict((key, file.get_tensor(key)) for key in sorted(file.keys()))
    except safetensors.SafetensorError as error:
        raise ValueError(f"nn.load: a whole safetensors file is required; {path.name} is none: {error}") from error
    if given is None:
        raise ValueError(
            f"nn.load: a file written by nn.save is required; {path.name} does not say over which bases its weights are; "
            "safetensors.torch.load_model reads it unchecked"
        )
    header = json.loads(given)
    if header.get("format") != _FORMAT:
        raise ValueError(
            f"nn.load: a file of format {_FORMAT} is required; {path.name} has format {header.get('format')}; a newer steer "
            "wrote it"
        )
    for key, kept in header["shared"].items():
        state[key] = state[kept]
    state._metadata = OrderedDict(header["modules"])  # type: ignore[attr-defined]
    return state


def _differences(network: torch.nn.Module, state: OrderedDict[str, Tensor]) -> list[str]:
    """Why a network cannot take a state; empty if it can."""
    own = network.state_dict()
    written: dict[str, dict[str, Any]] = state._metadata  # type: ignore[attr-defined]
    found = [
        f"{what} {_few(names)}"
        for what, names in (
            ("the file lacks", [key for key in own if key not in state]),
            ("the network lacks", [key for key in state if key not in own]),
            ("move it to a device with to_empty; without memory:", [k for k, v in own.items() if _is_meta(v)]),
            (
                "other shapes of",
                [
                    f"{key} {list(state[key].shape)} (network: {list(value.shape)})"
                    for key, value in own.items()
                    if key in state and isinstance(value, Tensor) and value.shape != state[key].shape
                ],
            ),
        )
        if names
    ]
    tied = _tied_to_different_numbers(own, state)
    if tied:
        found.append(f"the network shares what has different numbers in the file: {_few(tied)}")
    # Under every name: a layer at two places is written at both.
    named = network.named_modules(remove_duplicate=False)
    steerable = {name: m for name, m in named if isinstance(m, Fingerprinted)}
    for name in dict.fromkeys([*steerable, *written]):
        basis = written.get(name, {}).get("basis")
        layer = steerable.get(name)
        if (basis is None) != (layer is None or layer.fingerprint is None):
            found.append(
                f"{name or 'the network'} has weights over a basis in {'the network' if layer else 'the file'} alone"
            )
        elif layer is not None and (refusal := layer.refusal(written.get(name, {}), name)) is not None:
            found.append(refusal)
    return found


def _tied_to_different_numbers(own: Mapping[str, Any], state: Mapping[str, Tensor]) -> list[str]:
    """Pairs of keys that are one tensor in the network and two in a state: the second would overwrite the first."""
    first: dict[tuple[Any, ...], str] = {}
    found = []
    for key, value in own.items():
        if key in state and isinstance(value, Tensor) and not value.is_meta and value.numel():
            other = first.setdefault(_place(value), key)
            if state[other] is not state[key] and not torch.equal(state[other], state[key]):
                found.append(f"{other} = {key}")
    return found


def _place(value: Tensor) -> tuple[Any, ...]:
    """The same for tensors that are one."""
    return (value.device, value.data_ptr(), value.dtype, value.shape, value.stride())


def _is_meta(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_meta


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(islice(names, 5)) + more


def unwrapped(network: torch.nn.Module) -> torch.nn.Module:
    """The module inside of `torch.compile` and data parallelism, which put a prefix before every key."""
    while True:
        inner = getattr(network, "_orig_mod", None)
        if isinstance(network, (torch.nn.parallel.DistributedDataParallel, torch.nn.DataParallel)):
            inner = network.module
        if not isinstance(inner, torch.nn.Module):
            return network
        network = inner
