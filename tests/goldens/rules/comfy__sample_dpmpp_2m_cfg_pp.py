"""ComfyUI sample_dpmpp_2m_cfg_pp."""
from of_k_diffusion import sigmas
from reference import run


def rule(case):
    return run(case, "dpmpp_2m_cfgpp", *sigmas(case))
