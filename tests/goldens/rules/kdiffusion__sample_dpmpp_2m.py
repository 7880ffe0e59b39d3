"""k-diffusion sample_dpmpp_2m."""
from of_k_diffusion import k_dpmpp_2m as rule
