#!/bin/bash
# bash run.sh [OUT]: in the folder that prepare_cuda_benchmark.py wrote, on a machine with a GPU. Kernels against numpy, the
# sanitizer's checks of races and addresses, then bytes and times of networks; results as JSON in OUT. Two minutes on an H100.
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/results}
mkdir -p "$out"
export PYTHONDONTWRITEBYTECODE=1
cases="python3 $here/site/check_cuda_cases.py $here"
few="tensor_plain tensor_skip tensor_tail_9x9 tensor_head_9x9 tensor_1x1"
timeout 60 $cases || exit 1
timeout 60 $cases --processors 1 || exit 1
if command -v compute-sanitizer > /dev/null; then
    for tool in racecheck memcheck; do
        timeout 60 compute-sanitizer --tool $tool $cases --processors 1 --repeats 1 --only $few 2>&1 | tail -n 3
    done
fi
timeout 400 python3 "$here/site/benchmark_cuda.py" "$here" --out "$out/benchmark.json"
