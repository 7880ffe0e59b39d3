"""diffusers DDIMScheduler."""
from of_diffusers import usual, table, times_of, called, same_stride
from reference import LeftOut, expression, draws, run, shorten, without_last

LAST_LEVEL = "the last level is not in the golden file"


def rule(case):
    usual(case)
    one = case.option("set_alpha_to_one", True)
    times = times_of(case, "clean" if one else 0)
    same_stride(case, times)
    coordinate = "time"
    if case.option("rescale_betas_zero_snr"):
        if not one:
            raise LeftOut(LAST_LEVEL)
        coordinate, times = "rho", called(case, 0.0)
    times, cut = shorten(times)
    eta = case.option("eta", 0.0)
    return run(case, expression("ddim", eta=eta) if eta else "ddim", table(case), coordinate, times,
               noise=draws(len(times) - 1) if eta else None,
               **without_last(times, cut))
