"""ComfyUI sample_dpm_fast."""
from kdiffusion__sample_dpm_fast import rule
