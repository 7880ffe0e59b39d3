"""ComfyUI sample_exp_heun_2_x0_sde."""
from of_k_diffusion import k_singlestep

rule = k_singlestep("exp_heun")
