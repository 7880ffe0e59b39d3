"""ComfyUI sample_exp_heun_2_x0."""
from of_k_diffusion import sigmas
from reference import LeftOut, expression, run

PHI_2 = "exponential Heun with phi_2 weights is not in the library yet"


def rule(case):
    """Exponential Heun with phi_1 weights is DPM-Solver++(2S) with r = 1."""
    if case.kwarg("solver_type") != "phi_1":
        raise LeftOut(PHI_2)
    return run(case, expression("dpmpp_2s", r=1.0), *sigmas(case))
