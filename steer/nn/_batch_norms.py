"""All batch norms of a network, of fields and stock ones: their running statistics anew, and those of several processes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from steer.group import require
from steer.nn._batch_norm import NormBatchNorm


@torch.no_grad()
def update_bn(loader: Iterable[Any], model: torch.nn.Module, device: torch.device | str | int | None = None) -> None:
    """Running statistics of all batch norms, of fields and stock ones, anew: the mean over the batches of a loader.

    For averaged weights, as `torch.optim.swa_utils.update_bn`, which knows the classes of torch alone and would leave the
    batch norms of fields as they are.

    Args:
        loader: batches, or lists and tuples whose first entry is one.
        model: any module; its mode stays.
        device: where batches are sent before.
    """
    require(model, torch.nn.Module, "update_bn", "a model, a torch module, after the loader")
    require(loader, Iterable, "update_bn", "a loader, which gives batches,")
    norms = [m for m in model.modules() if isinstance(m, (NormBatchNorm, torch.nn.modules.batchnorm._BatchNorm))]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.train()
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
        for batch in loader:
            x = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(x if device is None else x.to(device))
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for module, training in modes:
            module.training = training


def convert_sync_batchnorm(
    network: torch.nn.Module, process_group: torch.distributed.ProcessGroup | None = None
) -> torch.nn.Module:
    """All batch norms, of fields and stock ones, with the statistics of the joined batch of several processes in train mode.

    Those of fields are changed in place and stay the layers that they are, with the same checkpoints; stock ones become
    `torch.nn.SyncBatchNorm`, which trains on accelerators alone. Sums are added up over the processes, so their parts of the
    batch may differ in size, and be empty; every process takes as many steps. As long as `torch.distributed` is not
    initialised nothing changes, to the last bit. Copies by `copy.deepcopy` join the same processes; layers that went through
    `pickle` or `torch.save` join all of them, since a process group cannot be written.

    Law: the layer on all parts is the layer on the joined batch, in outputs, gradients and running statistics. Exact.

    Args:
        network: any torch module; call it before the network is wrapped in `DistributedDataParallel`.
        process_group: of the processes to join; None for all.
    Returns:
        The network, in which stock layers are replaced; a new layer if it is itself a stock batch norm.
    Source: `torch.nn.SyncBatchNorm.convert_sync_batchnorm`.

    >>> from steer import gspaces, nn
    >>> kind = gspaces.rot2dOnR2(4).type("2xregular")
    >>> net = nn.convert_sync_batchnorm(nn.Sequential(nn.R2Conv(kind, kind, 3), nn.InnerBatchNorm(kind)))
    """
    for module in network.modules():
        if isinstance(module, NormBatchNorm):
            module.synchronise(process_group)
    converted: torch.nn.Module = torch.nn.SyncBatchNorm.convert_sync_batchnorm(network, process_group)
    return converted
