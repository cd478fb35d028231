#!/bin/sh
# Two jobs of a pipeline: `plan` shows and prints a digest; after its approval `apply` gets it back.
set -eu

case "${1:-}" in
plan)
    reconciler validate >&2
    reconciler plan -o plan.json --format markdown >&2
    python3 -c 'import json; print(json.load(open("plan.json"))["digest"])'
    ;;
apply)
    # The world may have moved since the approval: another digest ends with exit code 4 and no write.
    exec reconciler apply --expect-digest "${2:?the approved digest}" --deadline 20m --report report.json
    ;;
*)
    echo "usage: pipeline.sh plan | pipeline.sh apply DIGEST" >&2
    exit 1
    ;;
esac
