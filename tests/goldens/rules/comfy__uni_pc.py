"""ComfyUI uni_pc."""
from of_k_diffusion import k_unipc

rule = k_unipc("bh1")
