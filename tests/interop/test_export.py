"""The script for the environment of the peer stands alone; what it writes of escnn is tested by the files in `data`."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import steer
from steer.interop import load_dense, read_dense
from steer.interop.escnn_export import export
from tests.interop.networks import Head

SCRIPT = Path(steer.__file__).parent / "interop" / "escnn_export.py"


def test_it_imports_torch_and_numpy_alone() -> None:
    tree = ast.parse(SCRIPT.read_text(), feature_version=(3, 8))
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules == {"__future__", "json", "numpy", "torch", "typing"}


def test_it_runs_as_a_copy_without_steer(tmp_path: Path) -> None:
    (tmp_path / "escnn_export.py").write_text(SCRIPT.read_text())
    code = (
        "import sys, torch; from escnn_export import export; torch.manual_seed(1);"
        "export(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.BatchNorm1d(3)), 'n.npz');"
        "assert 'steer' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PATH": "", "PYTHONPATH": ""}, check=True)
    network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Identity(), torch.nn.BatchNorm1d(3))
    report = load_dense(network, tmp_path / "n.npz")
    torch.manual_seed(1)
    assert torch.equal(network[0].weight, torch.nn.Linear(2, 3).weight)
    assert [layer.kind for layer in report.layers] == ["stock", "stock"]
    assert report.input_change is None
    assert report.residual == 0
    assert len(str(read_dense(tmp_path / "n.npz")).splitlines()) == 3


def test_what_it_cannot_write(tmp_path: Path) -> None:
    head = Head(2, 3)
    head.scale = torch.nn.Parameter(torch.ones(1))
    with pytest.raises(
        ValueError, match=r"parameters in known layers only are required; received \['scale'\] of the network"
    ):
        export(head, tmp_path / "n.npz")
    with pytest.raises(ValueError, match="a network with layers of escnn or e2cnn is required"):
        export(torch.nn.Identity(), tmp_path / "n.npz")
    assert not list(tmp_path.iterdir())
