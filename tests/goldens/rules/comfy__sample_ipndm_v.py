"""ComfyUI sample_ipndm_v."""
from comfy__sample_ipndm import rule as ipndm


def rule(case):
    return ipndm(case, "ipndm_v_as_published")
