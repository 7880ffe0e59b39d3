"""ComfyUI sample_seeds_2."""
from of_k_diffusion import k_singlestep

rule = k_singlestep("seeds_2")
