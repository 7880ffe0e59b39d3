"""k-diffusion sample_dpmpp_sde."""
from of_k_diffusion import k_singlestep

rule = k_singlestep("dpmpp_sde")
