"""ComfyUI sample_dpm_2."""
from of_k_diffusion import FLOW_SLOPES, k_churn

rule = k_churn("dpm_2", FLOW_SLOPES)
