"""From steerable kernels to dense ones: grids, band limits, sampled bases, the plan of a layer.

Imports the rooms up to `steer.kernel`. Law of the room: sampling a kernel at taps that a symmetry permutes keeps its law.
"""

from steer.expansion._blocks import Block, IrrepBlock, OrbitBlock, block
from steer.expansion._blocks import block_name as block_name
from steer.expansion._blocks import read_block as read_block
from steer.expansion._blocks import solve_block as solve_block
from steer.expansion._dense import dense_kernel, has_tangent, is_plain, unwatched
from steer.expansion._lattice import Lattice, exact_symmetries, exchanged_axes, lattice, reversed_axes, sums_axes
from steer.expansion._layout import Layout, atoms, layout
from steer.expansion._plan import Plan, plan
from steer.expansion._resample import moves_exactly, transform
from steer.expansion._sampling import POINT, BandLimit, Sampling, sampling
from steer.expansion._schur import Schur, Work, schur, work

__all__ = [
    "POINT",
    "BandLimit",
    "Block",
    "IrrepBlock",
    "Lattice",
    "Layout",
    "OrbitBlock",
    "Plan",
    "Sampling",
    "Schur",
    "Work",
    "atoms",
    "block",
    "dense_kernel",
    "exact_symmetries",
    "exchanged_axes",
    "has_tangent",
    "is_plain",
    "lattice",
    "layout",
    "moves_exactly",
    "plan",
    "reversed_axes",
    "sampling",
    "schur",
    "sums_axes",
    "transform",
    "unwatched",
    "work",
]
