"""diffusers DEISMultistepScheduler."""
from of_diffusers import dpm_schedule, sigmas_of, without_two
from reference import expression, run, first_order, shorten


def rule(case):
    order = case.option("solver_order", 2)
    if order == 1:
        return first_order(case, *dpm_schedule(case), sigmas_of(case))
    levels, cut = shorten(sigmas_of(case))
    few = case.option("lower_order_final", True) and len(case.tensor("timesteps")) < 15
    taper = {"taper": order - 1} if few and not cut else {}
    return run(case, expression("deis", points=order, **taper), *dpm_schedule(case), levels,
               **without_two(levels, cut, few and order == 3))
