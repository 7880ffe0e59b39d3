"""diffusers HeunDiscreteScheduler."""
from of_diffusers import two_stage

rule = two_stage("heun")
