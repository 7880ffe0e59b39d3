"""diffusers DPMSolverSinglestepScheduler: every call of `step` is a step of `singlestep`."""
from of_diffusers import SDE_3, sigmas_of, dpm_schedule
from reference import LeftOut, expression, draws, run, first_order, shorten, without_last

SINGLE_SDE = "the SDE form of the singlestep solver is not in the library"


def rule(case):
    order, algorithm = case.option("solver_order", 2), case.option("algorithm_type", "dpmsolver++")
    schedule, coordinate = dpm_schedule(case)
    levels = sigmas_of(case)
    if order == 1:
        sde = algorithm.startswith("sde")
        return first_order(case, schedule, coordinate, levels, expression("ddim", eta=1.0) if sde else "ddim",
                           noise=draws(len(levels) - 1) if sde else None)
    if algorithm.startswith("sde"):
        raise LeftOut(SDE_3 if order == 3 and case.option("solver_type", "midpoint") == "heun" else SINGLE_SDE)
    levels, cut = shorten(levels)
    options = {"points": order} if order != 2 else {}
    begun = (case["num_inference_steps"] - case["step_calls"]) % order
    if begun:
        options["begun"] = begun
    if algorithm == "dpmsolver":
        options["predict"] = "noise"
    if case.option("solver_type", "midpoint") == "heun":
        options["form"] = "heun"
    if not cut and case.option("lower_order_final", False) and len(case.tensor("timesteps")) % order == 0:
        options["taper"] = True
    return run(case, expression("singlestep", **options), schedule, coordinate, levels,
               **without_last(levels, cut))
