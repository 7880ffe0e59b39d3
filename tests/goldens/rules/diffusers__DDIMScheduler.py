"""diffusers DDIMScheduler."""
from of_diffusers import called, is_same_stride, strided, table, times_of
from reference import LeftOut, clipping, draws, expression, run, shorten, without_last

LAST_LEVEL = "the last level is not in the golden file"


def rule(case):
    one = case.option("set_alpha_to_one", True)
    coordinate, times = "time", times_of(case, "clean" if one else 0)
    eta = case.option("eta", 0.0)
    schedule = table(case)
    inside = clipping(case)
    if "largest" in inside:
        inside = {"bound": inside["largest"], "share": inside["share"]}
    elif inside:
        inside = {"bound": inside["high"]}
    name = "ddim_clipped_as_shipped" if inside else "ddim"
    sampler = strided(case, times, expression(name, **inside, **({"eta": eta} if eta else {})))
    if case.option("rescale_betas_zero_snr"):
        if not one:
            raise LeftOut(LAST_LEVEL)
        if is_same_stride(case, times):
            coordinate, times = "rho", called(case, 0.0)
        else:
            schedule, times = expression("zero_terminal_snr", base=schedule), ["pure"] + times[1:]
    times, cut = shorten(times)
    return run(case, sampler, schedule, coordinate, times, guided=False, noise=draws(len(times) - 1) if eta else None,
               **without_last(times, cut))
