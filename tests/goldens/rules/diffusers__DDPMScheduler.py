"""diffusers DDPMScheduler."""
from of_diffusers import table, times_of
from reference import LeftOut, expression, draws, run

LARGE_LAST = "adds the larger variance at the last step too"


def rule(case):
    times = times_of(case, "clean")
    kind = case.option("variance_type", "fixed_small_log" if case["sampler"] == "UnCLIPScheduler" else "fixed_small")
    large = kind == "fixed_large"
    if large and times[-2] > 0:
        raise LeftOut(LARGE_LAST)
    schedule = "cosine_table" if case["sampler"] == "UnCLIPScheduler" else table(case)
    return run(case, expression("ddpm", variance="large") if large else "ddpm", schedule, "time", times,
               noise=draws(len(times) - 1))
