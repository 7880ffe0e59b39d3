"""ComfyUI sample_euler_ancestral."""
from of_k_diffusion import k_euler_ancestral as rule
