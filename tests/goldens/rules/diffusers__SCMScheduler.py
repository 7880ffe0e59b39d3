"""diffusers SCMScheduler."""
from reference import LeftOut


def rule(_case):
    raise LeftOut("starts beyond pure noise, at alpha = -4e-6")
