# What benches/latency/run and benches/rivals/run have in common: they build what is committed, keep servers on core 0 and the
# generator on core 1, and write to a folder of benches/runs what each was started with and what came of it. Sourced in the root of
# the repository, with `seconds` set.
# shellcheck shell=bash disable=SC2154

servers_core=0 generator_core=1
# Sockets, journals and logs. Not where temporary files are: those may be in memory, and the journal is to be on a disk. Relative, so
# that the commands which are kept can be run again.
folder=target/measured
declare -A pids=()

usage() { sed -n '2,/^set /{/^#/p}' "$0" >&2 && exit 2; }
fail() { echo "$*" >&2 && exit 1; }
finish() {
    # shellcheck disable=SC2046
    kill $(jobs -p) 2>/dev/null || true
    wait
    rm -rf "$folder"
}

# Builds what is committed (the program, and packages by their manifests) and makes the run's folder.
begin() {
    local name="$1" manifest
    shift
    [ -z "$(git status --porcelain --untracked-files=no -- ':(top)' ':(top,exclude)benches/runs')" ] ||
        fail "files are changed: commit them first, so that figures are those of a commit"
    commit="$(git rev-parse HEAD)"
    [ "$(nproc)" -gt "$generator_core" ] || fail "needs cores $servers_core and $generator_core"
    cargo build --release --locked --quiet
    PATH="$(realpath -m "${CARGO_TARGET_DIR:-target}")/release:$PATH"
    for manifest; do
        cargo build --release --locked --quiet --manifest-path "$manifest"
        PATH="$(realpath -m "${CARGO_TARGET_DIR:-${manifest%/*}/target}")/release:$PATH"
    done
    out="benches/runs/$(date -u +%F)-$name"
    rm -rf "$folder" "$out"
    mkdir -p "$folder" "$out"
    trap finish EXIT
}
must_be_free() {
    local port
    for port; do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then fail "something listens on port $port already"; fi
    done
}

# Starts a server: what it is called, a command that tells whether it is there, and the server's own, which is kept.
start() {
    local name="$1" is_there="$2" line
    shift 2
    printf -v line '%q ' taskset -c "$servers_core" "$@"
    grep -qxF -- "${line% }" "$out/servers.txt" 2>/dev/null || echo "${line% }" >>"$out/servers.txt"
    taskset -c "$servers_core" "$@" >"$folder/$name.log" 2>&1 &
    pids[$name]=$!
    until $is_there >/dev/null 2>&1; do
        kill -0 "${pids[$name]}" 2>/dev/null || { cat "$folder/$name.log" >&2 && exit 1; }
        sleep 0.05
    done
}
stop() {
    local name
    for name; do
        kill "${pids[$name]}"
        wait "${pids[$name]}" || true
        unset "pids[$name]"
    done
}

# Measures from the generator's core: where its figures go, and how.
bench() {
    local to="$1"
    shift
    mkdir -p "$(dirname "$out/$to")"
    weir bench --duration "${seconds}s" --warm-up 1s --accounts 100000 --cpu "$generator_core" --spin --server-cpu "$servers_core" \
        "$@" --out "$out/$to" >"$out/$to.txt" || {
        cat "$out/$to.txt" >&2
        return 1
    }
    # That of the build: the checkout may have moved on.
    sed -i "s/^  \"commit\": .*/  \"commit\": \"$commit\",/" "$out/$to/run.json"
    # What a closed loop would tell is in run.json.
    rm -f "$out/$to"/service-*.hgrm
}
