#!/usr/bin/env bash
# Shows kvprep on sample_docs, in a store, with a key and a cache of its own under .demo. Called by `make demo`.
set -euo pipefail
cd "$(dirname "$0")/.."
demo=$PWD/.demo
mkdir -p "$demo"
export KVPREP_STORE=$demo/store
export XDG_CONFIG_HOME=$demo/config XDG_DATA_HOME=$demo/data XDG_STATE_HOME=$demo/state XDG_CACHE_HOME=$demo/cache

say() {
  if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi
}

# run EXPECTED COMMAND…: print the command, run it, and stop unless it exits as expected.
run() {
  local expected=$1 code=0
  shift
  {
    printf '\n$'
    printf ' %q' "$@"
    printf '\n'
  } >&2
  "$@" || code=$?
  if [ "$code" -ne "$expected" ]; then
    echo "demo: the command exited with $code, expected $expected" >&2
    exit 1
  fi
}

contract=sample_docs/contracts/lease-millrace-court.pdf
question="What is the yearly rent?"

say "1. Turn the documents into an encrypted store of KV caches (exit 3: four of them are broken on purpose)"
run 3 kvprep ingest sample_docs
say "2. Again: nothing has changed, so nothing is computed"
run 3 kvprep ingest sample_docs
say "3. What is in the store"
run 0 kvprep ls
say "4. Ask from the cache, then without it: the same answer, at different cost"
run 0 kvprep ask "$contract" "$question" | tee "$demo/warm.txt"
run 0 kvprep ask --no-cache "$contract" "$question" | tee "$demo/cold.txt"
cmp "$demo/warm.txt" "$demo/cold.txt"
say "The two answers are equal, character for character."
say "5. What it has saved so far"
run 0 kvprep stats
say "6. Every byte is what was written"
run 0 kvprep verify
