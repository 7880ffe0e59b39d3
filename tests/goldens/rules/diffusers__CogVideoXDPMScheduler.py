"""diffusers CogVideoXDPMScheduler: SDE-DPM-Solver++(2M). From its second step on it draws twice and uses the second."""
from of_diffusers import called, times_of, same_stride
from reference import run


def rule(case):
    same_stride(case, times_of(case, "clean"))
    levels = called(case, 0.0)
    return run(case, "dpmpp_2m_sde", "scaled_linear", "rho", levels, noise=[2 * i for i in range(len(levels) - 2)])
