"""diffusers CogVideoXDDIMScheduler."""
from of_diffusers import called, is_same_stride, strided, times_of
from reference import expression, run


def rule(case):
    times = times_of(case, "clean")
    if is_same_stride(case, times):
        return run(case, "ddim", "scaled_linear", "rho", called(case, 0.0))
    schedule = expression("snr_shift", base="scaled_linear", k=case.option("snr_shift_scale", 3.0))
    return run(case, strided(case, times, "ddim"), schedule, "time", times)
