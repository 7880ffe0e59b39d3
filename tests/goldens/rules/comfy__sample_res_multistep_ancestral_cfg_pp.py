"""ComfyUI sample_res_multistep_ancestral_cfg_pp."""
from comfy__sample_res_multistep_cfg_pp import rule
