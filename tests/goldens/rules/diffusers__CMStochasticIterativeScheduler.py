"""diffusers CMStochasticIterativeScheduler."""
from of_diffusers import usual, sigmas_of
from reference import draws, run


def rule(case):
    usual(case)
    return run(case, "consistency", "edm", "rho", sigmas_of(case),
               noise=draws(case["step_calls"]) if case.get("stochastic") else None)
