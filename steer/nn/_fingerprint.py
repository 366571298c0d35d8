"""What a layer's weights are coefficients of, as a short text that is kept in checkpoints."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from steer.expansion import Plan, Sampling
from steer.group import FiniteGroup, Group, deterministic
from steer.representation import GAUGE, Representation
from steer.store import digest, same_probe

Fields = tuple[Representation, ...]


class Fingerprinted(torch.nn.Module):
    """A module whose `weight` holds coefficients over a computed basis; its checkpoints say over which.

    Subclasses define `fingerprint`, `probe` if packs can hold the basis, and `basis_text` for the message of the error.
    """

    @property
    def fingerprint(self) -> str | None:
        """Gauge version and digest of everything that fixes the basis; None without weights over one."""
        raise NotImplementedError

    def basis_text(self) -> str:
        """What the basis is of, in words."""
        return f"{self.in_type} -> {self.out_type}"

    @property
    def probe(self) -> list[float] | None:
        """A few numbers that follow from the basis itself; None if it cannot come from a pack.

        The fingerprint says what the basis is of. Were a pack to hold other numbers under that name, the weights would mean
        another map under the same fingerprint; the probes would differ.
        """
        return None

    def refusal(self, written: Mapping[str, Any], name: str) -> str | None:
        """Why weights with these metadata are not weights of this module, named so; None if they are.

        Weights of unknown basis pass: a plain dictionary of tensors cannot be checked.
        """
        own, basis, title = self.fingerprint, written.get("basis"), name or type(self).__name__
        if basis is None:
            return None
        if basis != own:
            return (
                f"{title}: weights over the basis {own} ({self.basis_text()}) are required; the checkpoint was written over "
                f"{basis}, so the same numbers would mean another map. Build the layer as it was when the checkpoint was "
                "written: version of steer, group, order of the fields, kernel size, rings, band limit"
            )
        if "probe" in written and not same_probe(written["probe"], self.probe):
            return (
                f"{title}: weights over the basis {own} ({self.basis_text()}) with the probe {self.probe} are required; the "
                f"checkpoint has the probe {written['probe']}: one of both was made with a pack that holds wrong numbers. "
                "Find it with `steer bases verify`, and build it again"
            )
        return None

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        metadata = getattr(destination, "_metadata", None)
        if metadata is not None and self.fingerprint is not None:
            entry = metadata.setdefault(prefix[:-1], {})
            entry["basis"] = self.fingerprint
            if self.probe is not None:
                entry["probe"] = list(self.probe)

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, missing: Any, unexpected: Any, errors: Any
    ) -> None:
        refusal = self.refusal(local_metadata, prefix[:-1])
        if refusal is not None:
            errors.append(refusal)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing, unexpected, errors)


Order = tuple[tuple[int, ...], tuple[int, ...]]


def fingerprint(plan: Plan, order: Order | None = None) -> str:
    """Gauge version and digest of everything that fixes the bases of a plan: fields in order, group, grid, rings.

    Args:
        order: where the types of the layer have the input and output fields, if not in the order of the plan.
    """
    return _of_plan(plan.recipe, order)


@lru_cache(maxsize=256)
@deterministic
def _of_plan(recipe: tuple[Fields, Fields, Sampling], order: Order | None) -> str:
    fields_in, fields_out, sampling = recipe
    return _named(
        *_lines(fields_in, fields_out),
        f"{sampling.lattice} {sampling.kernel_size} {sampling.limits}",
        digest(sampling.functions(sampling.points(fields_in[0].group.d))),
        *([] if order is None else [f"order {order}"]),
    )


@lru_cache(maxsize=256)
@deterministic
def fingerprint_of_products(fields_in: Fields, fields_out: Fields, mode: str) -> str:
    """Gauge version and digest of what fixes products of fields: fields in order, group, which products."""
    return _named(*_lines(fields_in, fields_out), f"products {mode}")


@lru_cache(maxsize=256)
def fingerprint_of_rings(radii: tuple[float, ...], widths: tuple[float, ...]) -> str:
    """Gauge version and digest of Gaussian rings."""
    return _named("rings", digest(torch.tensor([radii, widths], dtype=torch.float64, device="cpu")))


def _lines(fields_in: Fields, fields_out: Fields) -> list[str]:
    """What fixes the group and the fields, in order."""
    g = _elements(fields_in[0].group)
    distinct = list(dict.fromkeys(fields_in + fields_out))
    return [
        digest(g),
        *(digest(field.matrices(g)) for field in distinct),
        *(str([distinct.index(field) for field in fields]) for fields in (fields_in, fields_out)),
    ]


def _named(*lines: str) -> str:
    text = chr(10).join((f"gauge {GAUGE}", *lines))
    return f"{GAUGE}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _elements(group: Group) -> Tensor:
    """Elements in a fixed order, which tell representations apart: equal groups give equal ones, however they were built."""
    if isinstance(group, FiniteGroup):
        return group.elements
    return group.sample(4, torch.Generator("cpu").manual_seed(0))
