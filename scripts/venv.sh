# shellcheck shell=bash
# Sourced by scripts/start and scripts/test: the virtual environment .venv with this checkout installed in it.
ROOT=$(pwd)

# prepare_venv EXTRA: make .venv if needed and install the checkout with the extra ("" or "test"), editable. What was
# installed is remembered by a hash of setup.py, so a second call costs nothing.
prepare_venv() {
    local extra=$1 python stamp wanted
    if [ -z "${VIRTUAL_ENV_DISABLE_PROMPT:-}" ]; then export VIRTUAL_ENV_DISABLE_PROMPT=1; fi
    stamp=".venv/installed${extra:+-$extra}"
    wanted=$(cat setup.py pyproject.toml | cksum)
    if [ -x .venv/bin/tgserve ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted $ROOT" ]; then
        return
    fi
    python=$(find_python)
    if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
        echo "making a virtual environment in .venv ($("$python" --version))" >&2
        rm -rf .venv
        if ! "$python" -m venv .venv; then
            rm -rf .venv
            echo "tgserve: python's venv module is missing; on Debian and Ubuntu: apt install python3-venv" >&2
            exit 1
        fi
    fi
    echo "installing what the server needs${extra:+ (and its $extra tools)}, the first time takes a minute" >&2
    if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input -e ".${extra:+[$extra]}" </dev/null; then
        echo "tgserve: the packages could not be installed; the lines above say why" >&2
        exit 1
    fi
    echo "$wanted $ROOT" >"$stamp"
}

# A Python of at least 3.11.
find_python() {
    local name
    for name in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
        if [ -n "$name" ] && command -v "$name" >/dev/null &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "tgserve: Python 3.11 or newer is needed (set PYTHON=... if it is not on PATH)" >&2
    exit 1
}
