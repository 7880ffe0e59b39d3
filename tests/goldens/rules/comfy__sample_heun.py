"""ComfyUI sample_heun."""
from of_k_diffusion import FLOW_SLOPES, k_churn

rule = k_churn("heun", FLOW_SLOPES)
