"""Warnings that point at the line of the user."""

from __future__ import annotations

import os
import sys
import warnings

import torch

# Between the user and a layer lie constructors of subclasses, and torch's own calls of modules, as many as there are.
_STEER = os.path.dirname(os.path.dirname(__file__))
_BETWEEN = tuple(os.path.join(folder, "") for folder in (_STEER, os.path.dirname(torch.__file__)))


def warn_user(message: str, category: type[Warning]) -> None:
    """A warning at the innermost line outside of steer and torch; `skip_file_prefixes` of Python 3.12 for all versions."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_BETWEEN):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
