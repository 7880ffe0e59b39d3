"""diffusers KDPM2DiscreteScheduler."""
from of_diffusers import two_stage

rule = two_stage("dpm_2")
