"""ComfyUI sample_res_multistep and its twin with noise."""
from of_k_diffusion import frame, sigmas
from reference import LeftOut, draws, expression, run

FLOW_NOISE = "adds noise on flow as if alpha were 1 everywhere"


def rule(case):
    schedule, coordinate, levels = sigmas(case)
    eta = case.kwarg("eta", 1.0) if case["sampler"].endswith("ancestral") else 0.0
    if eta and schedule == "flow":
        raise LeftOut(FLOW_NOISE)
    noise = {"eta": eta, "s_noise": case.kwarg("s_noise", 1.0)} if eta else {}
    return run(case, expression("res_multistep", **noise, **frame(case)), schedule, coordinate, levels,
               noise=draws(len(levels) - 2) if eta else None)
