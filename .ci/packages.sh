#!/bin/sh
# Installs Debian packages that are missing: `packages.sh python` or `packages.sh tools`.
# Does nothing where all programs are there; says what to install where it may not.
set -eu

missing=""
need() { # need PROGRAM PACKAGE...
    program=$1
    shift
    command -v "$program" >/dev/null 2>&1 || missing="$missing $*"
}

case "${1:-}" in
python)
    need python3 python3
    python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$missing python3-venv"
    ;;
tools)
    need cc gcc libc6-dev
    need clang clang
    need cmake cmake
    need arm-none-eabi-gcc gcc-arm-none-eabi libnewlib-arm-none-eabi
    need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    need arm-linux-gnueabihf-gcc gcc-arm-linux-gnueabihf libc6-dev-armhf-cross
    need qemu-system-arm qemu-system-arm
    need qemu-aarch64 qemu-user
    ;;
*)
    echo "usage: $0 python|tools" >&2
    exit 2
    ;;
esac
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root=sudo
else
    echo "missing, please install:$missing" >&2
    exit 1
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "missing (no apt-get here):$missing" >&2
    exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
