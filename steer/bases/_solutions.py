"""What packs can hold: how each solution is computed, and the laws that it has to satisfy."""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from steer import expansion
from steer.bases._options import require
from steer.coupling import Table, clebsch_gordan_entry, decomposition_entry
from steer.expansion import Sampling, exact_symmetries, layout, read_block, solve_block
from steer.group import Group, deterministic, gauss_legendre, rotation
from steer.kernel import HarmonicRepresentation, harmonic_dim
from steer.representation import (
    Irrep,
    Representation,
    is_searched,
    parse,
    parse_fields,
    searched_irreps,
    trace,
    wigner_d,
    wigner_d_from_angles,
    wigner_j,
)
from steer.store import Entry


class Solution(ABC):
    """A kind of entry.

    Attributes:
        of_a_group: whether it belongs to a group.
        finite: whether that has to be a finite one.
        options: the further keys of a recipe; what their values have to be is in `OPTIONS`.
        required: those among them that a recipe must have.
        most: the largest values of options that a recipe may have.
        cost: what those values cost, for the message that refuses larger ones.
    """

    of_a_group = True
    finite = False
    options: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    most: Mapping[str, int] = {}
    cost: str = ""

    def details(self, group: Group | None, options: dict[str, Any]) -> list[str]:
        """What else its entries depend on, one text per entry."""
        return [""]

    def name(self, group: Group | None, detail: str) -> str:
        """The part of an entry's name after its group."""
        return detail

    @abstractmethod
    def solve(self, group: Any, detail: str) -> Entry: ...

    @abstractmethod
    def residual(self, group: Any, detail: str, entry: Entry) -> float:
        """By how much an entry misses its laws at worst; infinite if something is missing.

        Deterministic in all of them: it is in the manifest, whose bytes do not depend on the number of threads.
        """


def _upto(options: dict[str, Any], key: str, first: int) -> list[str]:
    return [str(n) for n in range(first, options[key] + 1)]


def _size(values: Tensor) -> float:
    # NaN is no number that `max` orders: a law that came out as one is not satisfied.
    return float(values.abs().nan_to_num(math.inf).max()) if values.numel() else 0.0


def _probes(group: Group) -> Tensor:
    """Elements that a law is tested on: generators, and a few others."""
    stream = torch.Generator("cpu").manual_seed(0)
    return torch.cat([group.generators, group.sample(4, stream)])


