"""diffusers CMStochasticIterativeScheduler."""
from of_diffusers import sigmas_of
from reference import draws, run


def rule(case):
    return run(case, "consistency", "edm", "rho", sigmas_of(case),
               noise=draws(case["step_calls"]) if case.get("stochastic") else None)
