"""ComfyUI sample_euler."""
from of_k_diffusion import k_churn

rule = k_churn("euler")
