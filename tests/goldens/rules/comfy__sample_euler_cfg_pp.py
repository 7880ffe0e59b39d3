"""ComfyUI sample_euler_cfg_pp."""
from of_k_diffusion import cfgpp, sigmas
from reference import run


def rule(case):
    return run(case, cfgpp("euler"), *sigmas(case))
