"""Changes of basis between two tables of one representation."""

from __future__ import annotations

import torch
from torch import Tensor

_EQUAL = 1e-5  # the peers' tables hold in single precision or a little better


def change_of_basis(theirs: Tensor, ours: Tensor) -> Tensor | None:
    """An orthogonal Q with `ours(g) Q = Q theirs(g)`; a permutation if both are; None if there is none.

    Of all there are, it is the unit matrix if that is one; otherwise the one next to it, so that scalars keep their sign and
    vectors their direction; where all are equally far, one with a positive sum of entries. Where both representations
    permute their channels, Q is a bijection of the two sets that commutes with the group, as functions of single channels
    commute with no other.

    Args:
        theirs, ours: values on the same elements, `[n, dim, dim]`, orthogonal.
    """
    unit = torch.eye(theirs.shape[-1], dtype=torch.float64)
    if torch.allclose(theirs, ours, atol=_EQUAL):
        return unit
    if is_permutation(theirs) and is_permutation(ours):
        return _bijection(theirs, ours)
    space = _intertwiners(theirs, ours)
    if len(space) == 0:
        return None
    flat = space.reshape(len(space), -1)
    generic = torch.arange(1.0, flat.shape[1] + 1, dtype=torch.float64).sqrt().cos()
    # Projections of fixed matrices, whatever the basis of the space: the nearest to one is found from its own.
    near, positive, some = (
        ((m @ flat.mT) @ flat).reshape(unit.shape) for m in (unit.flatten(), flat.new_ones(unit.numel()), generic)
    )
    for candidate in (near, positive, near + some, some):
        u, values, v = torch.linalg.svd(candidate)
        if values[-1] > 1e-3 * values[0] and values[0] > 1e-6:
            change = u @ v
            if torch.allclose(ours @ change, change @ theirs, atol=_EQUAL):
                return change
    return None


def change_of_functions(theirs: Tensor, ours: Tensor, samples_theirs: Tensor, samples_ours: Tensor) -> tuple[Tensor, float]:
    """The change of basis for coefficients of functions on the group, which takes samples of the peer to samples here.

    The value at a sample is the product with a row `rho(g_s) v`. The orbit of a row spans the space, so that the image of
    one row fixes `Q`; every choice is a translation of the functions from the right, which commutes with the group and with
    functions of single values. The one that takes samples to samples is taken.

    Args:
        theirs, ours: values of the representations on the same elements, `[n, D, D]`.
        samples_theirs, samples_ours: values of a function at the samples from its coefficients, `[samples, D]`.
    Returns:
        `Q [D, D]`, and how far rows of the peer lie from those here, relative to the rows: zero if both sample alike.
    Raises:
        ValueError: if the functions are others.
    """
    best: tuple[Tensor | None, float] = (None, float("inf"))
    words = _orbit(theirs, samples_theirs[0])
    inverse = torch.linalg.pinv(words, rtol=1e-5)
    for row in samples_ours:
        u, values, v = torch.linalg.svd(_orbit(ours, row) @ inverse)
        change = u @ v
        if not torch.allclose(values, torch.ones_like(values), atol=1e-3):
            continue
        if not torch.allclose(ours @ change, change @ theirs, atol=1e-4):
            continue
        residual = distance_of_samples(change, samples_theirs, samples_ours)
        if residual < best[1]:
            best = (change, residual)
        if residual < _EQUAL or len(samples_theirs) != len(samples_ours):
            break
    if best[0] is None:
        raise ValueError("functions with the same irreps, scale and stabilisers of the samples are required")
    return best[0], best[1]


def distance_of_samples(change: Tensor, samples_theirs: Tensor, samples_ours: Tensor) -> float:
    """How far the peer's samples lie from ours after a change of basis, relative to them; 1 if there are more or fewer."""
    if len(samples_theirs) != len(samples_ours):
        return 1.0
    moved = samples_theirs @ change.mT
    return float(torch.cdist(moved, samples_ours).amin(1).norm() / moved.norm())


def _orbit(values: Tensor, row: Tensor) -> Tensor:
    """A vector and its images under words in some elements, enough to span its orbit, as columns `[D, words]`."""
    found = fresh = row[:, None]
    while found.shape[1] < 4 * len(row):
        fresh = torch.cat([matrix @ fresh for matrix in values], 1)
        found = torch.cat([found, fresh], 1)
    return found


def is_permutation(values: Tensor) -> bool:
    """Whether every matrix is a permutation."""
    return bool(((values - values.round()).abs() < _EQUAL).all() and (values.round().abs().sum(-1) == 1).all()) and bool(
        (values > -_EQUAL).all()
    )


def _intertwiners(theirs: Tensor, ours: Tensor) -> Tensor:
    """Orthonormal basis of `{X : ours(g) X = X theirs(g)}`, the null space of a sum of squares, `[m, dim, dim]`."""
    n, dim = theirs.shape[:2]
    products = torch.einsum("gij,gkl->ikjl", ours, theirs).reshape(dim * dim, dim * dim)
    values, vectors = torch.linalg.eigh(2 * n * torch.eye(dim * dim, dtype=torch.float64) - products - products.mT)
    return vectors[:, values < 1e-6].mT.reshape(-1, dim, dim)


def _bijection(theirs: Tensor, ours: Tensor) -> Tensor | None:
    """The permutation matrix of a bijection that commutes with the group, orbit by orbit."""
    moved = [[values.argmax(1).tolist() for values in table] for table in (theirs, ours)]  # j -> g j
    size = theirs.shape[-1]
    found: dict[int, int] = {}
    for base in range(size):
        if base in found:
            continue
        for candidate in (base, *(i for i in range(size) if i != base)):
            orbit = _follow(moved[0], moved[1], base, candidate)
            if orbit is not None and not set(orbit.values()) & set(found.values()):
                found |= orbit
                break
        else:
            return None
    change = torch.zeros(size, size, dtype=torch.float64)
    change[[found[j] for j in range(size)], list(range(size))] = 1.0
    return change


def _follow(theirs: list[list[int]], ours: list[list[int]], base: int, image: int) -> dict[int, int] | None:
    """The map of an orbit that takes `base` to `image` and commutes with the generators, if there is one."""
    found, queue = {base: image}, [base]
    while queue:
        j = queue.pop()
        for t, o in zip(theirs, ours, strict=True):
            if t[j] not in found:
                found[t[j]] = o[found[j]]
                queue.append(t[j])
            elif found[t[j]] != o[found[j]]:
                return None
    return found if len(set(found.values())) == len(found) else None
