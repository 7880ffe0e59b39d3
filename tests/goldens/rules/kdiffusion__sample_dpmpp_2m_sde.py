"""k-diffusion sample_dpmpp_2m_sde."""
from of_k_diffusion import k_dpmpp_2m_sde

rule = k_dpmpp_2m_sde("midpoint")
