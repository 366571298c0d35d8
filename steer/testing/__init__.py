"""Measurement of equivariance and of time, for the library's own tests and for yours."""

from steer.testing._equivariance import check_equivariance
from steer.testing._profile import Share, StepProfile, profile_step
from steer.testing._report import NETWORK, EquivarianceReport, Measurement

__all__ = ["NETWORK", "EquivarianceReport", "Measurement", "Share", "StepProfile", "check_equivariance", "profile_step"]
