"""ComfyUI sample_euler_ancestral_cfg_pp; on flow too it adds noise by rho."""
from of_k_diffusion import cfgpp, sigmas
from reference import draws, expression, run


def rule(case):
    schedule, coordinate, levels = sigmas(case)
    options = {"eta": case.kwarg("eta", 1.0), "s_noise": case.kwarg("s_noise", 1.0)}
    return run(case, expression("ancestral", base=cfgpp("euler"), **options), schedule, coordinate, levels,
               noise=draws(len(levels) - 2))
