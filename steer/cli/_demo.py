"""`steer demo`: a plain and a steerable network learn upright digits and are tested on turned ones."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steer.cli._errors import INTERRUPTED, UsageError

if TYPE_CHECKING:
    from steer.cli._data import Digits
    from steer.cli._results import Results
    from steer.cli._screen import Screen

SEEN = 13_000  # images in training, repetitions counted, unless --epochs says otherwise


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "demo",
        help="train a plain and a steerable network on digits and turn the digits",
        description="Train a plain and a steerable network of equal cost on upright handwritten digits, test both at every "
        "rotation, and leave a report, tables and a picture. Ctrl-C keeps what is finished.",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="a folder with the idx files of MNIST (.gz or not), or an .npz file with x_train, y_train, x_test, y_test "
        "(default: the digits of scikit-learn)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("demo-out"), metavar="DIR", help="folder for the results (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default: %(default)s)")
    parser.add_argument(
        "--epochs", type=int, metavar="N", help=f"passes over the images (default: as many as see {SEEN:,}, at least 5)"
    )
    parser.add_argument("--limit", type=int, default=10_000, metavar="N", help="most training images (default: %(default)s)")
    parser.add_argument(
        "--curve-limit", type=int, default=1000, metavar="N", help="most test images to turn (default: %(default)s)"
    )
    parser.add_argument(
        "--step",
        type=int,
        default=15,
        metavar="DEGREES",
        help="between tested angles, a divisor of 360 (default: %(default)s)",
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, ... (default: %(default)s)")
    parser.set_defaults(command=_run)


def _check(arguments: argparse.Namespace) -> None:
    """Everything that can be wrong is found before the first minute is spent."""
    import torch

    from steer.plot import require_matplotlib

    for name in ("epochs", "limit", "curve_limit", "step"):
        value = getattr(arguments, name)
        least = 2 if name == "limit" else 1
        if value is not None and value < least:
            raise UsageError(f"demo: --{name.replace('_', '-')}, a whole number >= {least}, is required; received {value}")
    if 360 % arguments.step:
        raise UsageError(f"demo: --step, a divisor of 360, is required; received {arguments.step}")
    if not 0 <= arguments.seed < 2**32:
        raise UsageError(f"demo: --seed, a whole number from 0 to 2**32 - 1, is required; received {arguments.seed}")
    try:
        torch.zeros(1, device=arguments.device).cpu()  # there and back: the device "meta" holds no numbers
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UsageError(
            f"demo: --device, one that torch can use here, is required; received {arguments.device!r}: {reason}"
        ) from error
    try:
        require_matplotlib()
    except ImportError as error:
        raise UsageError(
            "demo: matplotlib is required for the picture, which is not installed; `pip install 'steer[demo]'`"
        ) from error
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=arguments.out):
            pass  # before minutes of training, and not after them
    except OSError as error:
        raise UsageError(
            f"demo: --out, a folder that can be written, is required; {str(arguments.out)!r}: {error.strerror}"
        ) from error


def _show_loss(show: Callable[[int, str], None], step: int, loss: float) -> None:
    show(step, f"loss {loss:.3f}")


def _run(arguments: argparse.Namespace) -> int:
    import torch

    from steer.cli._data import load
    from steer.cli._results import NOTE, Results
    from steer.cli._screen import Screen

    _check(arguments)
    digits = load(arguments.data, arguments.seed).limited(arguments.limit, None, arguments.seed)
    epochs = arguments.epochs or max(5, round(SEEN / len(digits.x_train)))
    screen = Screen()
    results = Results(
        {
            "data": digits.name,
            "training_images": f"{len(digits.x_train)}, {'upright' if digits.upright else 'as rotated in the data'}",
            "test_images": len(digits.x_test),
            "test_images_turned": min(len(digits.x_test), arguments.curve_limit),
            "epochs": epochs,
            "seed": arguments.seed,
            "device": arguments.device,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        }
    )
    screen.say(
        f"{digits.name}: {len(digits.x_train)} training images"
        f"{', all upright' if digits.upright else ', rotated as they come'}; {len(digits.x_test)} test images"
    )
    try:
        _measure(arguments, digits, epochs, results, screen)
    except KeyboardInterrupt:
        results.interrupted = True
        written = results.write(arguments.out)
        kept = (
            f"finished parts are in {arguments.out}: {', '.join(path.name for path in written)}"
            if written
            else "nothing was finished"
        )
        print(f"steer: interrupted; {kept}", file=sys.stderr)
        return INTERRUPTED
    screen.table(results.summary())
    screen.say(NOTE)
    screen.say("\nequivariance of each layer of the steerable network, largest error relative to the largest value:")
    screen.say(str(results.equivariance["steerable"]))
    screen.say(
        f"\nresults in {arguments.out}: "
        + ", ".join(sorted(path.name for path in arguments.out.iterdir() if path.is_file()))
    )
    return 0


def _measure(arguments: argparse.Namespace, digits: Digits, epochs: int, results: Results, screen: Screen) -> None:
    """Train and test both networks, filling the results and writing them after each part."""
    import torch

    from steer.cli import _networks
    from steer.cli._picture import draw
    from steer.cli._render import SIZE, field_of_view, render
    from steer.cli._results import Trained, write_whole
    from steer.cli._train import correct, train
    from steer.testing import check_equivariance

    device, seed = torch.device(arguments.device), arguments.seed
    radius = field_of_view(digits.x_train)
    images = render(digits.x_train, 0, radius)
    scale = images.std()

    def pictures(of: torch.Tensor, angle: float) -> torch.Tensor:
        return (render(of, angle, radius) / scale).to(device)

    turned = digits.limited(1, arguments.curve_limit, seed)
    angles = range(0, 360, arguments.step)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        steerable = _networks.steerable(digits.classes)
        models: dict[str, torch.nn.Module] = {"plain": _networks.plain(steerable), "steerable": steerable}
    for name, model in models.items():
        model.to(device)
        images, labels = pictures(digits.x_train, 0), digits.y_train.to(device)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        steps = epochs * _batches(len(images))
        with screen.bar(f"{name}: training {parameters:,} parameters", steps) as show:
            seconds = train(model, images, labels, epochs, seed, partial(_show_loss, show))
        trained = results.networks[name] = Trained(parameters, seconds)
        hits = [
            correct(model, pictures(part, 0), label.to(device))
            for part, label in zip(digits.x_test.split(1024), digits.y_test.split(1024), strict=True)
        ]
        trained.accuracy = 100 * float(torch.cat(hits).double().mean())
        with screen.bar(f"{name}: testing at {len(angles)} angles", len(angles)) as show:
            for i, angle in enumerate(angles):
                found = correct(model, pictures(turned.x_test, angle), turned.y_test.to(device))
                trained.curve[angle] = 100 * float(found.double().mean())
                show(i + 1, f"{angle}°: {trained.curve[angle]:.1f} %")
        results.write(arguments.out)
    screen.say("measuring equivariance and drawing ...")
    for name, model in models.items():
        model.cpu().eval()
        results.equivariance[name] = check_equivariance(model, steerable.in_type, size=SIZE, seed=seed)
    results.write(arguments.out)
    write_whole(arguments.out / "demo.png", lambda path: draw(path, results, models, turned, radius, float(scale)))


def _batches(images: int) -> int:
    from steer.cli._train import BATCH

    return -(-images // BATCH)
