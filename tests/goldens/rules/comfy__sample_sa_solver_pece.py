"""ComfyUI sample_sa_solver_pece."""
from of_k_diffusion import k_sa_solver


def rule(case):
    return k_sa_solver(case, pece=True)
