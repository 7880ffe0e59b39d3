"""NVlabs/edm edm_sampler."""
from of_k_diffusion import nv_edm as rule
