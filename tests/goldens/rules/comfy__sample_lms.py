"""ComfyUI sample_lms."""
from of_k_diffusion import k_lms

rule = k_lms("jump")
