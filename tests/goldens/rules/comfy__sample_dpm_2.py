"""ComfyUI sample_dpm_2."""
from of_k_diffusion import k_churn

rule = k_churn("dpm_2")
