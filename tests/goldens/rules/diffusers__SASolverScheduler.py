"""diffusers SASolverScheduler: the strength of the noise is that at the level a step comes from."""
from of_diffusers import sigmas_of, table
from of_k_diffusion import tau
from reference import draws, expression, run


def rule(case):
    levels = sigmas_of(case)
    steps, strength = len(levels) - 1, case.option("tau_func")
    on = [strength == "constant 1"] * steps
    if strength is None:
        on = [200 <= time <= 800 for time in case.floats("timesteps")[-steps:]]
    options = {"predictor": case.option("predictor_order", 2), "corrector": case.option("corrector_order", 2),
               **tau(levels, on)}
    if case.option("algorithm_type", "data_prediction") == "data_prediction":
        sampler = expression("sa_solver", **options, taper="last", simple=True)
    else:
        sampler = expression("sa_solver_noise", **options, taper=True)
    return run(case, sampler, table(case), "rho", levels, noise=draws(steps))