class Irreps(Solution):
    """All irreps of a finite group: how they were found, and their values.

    Laws: `rho(g) rho(h) = rho(g h)`, orthogonal, characters of different irreps orthogonal, and complete.
    """

    finite = True

    def details(self, group: Group | None, options: dict[str, Any]) -> list[str]:
        assert group is not None
        if not is_searched(group):
            raise ValueError(
                f"irreps: a group without closed forms is required, for those of others are never read; received {group}"
            )
        return [""]

    def solve(self, group: Any, detail: str) -> Entry:
        return searched_irreps(group)

    @deterministic
    def residual(self, group: Any, detail: str, entry: Entry) -> float:
        numbers, values, start, worst = entry.tensors["numbers"], entry.tensors["values"], 0, 0.0
        characters = []
        for dim in numbers[:, 2].tolist():
            table = values[start : start + group.order * dim**2].reshape(-1, dim, dim)
            start += table.numel()
            worst = max(worst, _size(table @ table.mT - torch.eye(dim)))
            for g in group.index(group.generators).tolist():
                worst = max(worst, _size(table[g] @ table - table[group.table[g]]))
            characters.append(trace(table))
        gram = torch.stack(characters) @ torch.stack(characters).mT / group.order
        worst = max(worst, _size(gram - torch.diag(numbers[:, 3].double())))
        complete = int((numbers[:, 2] ** 2 // numbers[:, 3]).sum()) == group.order and start == len(values)
        return worst if complete else math.inf


class ClebschGordan(Solution):
    """The couplings of all triples of irreps, of a continuous group up to a degree.

    Laws: `c(g) C = C (a(g) x b(g))`, orthonormal, and for finite groups complete: the copies of all c fill a x b.
    """

    options = ("max_degree",)
    most: Mapping[str, int] = {"max_degree": 20}
    cost = "of so3() degree 12 is 32 MB, 20 would be 0.7 GB, and it grows with the sixth power"

    def details(self, group: Group | None, options: dict[str, Any]) -> list[str]:
        assert group is not None
        return [""] if group.is_finite else [str(require(options, "max_degree"))]

    def name(self, group: Group | None, detail: str) -> str:
        return ""

    @staticmethod
    def _irreps(group: Group, detail: str) -> tuple[Irrep, ...]:
        return tuple(group.irreps(int(detail)) if detail else group.irreps())

    def solve(self, group: Any, detail: str) -> Entry:
        return clebsch_gordan_entry(self._irreps(group, detail))

    @deterministic
    def residual(self, group: Any, detail: str, entry: Entry) -> float:
        irreps = self._irreps(group, detail)
        if entry.info["labels"] != [irrep.label for irrep in irreps]:
            return math.inf
        table = Table(group, entry)
        g = _probes(group)
        values = [irrep.matrices(g) for irrep in irreps]
        worst = 0.0
        filled: dict[tuple[int, int], int] = {}
        for a, b, c, n in entry.tensors["triples"].tolist():
            found = table.get(irreps[a], irreps[b], irreps[c])
            flat = found.flatten(1)
            worst = max(worst, _size(flat @ flat.mT - torch.eye(n)))
            left = torch.einsum("gij,njab->gniab", values[c], found)
            right = torch.einsum("gxa,gyb,nixy->gniab", values[a], values[b], found)
            worst = max(worst, _size(left - right))
            filled[a, b] = filled.get((a, b), 0) + n * irreps[c].dim // irreps[c].endomorphisms
        pairs = {(i, j): a.dim * b.dim for i, a in enumerate(irreps) for j, b in enumerate(irreps)}
        complete = filled == pairs if group.is_finite else all(filled[p] <= pairs[p] for p in filled)
        return worst if complete else math.inf


class Decomposition(Solution):
    """Irreps and change of basis of a representation: the restriction of harmonics, or the regular one.

    Laws: `rho(g) Q = Q diag(irreps(g))`, and Q is orthogonal.
    """

    @abstractmethod
    def representation(self, group: Group, detail: str) -> Representation: ...

    def name(self, group: Group | None, detail: str) -> str:
        assert group is not None
        return self.representation(group, detail).packed_as

    def solve(self, group: Any, detail: str) -> Entry:
        return decomposition_entry(self.representation(group, detail))

    @deterministic
    def residual(self, group: Any, detail: str, entry: Entry) -> float:
        representation, change = self.representation(group, detail), entry.tensors["change"]
        g = _probes(group)
        irreps = [group.irrep(label).matrices(g) for label in entry.info["irreps"]]
        if sum(values.shape[-1] for values in irreps) != representation.dim:
            return math.inf
        blocks = torch.stack([torch.block_diag(*(values[i] for values in irreps)) for i in range(len(g))])
        law = representation.matrices(g) @ change - change @ blocks
        return max(_size(law), _size(change.mT @ change - torch.eye(representation.dim)))


class Harmonics(Decomposition):
    options = required = ("max_degree",)
    most: Mapping[str, int] = {"max_degree": 100}
    cost = "of full_icosahedral() degree 100 takes 40 seconds and 1 GB of memory, and it grows with the fourth power"

    def details(self, group: Group | None, options: dict[str, Any]) -> list[str]:
        assert group is not None
        # On the line there are none above degree 1: no entry, for there is nothing that it could hold.
        return [degree for degree in _upto(options, "max_degree", 0) if harmonic_dim(group.d, int(degree))]

    def representation(self, group: Group, detail: str) -> Representation:
        return HarmonicRepresentation(group, int(detail))


class Regular(Decomposition):
    finite = True

    def representation(self, group: Group, detail: str) -> Representation:
        return group.regular


class WignerJ(Solution):
    """The half turn that exchanges the polar axis, on harmonics of a degree.

    Laws: `J = J^T`, `J J = 1`, and it turns rotations about one axis into those about the other.
    """

    of_a_group = False
    options = required = ("max_degree",)
    most: Mapping[str, int] = {"max_degree": 100}
    cost = "all matrices to degree 100 are 11 MB and take 5 seconds, and it grows with the fourth power"

    def details(self, group: Group | None, options: dict[str, Any]) -> list[str]:
        return _upto(options, "max_degree", 0)

    def solve(self, group: Any, detail: str) -> Entry:
        return Entry({"j": wigner_j(int(detail))})

    @deterministic
    def residual(self, group: Any, detail: str, entry: Entry) -> float:
        degree, j = int(detail), entry.tensors["j"]
        unit = torch.eye(2 * degree + 1, dtype=torch.float64)
        zero, angle = torch.zeros((), dtype=torch.float64), torch.tensor(0.7, dtype=torch.float64)
        about_pole = wigner_d_from_angles(degree, angle, zero, zero)
        law = j @ about_pole @ j - wigner_d(degree, rotation([1, 0, 0], 0.7))
        return max(_size(j @ j - unit), _size(j - j.mT), _size(law))


class GaussLegendre(Solution):
    """Nodes and weights on [-1, 1]. Law: exact for polynomials of degree 2 n - 1."""

    of_a_group = False
    options = required = ("max_nodes",)
    most: Mapping[str, int] = {"max_nodes": 1000}
    cost = "all rules to 1000 nodes are 8 MB and take half a minute, and it grows with the third power"

    def details(self, group: Group | None, options: dict[str, Any]) -> list[str]:
        return _upto(options, "max_nodes", 1)

    def solve(self, group: Any, detail: str) -> Entry:
        nodes, weights = gauss_legendre(int(detail))
        return Entry({"nodes": nodes, "weights": weights})

    @deterministic
    def residual(self, group: Any, detail: str, entry: Entry) -> float:
        nodes, weights = entry.tensors["nodes"].numpy(), entry.tensors["weights"].numpy()
        # Legendre polynomials in place of powers: all of them are at most 1, and integrate to zero but the first.
        values = np.polynomial.legendre.legvander(nodes, 2 * int(detail) - 1)
        integrals = weights @ values
        integrals[0] -= 2
        return float(np.abs(integrals).max()) if len(nodes) == int(detail) else math.inf


class SampledBlock(Solution):
    """The sampled kernels between two kinds of fields. Law: `K(g x) = rho_out(g) K(x) rho_in(g)^-1` for grid symmetries.

    The law is linear in the kernel: it holds for all of them if it holds for a combination in general position. `DRAWS` such
    combinations are tested in place of every element, which for regular fields of a large group would be gigabytes.
    """

    DRAWS = 3
    TAPS, RATIO = 5000, 100  # of a kernel, and of its spacings
    LABEL, COPIES = 100, 10_000  # of an irrep, and of a kind of field

    required = ("in", "out", "kernel_size")
    options = (*required, "lattice", "spacing", "band_limit", "rings", "widths")

    def details(self, group: Group | None, options: dict[str, Any]) -> list[str]:
        assert group is not None
        size = options["kernel_size"]
        taps = size**group.d if isinstance(size, int) else math.prod(size)
        if taps > self.TAPS:
            raise ValueError(f"kernel_size: at most {self.TAPS} taps are required; received {size}, which are {taps}")
        spacing = options.get("spacing", 1.0)
        if isinstance(spacing, list) and max(spacing) > self.RATIO * min(
            spacing
        ):  # rings are as near as the nearest samples
            raise ValueError(f"spacing: at most {self.RATIO} times the smallest is required; received {spacing}")
        into, out = (self._kinds(group, key, options[key]) for key in ("in", "out"))
        shared = {key: value for key, value in options.items() if key not in ("in", "out")}
        pairs = [(str(a), str(b)) for b, _ in out for a, _ in into]
        details = [json.dumps({**shared, "in": a, "out": b}, sort_keys=True) for a, b in dict.fromkeys(pairs)]
        for detail in details:
            self._asked(group, detail)  # raises for what cannot be sampled, before anything is computed
        return details

    def _kinds(self, group: Group, key: str, text: str) -> Any:
        """The different kinds of fields that a text names, within bounds."""
        for number, times in re.findall(r"([0-9]+)\s*([x*]?)", text):
            most, what = (self.COPIES, "a multiplicity") if times else (self.LABEL, "a number in a label")
            if len(number.lstrip("0")) > len(str(most)) or int(number) > most:  # Python refuses to read thousands of digits
                raise ValueError(f"{key}: {what} of at most {most} is required; received {number[:20]}")
        return layout(tuple(parse_fields(group, text))).groups

    @staticmethod
    def _asked(group: Group, detail: str) -> tuple[Representation, Representation, Sampling]:
        asked = json.loads(detail)
        grid = expansion.lattice(asked.get("lattice"), group.d, asked.get("spacing", 1.0))
        size = asked["kernel_size"]
        sizes = [size] * group.d if isinstance(size, int) else size
        rings = {key: asked.get(key) for key in ("band_limit", "rings", "widths")}
        return parse(group, asked["in"]), parse(group, asked["out"]), expansion.sampling(grid, sizes, **rings)

    def name(self, group: Group | None, detail: str) -> str:
        assert group is not None
        name = expansion.block_name(*self._asked(group, detail))[1]
        assert name
        return name

    def solve(self, group: Any, detail: str) -> Entry:
        asked = self._asked(group, detail)
        entry = solve_block(*asked).entry()
        return Entry(entry.tensors, {**entry.info, "of": expansion.block_name(*asked)[0]})

    @deterministic
    def residual(self, group: Any, detail: str, entry: Entry) -> float:
        into, out, sampling = self._asked(group, detail)
        assert sampling.lattice is not None
        solved = read_block(into, out, sampling, entry)
        stream = torch.Generator("cpu").manual_seed(0)
        weight = torch.randn(self.DRAWS, 1, solved.size, generator=stream, dtype=torch.float64)
        kernels = solved.expand(weight, solved.constants).reshape(self.DRAWS, out.dim, into.dim, -1)
        points = sampling.points(group.d)
        worst = 0.0
        for g in exact_symmetries(sampling.lattice, group).elements:
            distance = torch.cdist(points @ g.mT, points, compute_mode="donot_use_mm_for_euclid_dist")
            if float(distance.min(1).values.max()) > 1e-6:
                continue  # this element does not keep the kernel's box
            moved = kernels[..., distance.argmin(1)]
            law = moved - torch.einsum("ab,nbcx,dc->nadx", out.matrices(g), kernels, into.matrices(g))
            worst = max(worst, _size(law))
        return worst


SOLUTIONS: dict[str, Solution] = {
    "irreps": Irreps(),
    "clebsch_gordan": ClebschGordan(),
    "harmonics": Harmonics(),
    "regular": Regular(),
    "wigner_j": WignerJ(),
    "gauss_legendre": GaussLegendre(),
    "layer": SampledBlock(),
}
"""What a recipe may ask for."""

STORED_AS = {"harmonics": "decomposition", "regular": "decomposition", "layer": "block"}
"""Names under which other rooms look for them, where they differ."""
