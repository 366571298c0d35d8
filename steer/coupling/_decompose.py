"""Decomposition into irreps with its change of basis."""

from functools import partial

import torch
from torch import Tensor

from steer.coupling._intertwiners import endomorphisms, intertwiners
from steer.coupling._stored import stored_irreps
from steer.group import deterministic, require
from steer.representation import DirectSum, Irrep, Representation, canonical_rows
from steer.store import Entry, EntryError, Form, cached, find, tensors


def decompose(representation: Representation) -> tuple[tuple[Irrep, ...], Tensor]:
    """Irreps and orthogonal change of basis: `rho(g) = Q diag(irreps(g)) Q^T`.

    Returns:
        The irreps, with repetition, in the order of their blocks, and `Q [dim, dim]`, float64, canonical. A direct sum is
        decomposed part by part, so that `Q` is block diagonal, and a sum of irreps has `Q = 1`.
    """
    irreps, change = _decompose(require(representation, Representation, "decompose", "a representation"))
    return irreps, change.clone()


@cached(512)
@deterministic
def _decompose(representation: Representation) -> tuple[tuple[Irrep, ...], Tensor]:
    irrep = representation.as_irrep
    if irrep is not None:
        return (irrep,), torch.eye(irrep.dim, dtype=torch.float64)
    if isinstance(representation, DirectSum):
        pieces = [_decompose(part) for part in representation.parts]
        return tuple(i for irreps, _ in pieces for i in irreps), torch.block_diag(*(q for _, q in pieces))
    if representation.packed_as:
        known = find("decomposition", partial(_read, representation), representation.group, representation.packed_as)
        if known:
            return known
    columns = [copy for irrep in representation.multiplicities for copy in _copies(irrep, representation)]
    return representation.irreps, torch.cat(columns, 1)


def _read(representation: Representation, entry: Entry) -> tuple[tuple[Irrep, ...], Tensor]:
    change = tensors(entry, {"change": Form((representation.dim, representation.dim))})["change"]
    irreps = stored_irreps(entry, "irreps", representation.group)
    if sum(irrep.dim for irrep in irreps) != representation.dim:
        found = [irrep.label for irrep in irreps]
        raise EntryError(f"irreps: those that fill {representation.dim} dimensions are required; received {found}")
    return irreps, change


def decomposition_entry(representation: Representation) -> Entry:
    """A decomposition as packs hold it."""
    irreps, change = _decompose(representation)
    return Entry({"change": change}, {"irreps": [irrep.label for irrep in irreps]})


def _copies(irrep: Irrep, representation: Representation) -> list[Tensor]:
    """Isometries `[dim, irrep.dim]` onto orthogonal copies of an irrep.

    Intertwiners that are orthogonal to each other have orthogonal ranges only for irreps of real type; otherwise each
    choice `X` takes its whole orbit `X End` with it.
    """
    space = intertwiners(irrep, representation)
    flat = space.reshape(len(space), -1)
    commutant = endomorphisms(irrep) * irrep.dim**0.5
    taken = flat[:0]
    out = []
    for _ in range(len(space) // irrep.endomorphisms):
        diagonal = (flat**2).sum(0) - (taken**2).sum(0)
        x = canonical_rows(diagonal, lambda i, t=taken: flat.mT @ flat[:, i] - t.mT @ t[:, i], 1)  # type: ignore[misc]
        x = (x @ flat.mT) @ flat
        x = x - (x @ taken.mT) @ taken
        x = (x / x.norm()).reshape(representation.dim, irrep.dim)
        taken = torch.cat([taken, (x @ commutant).reshape(len(commutant), -1)])
        out.append(x * irrep.dim**0.5)
    return out
