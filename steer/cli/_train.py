"""Training and testing of a classifier, the same for both networks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

BATCH = 64
RATE = 6e-3


def train(
    network: torch.nn.Module,
    images: Tensor,
    labels: Tensor,
    epochs: int,
    seed: int,
    progress: Callable[[int, float], None] = lambda step, loss: None,
) -> float:
    """Train in place: AdamW, a rate that rises and falls once, batches in an order drawn with the seed.

    Args:
        network: maps `[batch, 1, row, column]` to scores `[batch, class]`.
        images, labels: on the device of the network.
        epochs: passes over the images, at least 1.
        seed: of the order.
        progress: called after every step with its number, from 1, and its loss.
    Returns:
        Seconds taken.
    """
    generator = torch.Generator().manual_seed(seed)
    per_epoch = math.ceil(len(images) / BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=epochs * per_epoch)
    network.train()
    start = time.perf_counter()
    for epoch in range(epochs):
        order = torch.randperm(len(images), generator=generator).to(images.device)
        # `tensor_split` makes batches of nearly one size: none is left with a single image, which has no statistics.
        for i, batch in enumerate(order.tensor_split(per_epoch)):
            loss = F.cross_entropy(network(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            progress(epoch * per_epoch + i + 1, float(loss.detach()))
    return time.perf_counter() - start


@torch.no_grad()
def correct(network: torch.nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Which images are classified rightly, `[image]` bool; in eval mode."""
    network.eval()
    found = [network(part).argmax(1) for part in images.split(256)]
    return torch.cat(found) == labels
