"""diffusers DDIMParallelScheduler: the rule of DDIMScheduler."""
from diffusers__DDIMScheduler import rule
