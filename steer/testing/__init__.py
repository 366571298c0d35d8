"""Measurement of equivariance, for the library's own tests and for yours."""

from steer.testing._equivariance import check_equivariance
from steer.testing._report import NETWORK, EquivarianceReport, Measurement

__all__ = ["NETWORK", "EquivarianceReport", "Measurement", "check_equivariance"]
