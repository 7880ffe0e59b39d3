"""ComfyUI sample_dpmpp_2s_ancestral_cfg_pp, whose second stage reads the unconditional prediction of the midpoint."""
from of_k_diffusion import k_ancestral

rule = k_ancestral("dpmpp_2s_cfgpp_as_shipped")
