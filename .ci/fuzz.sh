#!/bin/sh
# Runs each fuzz target for a few seconds: .ci/fuzz.sh [SECONDS [TARGET...]]
#
# Builds with the flags of cargo-fuzz, so that nothing but a nightly toolchain and a C++ compiler
# (libFuzzer's) is needed. It draws from seed 1, so that what turns a check red is the change, not
# the day; ISOCHRON_FUZZ_SEED=0 draws anew each time. The last line is `N passed, N failed,
# N skipped`, one for each target; the exit code is 0 unless one failed. docs/fuzzing.md says what
# to do then.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-2}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- $(sed -n 's/.*Target { name: "\([a-z0-9_]*\)".*/\1/p' tests/fuzz/targets.rs)

skip() {
    echo "skipped: $1, so nothing was fuzzed"
    echo "0 passed, 0 failed, $# skipped"
    exit 0
}

cargo +nightly --version >/dev/null 2>&1 || skip "no nightly toolchain"
command -v c++ >/dev/null 2>&1 || skip "no C++ compiler"

folder=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
ISOCHRON_FUZZ_CORPUS=$folder/corpus cargo test --quiet --locked --test fuzz

flags="--cfg fuzzing -Cpasses=sancov-module"
for option in -sanitizer-coverage-level=4 -sanitizer-coverage-inline-8bit-counters \
    -sanitizer-coverage-pc-table -sanitizer-coverage-trace-compares \
    -simplifycfg-branch-fold-threshold=0; do
    flags="$flags -Cllvm-args=$option"
done
# The versions are those of the workspace; what it lacks is pinned in the fuzzers' manifest.
cp Cargo.lock tests/fuzz/Cargo.lock
RUSTFLAGS=$flags cargo +nightly build --quiet --release --bins --target "$host" \
    --manifest-path tests/fuzz/Cargo.toml --target-dir "$folder"

passed=0 failed=0
for name; do
    echo "== $name"
    mkdir -p "$folder/corpus/$name" "$folder/found"
    if ISOCHRON_FUZZ_TARGET=$name "$folder/$host/release/fuzzer" \
        -seed="${ISOCHRON_FUZZ_SEED:-1}" -max_total_time="$seconds" -timeout=10 \
        -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
        -artifact_prefix="$folder/found/$name-" \
        "$folder/corpus/$name" >"$folder/$name.log" 2>&1; then
        passed=$((passed + 1))
        grep -E 'number_of_executed_units|peak_rss_mb' "$folder/$name.log"
    else
        failed=$((failed + 1))
        tail -n 40 "$folder/$name.log"
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
