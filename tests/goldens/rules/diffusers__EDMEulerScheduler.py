"""diffusers EDMEulerScheduler."""
from diffusers__EulerDiscreteScheduler import rule
