"""k-diffusion sample_dpmpp_2s_ancestral."""
from of_k_diffusion import k_ancestral

rule = k_ancestral("dpmpp_2s")
