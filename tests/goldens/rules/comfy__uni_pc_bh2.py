"""ComfyUI uni_pc_bh2."""
from of_k_diffusion import k_unipc

rule = k_unipc("bh2")
