"""diffusers CogVideoXDDIMScheduler."""
from of_diffusers import usual, times_of, called, same_stride
from reference import run


def rule(case):
    usual(case)
    times = times_of(case, "clean")
    same_stride(case, times)
    return run(case, "ddim", "scaled_linear", "rho", called(case, 0.0))
