"""Deliberately broken networks: layers, and what a report has to say of them."""

from __future__ import annotations

import torch

from steer import gspaces, nn

SPACE = gspaces.rot2dOnR2(4)
GREY, VECTORS, REGULAR = SPACE.type("trivial"), SPACE.type("2x1"), SPACE.type("2xregular")


def conv(into: nn.FieldType, out: nn.FieldType, *args: object, **kwargs: object) -> nn.R2Conv:
    return nn.R2Conv(into, out, *args, **kwargs)


def stock_bias(n: int) -> torch.nn.Conv2d:
    """The dense kernel of a steerable layer, with a bias on every channel."""
    out = conv(VECTORS, VECTORS, 3, padding=1).export()
    layer = torch.nn.Conv2d(n, n, 3, padding=1)
    with torch.no_grad():
        layer.weight.copy_(out.weight)
    return layer


def with_nan(layer: torch.nn.Module) -> torch.nn.Module:
    """With one weight that is not a number."""
    with torch.no_grad():
        layer.weight.view(-1)[0] = torch.nan
    return layer


class Overflow(torch.nn.Module):
    """Infinite wherever the input is positive."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 1e300 * 1e300


POOLED = torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 2)

BROKEN = {
    "even size with a stride": (
        [conv(GREY, REGULAR, 3, padding=1), conv(REGULAR, REGULAR, 3, stride=2, padding=1), nn.ReLU(REGULAR)],
        (REGULAR, 32, "1", "stride 2 on size 32x32.*size 31x31 would be"),
    ),
    "pooling on an odd size": (
        [conv(GREY, REGULAR, 3, padding=1), nn.PointwiseMaxPool(REGULAR, 2), nn.ReLU(REGULAR)],
        (REGULAR, 31, "1", "stride 2 on size 31x31.*size 30x30 would be"),
    ),
    "padding on one side": (
        [conv(GREY, REGULAR, 3), torch.nn.ZeroPad2d((2, 0, 2, 0)), nn.ReLU(REGULAR)],
        (REGULAR, 17, "1", "more on one side than on the other"),
    ),
    "bias on vectors": (
        [conv(GREY, VECTORS, 3, padding=1), stock_bias(4), nn.NormNonLinearity(VECTORS)],
        (VECTORS, 17, "1", "its bias acts on channels that are not invariant, of 1"),
    ),
    "rectifier on vectors": (
        [conv(GREY, VECTORS, 3, padding=1), torch.nn.ReLU(), conv(VECTORS, GREY, 3)],
        (GREY, 17, "1", "ReLU acts on single channels, and the group mixes those of 1"),
    ),
    "in-place rectifier on vectors": (
        [conv(GREY, VECTORS, 3, padding=1), torch.nn.ReLU(inplace=True), conv(VECTORS, GREY, 3)],
        (GREY, 17, "1", "ReLU acts on single channels"),
    ),
    "batch normalisation of channels": (
        [conv(GREY, REGULAR, 3, padding=1), torch.nn.BatchNorm2d(8), nn.ReLU(REGULAR)],
        (REGULAR, 17, "1", "single channels, not of fields: use InnerBatchNorm"),
    ),
    "max pooling of vectors": (
        [conv(GREY, VECTORS, 3, padding=1), torch.nn.MaxPool2d(3), nn.NormNonLinearity(VECTORS)],
        (VECTORS, 15, "1", "compares single channels"),
    ),
    "free weights": (
        [conv(GREY, REGULAR, 3), torch.nn.Conv2d(8, 8, 3, bias=False), nn.GroupPooling(REGULAR)],
        (SPACE.type("2xtrivial"), 17, "1", "the weights of Conv2d are free"),
    ),
    "a wrong type": (
        [conv(GREY, VECTORS, 3), nn.Identity(VECTORS)],
        (SPACE.type("4xtrivial"), 17, "(whole network)", "every layer holds: look at what is done between them"),
    ),
    "positions as channels": (
        [conv(GREY, GREY, 3), torch.nn.Flatten(), torch.nn.Linear(49, 3)],
        (None, 9, "(whole network)", "makes channels of positions"),
    ),
    "a stock convolution before one site": (
        [torch.nn.Conv2d(1, 4, 3), *POOLED],
        (None, 9, "(whole network)", r"above \S+; the weights of 0 \(Conv2d\) are free(?!.*Flatten)"),
    ),
    "a stock convolution between types and one site": (
        [conv(GREY, REGULAR, 3), torch.nn.Conv2d(8, 4, 3), *POOLED],
        (None, 9, "(whole network)", r"above \S+; the weights of 1 \(Conv2d\) are free(?!.*Flatten)"),
    ),
    "a stock convolution and positions as channels": (
        [torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(196, 3)],
        (None, 9, "(whole network)", r"0 \(Conv2d\) are free.*; 1 \(Flatten\) makes channels of positions"),
    ),
    "weights that are not finite": (
        [conv(GREY, REGULAR, 3), with_nan(conv(REGULAR, REGULAR, 3)), nn.ReLU(REGULAR)],
        (REGULAR, 9, "1", "its output is not finite, nor are its numbers weight"),
    ),
    "an overflow": (
        [conv(GREY, GREY, 3), Overflow(), nn.Identity(GREY)],
        (GREY, 9, "1", "its output is not finite, though its weights are"),
    ),
    "not finite between types": (
        [with_nan(torch.nn.Conv2d(1, 4, 3)), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()],
        (None, 9, "(whole network)", r"its output is not finite, nor are its numbers 0\.weight"),
    ),
    "one-sided output padding": (
        [conv(GREY, GREY, 3), torch.nn.ConvTranspose2d(1, 1, 2, 2, output_padding=1), nn.Identity(GREY)],
        (GREY, 9, "1", "output_padding .* one side only"),
    ),
}
"""Layers; the type of the output, the size of the input, the layer at fault, and the reason."""


def network(name: str) -> tuple[torch.nn.Module, tuple[nn.FieldType, int, str, str]]:
    """One of them, with running statistics as after some training, and what to expect."""
    layers, expected = BROKEN[name]
    model = torch.nn.Sequential(*layers)
    with torch.no_grad():
        for module in model:
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_()
                module.running_var.uniform_(0.5, 2)
    return model, expected
