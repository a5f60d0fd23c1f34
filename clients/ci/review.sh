#!/usr/bin/env bash
# Run `kibitz review` for a workflow, and say what became of it in the workflow's own ways.
#
# Takes everything from the environment (action.yml sets it): what somebody else may have written,
# such as the name of a branch, never becomes part of a command line that a shell reads.
set -euo pipefail

work="$(mktemp -d "$RUNNER_TEMP/kibitz-review-XXXXXX")"
# A ledger of its own: on a machine that is kept, the limit is this run's, not the day's.
export XDG_STATE_HOME="$work/state"

finish() { # RESULT EXIT-CODE [REPORT]
    { echo "result=$1"; echo "report=${3:-}"; } >> "$GITHUB_OUTPUT"
    exit "$2"
}

say() { # notice|warning|error SENTENCE
    echo "::$1 title=kibitz::$2"
}

one_of() { # INPUT VALUE ALLOWED…
    local input="$1" value="$2" allowed
    shift 2
    for allowed in "$@"; do
        if [ "$value" = "$allowed" ]; then return; fi
    done
    say error "\`$input\` is one of: $*."
    finish misconfigured 2
}

one_of format "$FORMAT" annotations sarif sarif-file
one_of fail-on "$FAIL_ON" error warning info hint never
one_of when-unavailable "$WHEN_UNAVAILABLE" fail warn
one_of tier "$TIER" "" fast standard deep
one_of forks "$FORKS" skip review

if [ "$IS_FORK" = true ] && [ "$FORKS" = skip ]; then
    say notice "Pull requests from forks are not reviewed; \`forks: review\` changes that."
    finish skipped 0
fi
# A pull request from a fork gets no secrets, which is no fault of its author's.
if [ "$IS_FORK" = true ] && [ "$EVENT" = pull_request ] && [ -z "${ANTHROPIC_API_KEY:-}" ]; then
    say notice "This pull request comes from a fork and gets no secrets, so it was not reviewed."
    finish skipped 0
fi

exists() { git rev-parse --quiet --verify --end-of-options "$1^{commit}" > "$work/commit" 2>&1; }

# What the event has changed, as `--diff` takes it; nothing where that cannot be told.
changed_by_event() {
    case "$EVENT" in
        pull_request | pull_request_target | merge_group)
            # What is checked out by default for a pull request is its merge into the base: with
            # `fetch-depth: 2` that is enough.
            if [ "$EVENT" = pull_request ] && [ "$(git rev-parse HEAD)" = "$GITHUB_SHA" ] &&
                exists "HEAD^2"; then
                echo "HEAD^1..HEAD"
            elif [ -n "$BASE" ] && git merge-base "$BASE" HEAD > "$work/commit" 2>&1; then
                echo "$BASE...HEAD"
            fi
            ;;
        push)
            if [ -n "$BEFORE" ] && exists "$BEFORE"; then
                echo "$BEFORE..HEAD"
            elif exists "HEAD^1"; then
                echo "HEAD^!" # a new branch, or history that was written anew
            fi
            ;;
    esac
}

# One request may cost as much as all of them may.
arguments=(--yes --verbose --set "budget.day_usd=$BUDGET_USD")
case "$DIFF" in
    none) ;;
    auto)
        changed="$(changed_by_event)"
        if [ -z "$changed" ]; then
            say error "What $EVENT has changed cannot be told from this checkout; give actions/checkout \`fetch-depth: 0\`, or say \`diff\`."
            finish misconfigured 2
        fi
        arguments+=("--diff=$changed")
        ;;
    *) arguments+=("--diff=$DIFF") ;;
esac
if [ "$FAIL_ON" != never ]; then arguments+=(--fail-on "$FAIL_ON"); fi
if [ -n "$TIER" ]; then arguments+=(--set "route.review=$TIER"); fi
if [ -n "$MODEL" ]; then arguments+=("--model=$MODEL"); fi
while IFS= read -r setting; do
    if [ -n "$setting" ]; then arguments+=(--set "$setting"); fi
done <<< "$SETTINGS"
if [ "$FORMAT" = annotations ]; then
    report="$work/annotations.txt"
    arguments+=(--format github)
else
    report="$work/kibitz.sarif"
    arguments+=(--format sarif)
fi
arguments+=(--)
while IFS= read -r path; do
    if [ -n "$path" ]; then arguments+=("$path"); fi
done <<< "$PATHS"

code=0
"$KIBITZ" review "${arguments[@]}" > "$report" 2> "$work/told.txt" || code=$?
# Only what kibitz itself makes into commands is one; what it tells on stderr is text.
pause="kibitz-$RANDOM$RANDOM$RANDOM"
echo "::stop-commands::$pause"
cat "$work/told.txt"
echo "::$pause::"
if [ "$FORMAT" = annotations ]; then cat "$report"; fi
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
    { echo "### kibitz review"; echo; sed 's/^/    /' "$work/told.txt"; echo; } >> "$GITHUB_STEP_SUMMARY"
fi
# What ended before it came to a report has written nothing.
if [ ! -s "$report" ] && [ "$FORMAT" != annotations ]; then report=""; fi

case "$code" in
    0) finish fine 0 "$report" ;;
    1) finish findings 1 "$report" ;;
    3 | 4)
        if [ "$WHEN_UNAVAILABLE" = warn ]; then
            say warning "The review is not whole: see what kibitz says in this step."
            finish unavailable 0 "$report"
        fi
        finish unavailable "$code" "$report"
        ;;
    *) finish misconfigured "$code" "$report" ;;
esac
