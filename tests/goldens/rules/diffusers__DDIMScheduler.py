"""diffusers DDIMScheduler."""
from of_diffusers import NOT_NEXT, called, is_same_stride, strided, table, times_of, usual
from reference import LeftOut, expression, draws, run, shorten, without_last

LAST_LEVEL = "the last level is not in the golden file"


def rule(case):
    usual(case)
    one = case.option("set_alpha_to_one", True)
    coordinate, times = "time", times_of(case, "clean" if one else 0)
    eta = case.option("eta", 0.0)
    sampler = strided(case, times, expression("ddim", eta=eta) if eta else "ddim")
    if case.option("rescale_betas_zero_snr"):
        if not is_same_stride(case, times):
            raise LeftOut(NOT_NEXT)
        if not one:
            raise LeftOut(LAST_LEVEL)
        coordinate, times = "rho", called(case, 0.0)
    times, cut = shorten(times)
    return run(case, sampler, table(case), coordinate, times, noise=draws(len(times) - 1) if eta else None,
               **without_last(times, cut))
