#!/usr/bin/env bash
# On the machine with the GPU, in the folder that build.sh packed: everything, in one call of a few minutes.
# usage: run.sh [FOLDER for the results]
set -uo pipefail
cd "$(dirname "$0")"
out=${1:-${OUT:-.}}
mkdir -p "$out"
[ -x samp-gpu ] || xz -dkf samp-gpu.xz || python3 -c 'import lzma; open("samp-gpu", "wb").write(lzma.open("samp-gpu.xz").read())'
chmod +x samp-gpu
# libnvrtc, libcublas and libcurand of PyTorch's wheels, where the machine has no toolkit of its own.
wheels=$(python3 -c 'import glob, nvidia; print(":".join(glob.glob(list(nvidia.__path__)[0] + "/cu13/lib")))' 2>/dev/null || true)
export LD_LIBRARY_PATH=${wheels:+$wheels:}${LD_LIBRARY_PATH:-}
nvidia-smi --query-gpu=name,driver_version --format=csv,noheader || true
timeout 150 python3 torch_step.py > "$out/torch.json" || echo "PyTorch did not come to its end"
torch=()
[ -s "$out/torch.json" ] && torch=(--torch "$out/torch.json")
timeout 340 ./samp-gpu cuda --out "$out" "${torch[@]}"
