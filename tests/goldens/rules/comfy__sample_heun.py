"""ComfyUI sample_heun."""
from of_k_diffusion import k_churn

rule = k_churn("heun")
