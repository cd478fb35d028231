#!/usr/bin/env bash
# Installs the program from the checkout of this action, then becomes `reconciler github job`.
# Every input comes as a variable; what the job does is in reconciler/cli/github/jobs.py.
set -euo pipefail

fail() {
    printf '::error title=reconciler::%s\n' "$1"
    exit 1
}

# Prints the first Python that is new enough.
find_python() {
    local name
    for name in python3 python python3.14 python3.13 python3.12 python3.11; do
        if "$name" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    return 1
}

# Prints the program inside an environment, which Windows lays out in its own way.
program_in() {
    local path
    for path in "$1/bin/reconciler" "$1/Scripts/reconciler.exe"; do
        if [[ -f $path ]]; then
            printf '%s\n' "$path"
            return
        fi
    done
    return 1
}

# Pins with hashes come first; the build back end is one of them, so the project itself fetches nothing.
# -I keeps the working directory, which a pull request fills, out of what Python imports.
install_into() {
    local environment=$1 root=$2 base python
    base=$(find_python) || fail 'Python 3.11 or newer is needed: add actions/setup-python before this action.'
    rm -rf "$environment"
    "$base" -I -m venv "$environment" >&2
    python=$environment/bin/python
    [[ -f $python ]] || python=$environment/Scripts/python.exe
    local -a pip=("$python" -I -m pip install --quiet --disable-pip-version-check)
    "${pip[@]}" --require-hashes --only-binary :all: -r "$root/requirements/action.txt" >&2
    "${pip[@]}" --no-deps --no-build-isolation "$root" >&2
}

program=reconciler
if [[ ${INPUT_INSTALL:-true} == true ]]; then
    root=$GITHUB_ACTION_PATH/../../..
    # Another ref of the action in the same job is another program.
    environment=$RUNNER_TEMP/reconciler-$(printf '%s' "$root" | cksum | cut -d ' ' -f 1)
    program=$(program_in "$environment") || {
        install_into "$environment" "$root"
        program=$(program_in "$environment") || fail 'The program was installed and is not there; look at the log above.'
    }
fi

arguments=(--config "${INPUT_CONFIG:-reconciler.yaml}" github job "${INPUT_COMMAND:?the input command is empty}")
# Adds an option, where its input is not empty.
option() {
    if [[ -n $2 ]]; then arguments+=("$1" "$2"); fi
}
option --expect-digest "${INPUT_EXPECT_DIGEST:-}"
option --check-app "${INPUT_CHECK_APP:-}"
option --login "${INPUT_LOGIN:-}"
option --stack "${INPUT_STACK:-}"
option --plan "${INPUT_PLAN:-}"
option --deadline "${INPUT_DEADLINE:-}"
option --within "${INPUT_WITHIN:-}"
option --comment "${INPUT_COMMENT:-}"
case ${INPUT_EXPECT_FROM_CHECK:-} in
true) arguments+=(--expect-from-check) ;;
false | '') ;;
*) fail 'The input expect-from-check must be true or false.' ;;
esac

cd "${INPUT_WORKING_DIRECTORY:-.}"
# The shell is replaced, so that a cancelled job reaches the program and it can finish the key in hand.
exec "$program" "${arguments[@]}"
