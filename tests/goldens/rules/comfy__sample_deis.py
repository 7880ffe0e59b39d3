"""ComfyUI sample_deis. Its callback gets the first sample every time: only the end counts."""
from of_k_diffusion import frame, sigmas
from reference import LeftOut, expression, run

RHO = "its mode `rhoab` ends far from the integrals of a polynomial in rho"


def rule(case):
    if case.kwarg("deis_mode", "tab") == "rhoab":
        raise LeftOut(RHO)
    return run(case, expression("deis_as_shipped", points=case.kwarg("max_order", 3), **frame(case)), *sigmas(case),
               rows=[])
