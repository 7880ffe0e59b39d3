"""diffusers UnCLIPScheduler: the rule of DDPMScheduler."""
from diffusers__DDPMScheduler import rule
