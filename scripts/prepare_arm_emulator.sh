#!/usr/bin/env bash
# Prepare an emulated arm64 machine for the tests: a Debian root, aarch64 wheels and a launcher.
#
#     scripts/prepare_arm_emulator.sh && .cache/arm64/bin/arm-python program.py
#
# Everything lands in $TVM_SRQ_ARM_ROOT (default .cache/arm64 in the repository); nothing is installed on the
# machine itself and root rights are not needed. A second run returns at once. $PYTHON is the Python whose pip
# fetches the wheels (default python3). The packages come from the machine's own sources, those of Debian 12.
set -euo pipefail

PACKAGES=(python3.11-minimal libpython3.11-stdlib libstdc++6 zlib1g)
# The versions the tests run with on the host. psutil and cloudpickle are for tvm.rpc's server.
WHEELS=(apache-tvm==0.27.0.post1 apache-tvm-ffi==0.1.14.post1 numpy==2.4.6 ml_dtypes==0.6.0
    typing_extensions==4.16.0 psutil==7.2.2 cloudpickle==3.1.2)
WHEEL_PLATFORMS=(manylinux_2_{28,27,24,17}_aarch64 manylinux2014_aarch64)

script=$(realpath "${BASH_SOURCE[0]}")
cd "$(dirname "$script")/.."
folder=$(realpath -m "${TVM_SRQ_ARM_ROOT:-.cache/arm64}")
python=${PYTHON:-python3}

fail() { echo "prepare_arm_emulator: $*" >&2 && exit 1; }

check_tools() {
    command -v qemu-aarch64-static >/dev/null || fail "install the Debian package qemu-user-static."
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
        fail "install the Debian packages apt and dpkg; the arm64 root is made with apt-get and dpkg-deb."
    "$python" -m pip --version >/dev/null 2>&1 ||
        fail "$python has no pip: install the Debian package python3-pip, or set PYTHON to a Python that has it."
}

# An apt of its own that takes this for an arm64 machine with nothing installed, so that "install" resolves the
# whole closure. The hooks of the machine's apt are cleared, for they tidy the machine's own caches.
write_apt_configuration() {
    mkdir -p "$apt"/state/lists/partial "$apt"/cache/archives/partial
    : >"$apt/status"
    cat >"$apt/apt.conf" <<END
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
#clear APT::Architectures;
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Install-Recommends "false";
APT::Sandbox::User "";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
END
}

build_root() {
    apt=$(mktemp -d)
    trap 'rm -rf "$apt"' EXIT
    write_apt_configuration
    apt-get -c "$apt/apt.conf" -qq update
    apt-get -c "$apt/apt.conf" -qq --yes --download-only install "${PACKAGES[@]}" ||
        fail "the machine's Debian sources do not offer ${PACKAGES[*]} for arm64: Debian 12 is needed."
    for package in "$apt"/cache/archives/*.deb; do
        dpkg-deb --extract "$package" "$folder/root" # no maintainer script runs, so no emulation is needed here
    done
    rm -rf "$folder"/root/usr/share/{doc,man,locale}
}

build_site() {
    "$python" -m pip install --quiet --target "$folder/site" --no-deps --only-binary=:all: --python-version 3.11 \
        --implementation cp "${WHEEL_PLATFORMS[@]/#/--platform=}" "${WHEELS[@]}"
}

# The launcher is a program of the host, and -0 makes it the guest's sys.executable: so Python processes that the
# guest starts are emulated too, with no binfmt_misc and no chroot. Files the root lacks are the host's.
write_launcher() {
    mkdir -p "$folder/bin"
    cat >"$folder/bin/arm-python" <<'END'
#!/bin/sh
# Python 3.11 on an emulated arm64 machine. QEMU_ARM_CPU: the processor, such as cortex-a53 (default: max).
# GUEST_PYTHONPATH: folders to import from besides the wheels. QEMU_ARM, QEMU_ARM_OPTIONS: another emulator.
launcher=$(readlink -f "$0")
folder=$(dirname "$(dirname "$launcher")")
ulimit -c 0 # a guest that dies leaves no core file
export PYTHONHOME="$folder/root/usr" PYTHONPATH="$folder/site${GUEST_PYTHONPATH:+:$GUEST_PYTHONPATH}" PYTHONNOUSERSITE=1
export TVM_NUM_THREADS="${TVM_NUM_THREADS:-1}" OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"
exec "${QEMU_ARM:-qemu-aarch64-static}" -cpu "${QEMU_ARM_CPU:-max}" ${QEMU_ARM_OPTIONS-} \
    -L "$folder/root" -0 "$launcher" "$folder/root/usr/bin/python3.11" "$@"
END
    chmod +x "$folder/bin/arm-python"
}

stamp=$(sha256sum <"$script" | cut -d' ' -f1) # the versions are part of the script
[[ $(cat "$folder/stamp" 2>/dev/null) == "$stamp" ]] && exit 0

check_tools
mkdir -p "$folder"
rm -rf "$folder"/{stamp,root,site,bin}
build_root
build_site
write_launcher
"$folder/bin/arm-python" -c "import tvm, tvm.rpc.server" # proves that it works, and fills the bytecode caches
echo "$stamp" >"$folder/stamp"
