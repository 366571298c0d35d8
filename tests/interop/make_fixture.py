"""Make the files of `tests/interop/data` anew, in an environment with escnn (or e2cnn) and without steer.

    python3.11 -m venv peer                       # numpy < 2, so Python 3.12 at most
    peer/bin/pip install torch "numpy<2"
    apt-get install gfortran                      # py3nj, which escnn requires, is built with a Fortran compiler
    peer/bin/pip install escnn==1.0.11            # and, for the last network, --no-deps e2cnn==0.2.3
    peer/bin/python tests/interop/make_fixture.py

Every network is exported to `NAME.npz`, and an input with the output of the peer on it is written to `NAME_run.npz`. Each is
small, trained by nothing, with random weights, biases and statistics; the steer networks are in test_load.py.
"""

import importlib.util
import sys
import warnings
from pathlib import Path

import numpy as np
import torch

warnings.filterwarnings("ignore")
HERE = Path(__file__).resolve().parent
SCRIPT = HERE.parent.parent / "steer" / "interop" / "escnn_export.py"


def export_function():
    """`export`, from the script beside the loader, as a user without steer would load it."""
    spec = importlib.util.spec_from_file_location("escnn_export", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.export


def dihedral():
    from escnn import gspaces, nn

    space = gspaces.flipRot2dOnR2(4)
    image, hidden = space.type(space.trivial_repr), space.type(*[space.regular_repr] * 2)
    body = nn.SequentialModule(
        nn.R2Conv(image, hidden, 3, padding=1),
        nn.InnerBatchNorm(hidden),
        nn.ReLU(hidden),
        nn.R2Conv(hidden, hidden, 5, padding=2, stride=2, groups=2),
        nn.ELU(hidden, alpha=0.5),
        nn.PointwiseAvgPool2D(hidden, 3, stride=2),
        nn.GroupPooling(hidden),
    )
    return torch.nn.Sequential(body, Head(2, 3)), image, (9, 9)


class Head(torch.nn.Module):
    """Invariant fields to classes."""

    def __init__(self, channels, classes):
        super().__init__()
        self.linear = torch.nn.Linear(channels, classes)

    def forward(self, x):
        return self.linear(x.tensor.mean((2, 3)))


def cyclic():
    from escnn import gspaces, nn

    space = gspaces.rot2dOnR2(8)
    image = space.type(space.trivial_repr, space.irrep(1))
    hidden = space.type(space.regular_repr, space.quotient_repr(2), space.trivial_repr, space.regular_repr)
    last = space.type(space.irrep(2), space.trivial_repr)
    return (
        nn.SequentialModule(
            nn.R2Conv(image, hidden, 4, padding=2, dilation=2),
            nn.InnerBatchNorm(hidden),
            nn.ReLU(hidden),
            nn.R2Conv(hidden, last, 3, bias=False),
        ),
        image,
        (9, 9),
    )


def gated_plane():
    from escnn import gspaces, nn

    space = gspaces.rot2dOnR2(-1)
    image = space.type(space.trivial_repr)
    scalars, others = [space.trivial_repr] * 3, [space.irrep(1), space.irrep(2), space.irrep(1)]
    hidden = space.type(*scalars, *[space.trivial_repr] * 3, *others)
    gate = nn.MultipleModule(
        hidden,
        ["scalars"] * 3 + ["gated"] * 6,
        [
            (nn.ELU(space.type(*scalars)), "scalars"),
            (nn.GatedNonLinearity1(space.type(*[space.trivial_repr] * 3, *others)), "gated"),
        ],
    )
    last = space.type(*[space.irrep(1)] * 2, space.trivial_repr)
    return (
        nn.SequentialModule(
            nn.R2Conv(image, hidden, 5, padding=2),
            nn.IIDBatchNorm2d(hidden),
            gate,
            nn.R2Conv(gate.out_type, last, 3, padding=1),
            nn.NormNonLinearity(last),
            nn.R2Conv(last, last, 3, padding=1, groups=1),
        ),
        image,
        (9, 9),
    )


def reflected_plane():
    from escnn import gspaces, nn

    space = gspaces.flipRot2dOnR2(-1)
    image = space.type(space.trivial_repr, space.irrep(1, 1))
    hidden = space.type(space.irrep(1, 1), space.irrep(1, 0), space.irrep(0, 0), space.irrep(1, 2))
    return (
        nn.SequentialModule(
            nn.R2ConvTransposed(image, hidden, 3, stride=2, padding=1),
            nn.NormNonLinearity(hidden),
            nn.R2ConvTransposed(hidden, hidden, 3),
        ),
        image,
        (5, 5),
    )


def octahedral():
    from escnn import gspaces, nn

    space = gspaces.octaOnR3()
    volume = space.type(space.trivial_repr)
    hidden = space.type(space.regular_repr)
    return (
        nn.SequentialModule(
            nn.R3Conv(volume, hidden, 3, padding=1),
            nn.InnerBatchNorm(hidden),
            nn.ReLU(hidden),
            nn.R3Conv(hidden, space.type(*[space.irrep(*i.id) for i in space.fibergroup.irreps()]), 3),
        ),
        volume,
        (5, 5, 5),
    )


def gated_space():
    from escnn import gspaces, nn

    space = gspaces.rot3dOnR3()
    volume = space.type(space.trivial_repr)
    scalars, others = [space.trivial_repr] * 2, [space.irrep(2), space.irrep(1)]
    hidden = space.type(*scalars, *[space.trivial_repr] * 2, *others)
    gate = nn.MultipleModule(
        hidden,
        ["scalars"] * 2 + ["gated"] * 4,
        [
            (nn.ELU(space.type(*scalars)), "scalars"),
            (nn.GatedNonLinearity1(space.type(*[space.trivial_repr] * 2, *others)), "gated"),
        ],
    )
    norms = nn.MultipleModule(
        hidden,
        ["scalars"] * 4 + ["others"] * 2,
        [
            (nn.InnerBatchNorm(space.type(*[space.trivial_repr] * 4)), "scalars"),
            (nn.NormBatchNorm(space.type(*others)), "others"),
        ],
    )
    last = space.type(space.trivial_repr, space.irrep(1), space.irrep(3))
    return (
        nn.SequentialModule(
            nn.R3Conv(volume, hidden, 3, padding=1),
            norms,
            gate,
            nn.R3Conv(gate.out_type, last, 5, padding=2),
        ),
        volume,
        (7, 6, 5),
    )


def sampled():
    from escnn import gspaces, nn

    space = gspaces.flipRot2dOnR2(-1)
    image = space.type(space.trivial_repr, space.irrep(1, 1))
    act = nn.FourierELU(space, 2, space.fibergroup.bl_irreps(2), N=12)
    other = nn.FourierPointwise(space, 1, space.fibergroup.bl_irreps(2), N=12, function="p_relu")
    return (
        nn.SequentialModule(
            nn.R2Conv(image, act.in_type, 5, padding=2),
            nn.IIDBatchNorm2d(act.in_type),
            act,
            nn.R2Conv(act.out_type, other.in_type, 3),
            other,
            nn.R2Conv(other.out_type, space.type(space.trivial_repr, space.irrep(1, 1)), 3, padding=1),
        ),
        image,
        (7, 7),
    )


def points():
    from escnn import group, gspaces, nn

    space = gspaces.no_base_space(group.o3_group(3))
    into = space.type(space.irrep(0, 0), space.irrep(1, 1), space.irrep(0, 2))
    hidden = space.type(space.irrep(1, 1), space.irrep(0, 2), space.irrep(0, 0), space.irrep(1, 1))
    return (nn.SequentialModule(nn.Linear(into, hidden), nn.NormNonLinearity(hidden), nn.Linear(hidden, into)), into, ())


def e2cnn():
    from e2cnn import gspaces, nn

    space = gspaces.FlipRot2dOnR2(4)
    image = nn.FieldType(space, [space.trivial_repr])
    hidden = nn.FieldType(space, [space.regular_repr] * 2)
    return (
        nn.SequentialModule(
            nn.R2Conv(image, hidden, 5, padding=2),
            nn.InnerBatchNorm(hidden),
            nn.ReLU(hidden),
            nn.R2Conv(hidden, nn.FieldType(space, [space.irrep(1, 1), space.irrep(1, 0)]), 3),
        ),
        image,
        (7, 7),
    )


NETWORKS = (dihedral, cyclic, gated_plane, reflected_plane, octahedral, gated_space, sampled, points, e2cnn)


def main(names):
    export = export_function()
    for build in NETWORKS:
        if names and build.__name__ not in names:
            continue
        torch.manual_seed(0)
        np.random.seed(0)
        network, kind, shape = build()
        wrap = kind if build is not e2cnn else lambda x, t=kind: sys.modules["e2cnn"].nn.GeometricTensor(x, t)
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if "weights" not in name and "eps" not in name:
                    parameter.add_(0.3 * torch.randn_like(parameter))
            for _ in range(3):  # statistics
                network(wrap(torch.randn(4, kind.size, *shape) + 0.3))
            network.eval()
            x = torch.randn(2, kind.size, *shape)
            y = network(wrap(x))
            y = y if isinstance(y, torch.Tensor) else y.tensor
        (HERE / "data").mkdir(exist_ok=True)
        path = HERE / "data" / (build.__name__ + ".npz")
        export(network, path)
        np.savez_compressed(HERE / "data" / (build.__name__ + "_run.npz"), x=x.numpy(), y=y.numpy())
        print(build.__name__, path.stat().st_size, "bytes, output", list(y.shape))


if __name__ == "__main__":
    main(sys.argv[1:])
