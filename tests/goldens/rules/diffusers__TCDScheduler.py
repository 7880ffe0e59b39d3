"""diffusers TCDScheduler."""
from of_diffusers import usual, table, times_of
from reference import LeftOut, run, shorten, without_last

TCD = "steps down to a fraction of the time (tcd is not in the library yet)"


def rule(case):
    usual(case)
    if case.option("eta", 0.3) > 0:
        raise LeftOut(TCD)
    times, cut = shorten(times_of(case, 0))
    return run(case, "ddim", table(case, "scaled_linear", 0.00085, 0.012), "time", times,
               **without_last(times, cut))
