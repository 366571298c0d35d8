"""`steer check MODULE:OBJECT`: measure the equivariance of a network of the user's."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steer.cli._errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "check",
        help="measure the equivariance of a network",
        description="Measure the equivariance of a network and of each of its layers. Exits with 1 if an element that the "
        "grid supports fails.",
    )
    parser.add_argument(
        "target",
        metavar="MODULE:OBJECT",
        help="a module, or a function without arguments (or a class) that returns one; the current folder is on the path",
    )
    parser.add_argument(
        "--elements",
        type=int,
        metavar="N",
        help="try N elements besides the identity, spread over those of the gspace (default: all)",
    )
    parser.add_argument(
        "--size", type=int, metavar="N", help="samples along each axis of the input (default: odd, by dimension)"
    )
    parser.add_argument(
        "--tolerance", type=float, default=1e-10, help="largest error of exact elements (default: %(default)g)"
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="also show where the time of a training step goes: expansion, convolution, norm, nonlinearity, by layer",
    )
    parser.add_argument("--batch", type=int, default=16, metavar="N", help="inputs of a profiled step (%(default)s)")
    parser.set_defaults(command=_run)


def load(target: str) -> torch.nn.Module:
    """The module that `MODULE:OBJECT` names.

    Raises:
        UsageError: if there is none, or it cannot be made, or it has no `in_type`.
    """
    import torch

    from steer.field import FieldType

    name, _, path = target.partition(":")
    if not name or not path:
        raise UsageError(f"check: MODULE:OBJECT is required, such as my_package.networks:build; received {target!r}")
    if name.endswith(".py") or not all(part.isidentifier() for part in name.split(".")):
        stem = Path(name.removesuffix(".py")).name.strip(".") or "my_networks"
        raise UsageError(
            f"check: MODULE as in `import MODULE`, from the current folder, is required; received {name!r}; go to the folder of "  # noqa: E501
            f"the file, and give {stem}:{path}"
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(name)
    except Exception as error:  # whatever the user's module does when it is imported
        raise UsageError(f"check: {name!r} cannot be imported from this folder: {_brief(error)}") from error
    for part in path.split("."):
        if not hasattr(found, part):
            names = ", ".join(n for n in vars(found) if not n.startswith("_"))
            raise UsageError(
                f"check: an object of {name!r} is required; it has no {path!r}; it has {names or 'no public names'}"
            )
        found = getattr(found, part)
    if not isinstance(found, torch.nn.Module):
        if not callable(found):
            raise UsageError(
                f"check: a torch module, or a callable that returns one, is required; {target} is {type(found).__name__}"
            )
        try:
            found = found()
        except Exception as error:
            raise UsageError(f"check: {target} must be callable without arguments: {_brief(error)}") from error
        if not isinstance(found, torch.nn.Module):
            raise UsageError(f"check: {target} must return a torch module; it returned {type(found).__name__}")
    if not isinstance(getattr(found, "in_type", None), FieldType):
        raise UsageError(
            f"check: the field type of the input is required; {type(found).__name__} has no in_type; use steer.nn.Sequential, or "  # noqa: E501
            "set in_type (and out_type, unless the output is invariant) on the module"
        )
    return found


def _brief(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _spread(elements: list[Tensor], n: int) -> list[Tensor]:
    """Some of the elements, evenly from first to last, the identity (which proves nothing) excepted."""
    import torch

    moving = [g for g in elements if not torch.allclose(g, torch.eye(len(g), dtype=g.dtype))] or elements
    return moving if n >= len(moving) else [moving[i * len(moving) // n] for i in range(n)]


def _profile(target: str, module: torch.nn.Module, size: tuple[int, ...], batch: int) -> str:
    import torch

    from steer.testing import profile_step

    weight = next(module.parameters(), torch.zeros(()))
    kind: Any = module.in_type
    x = torch.randn(batch, kind.size, *size, dtype=weight.dtype, device=weight.device)
    try:
        found = profile_step(module, x)
    except (ValueError, TypeError, RuntimeError) as error:
        raise UsageError(f"check: a training step of {target} cannot be profiled: {_brief(error)}") from error
    threads = torch.get_num_threads()
    return f"a training step, batch {batch}, {threads} threads: {found.total:.1f} ms under the profiler\n\n{found}"


def _run(arguments: argparse.Namespace) -> int:
    for name, least in (("elements", 1), ("size", 1), ("batch", 1)):
        value = getattr(arguments, name)
        if value is not None and value < least:
            raise UsageError(f"check: --{name}, a whole number >= {least}, is required; received {value}")
    if not arguments.tolerance > 0:
        raise UsageError(f"check: --tolerance, a positive number, is required; received {arguments.tolerance}")
    module = load(arguments.target)

    from steer.testing import check_equivariance

    elements = None
    if arguments.elements is not None:
        space: Any = module.in_type.gspace  # type: ignore[union-attr]
        elements = _spread(space.testing_elements, arguments.elements)
    sizes: list[tuple[int, ...]] = []
    # What the measurement used is seen on the way in: its default depends on the dimension.
    watch = module.register_forward_pre_hook(
        lambda _module, inputs: sizes.append(tuple(getattr(inputs[0], "shape", ())[2:]))
    )
    try:
        report = check_equivariance(module, elements=elements, size=arguments.size)
    except (ValueError, TypeError, RuntimeError) as error:
        raise UsageError(
            f"check: {arguments.target} does not run on its in_type: {_brief(error)}; try another --size"
        ) from error
    finally:
        watch.remove()
    print(f"{arguments.target}: {module.in_type} -> {getattr(module, 'out_type', None) or 'invariant'}")
    if sizes and sizes[0]:
        print(f"size of the input: {' x '.join(map(str, sizes[0]))} samples")
    print()
    print(report.table)
    if arguments.profile:
        print(f"\n{_profile(arguments.target, module, sizes[0], arguments.batch)}")
    found = report.verdict(arguments.tolerance)
    if found is not None:
        print(f"\n{found}")
        return 1
    print(f"\nequivariant: exact elements hold to {report.error():.2g}")
    return 0
