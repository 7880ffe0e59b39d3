"""ComfyUI sample_res_multistep_cfg_pp and its twin with noise."""
from of_k_diffusion import sigmas
from reference import draws, expression, run


def rule(case):
    schedule, coordinate, levels = sigmas(case)
    eta = case.kwarg("eta", 1.0) if "ancestral" in case["sampler"] else 0.0
    noise = {"eta": eta, "s_noise": case.kwarg("s_noise", 1.0)} if eta else {}
    return run(case, expression("res_multistep_cfgpp", **noise), schedule, coordinate, levels,
               noise=draws(len(levels) - 2) if eta else None)
