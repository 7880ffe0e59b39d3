"""ComfyUI sample_dpm_2_ancestral."""
from of_k_diffusion import k_ancestral

rule = k_ancestral("dpm_2")
