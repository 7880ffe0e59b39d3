"""diffusers SASolverScheduler: the strength of the noise is that at the level a step comes from."""
from of_diffusers import sigmas_of, table, usual
from of_k_diffusion import tau
from reference import LeftOut, draws, expression, run

EPS_FORM = "the noise-prediction form of SA-Solver is not in the library"


def rule(case):
    usual(case)
    if case.option("algorithm_type", "data_prediction") != "data_prediction":
        raise LeftOut(EPS_FORM)
    levels = sigmas_of(case)
    steps, strength = len(levels) - 1, case.option("tau_func")
    on = [strength == "constant 1"] * steps
    if strength is None:
        on = [200 <= time <= 800 for time in case.floats("timesteps")[-steps:]]
    options = {"predictor": case.option("predictor_order", 2), "corrector": case.option("corrector_order", 2),
               **tau(levels, on), "taper": "last", "simple": True}
    return run(case, expression("sa_solver", **options), table(case), "rho", levels, noise=draws(steps))
