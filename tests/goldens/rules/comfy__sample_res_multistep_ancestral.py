"""ComfyUI sample_res_multistep_ancestral."""
from comfy__sample_res_multistep import rule
