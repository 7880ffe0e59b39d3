"""ComfyUI sample_sa_solver."""
from of_k_diffusion import k_sa_solver as rule
