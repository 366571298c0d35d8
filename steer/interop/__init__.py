"""Weights from other libraries: escnn and e2cnn networks as dense kernels, projected onto layers of steer.

Imports the rooms up to `steer.nn`. Law of the room: `K_s = Q_out K_e Q_in^T` with `rho_s(g) Q = Q rho_e(g)`. The file
`escnn_export.py` beside this one runs in the environment of the peer and imports nothing of steer.
"""

from steer.interop._file import DenseNetwork, read_dense
from steer.interop._load import load_dense
from steer.interop._report import LayerReport, Report
from steer.interop._rings import escnn_rings

__all__ = ["DenseNetwork", "LayerReport", "Report", "escnn_rings", "load_dense", "read_dense"]
