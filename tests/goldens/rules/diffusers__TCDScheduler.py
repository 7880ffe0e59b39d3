"""diffusers TCDScheduler; its option `eta` is gamma."""
from of_diffusers import table, times_of
from reference import draws, expression, run, shorten, without_last


def rule(case):
    gamma = case.option("eta", 0.3)
    times, cut = shorten(times_of(case, 0))
    steps = len(times) - 1
    sampler = expression("tcd", gamma=gamma) if gamma else "ddim"
    return run(case, sampler, table(case, "scaled_linear", 0.00085, 0.012), "time", times,
               noise=draws(steps) if gamma else None, **without_last(times, cut))
