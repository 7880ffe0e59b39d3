#!/usr/bin/env bash
# Builds the stand-in driver into a folder, under the names of the CUDA libraries that it answers for.
# usage: build.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/include"
cp "$here"/{kernel,device,nvrtc,floats}.h "$1/include/"
for header in cuda cuda_fp16 cuda_bf16 cuda_fp8; do echo '#include "floats.h"' >"$1/include/$header.h"; done
version=$(cat "$here"/*.{cpp,h} | sha256sum | cut -c1-16)
g++ -std=c++17 -O2 -Wall -Wextra -Werror -U_FORTIFY_SOURCE -fPIC -shared -fvisibility=hidden -pthread -DVERSION="std::string(\"$version\")" \
  -o "$1/libcuda.so.1" "$here"/{cuda,libraries,memory,code,launch}.cpp -ldl
for library in libnvrtc.so.13 libcublas.so.13 libcublasLt.so.13 libcurand.so.10; do
  ln -sf libcuda.so.1 "$1/$library"
done
