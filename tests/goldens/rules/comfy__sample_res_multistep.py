"""ComfyUI sample_res_multistep."""
from of_k_diffusion import sigmas, on_flow
from reference import expression, run

FLOW_LOG = "is second order in ln(sigma) of the flow, not in half log-SNR"


def rule(case):
    """RES-2M is the heun form of DPM-Solver++(2M)."""
    on_flow(case, FLOW_LOG)
    return run(case, expression("dpmpp_2m", form="heun"), *sigmas(case))
