#!/usr/bin/env bash
# Every check: format, lints, docs, tests. Needs the Rust toolchain (stable) and a C compiler. As root on Debian it installs
# Slurm and MariaDB for the tests on real clusters, unless GREENWICH_NO_SLURM is set.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}

# The toolchain's own parts that a minimal install leaves out.
for part in rustfmt clippy; do
  if ! cargo "${part/rustfmt/fmt}" --version >/dev/null 2>&1; then
    rustup component add "$part"
  fi
done

echo "== format";   cargo fmt --all --check
echo "== lints";    cargo clippy --workspace --all-targets --locked -- -D warnings
echo "== docs";     RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
echo "== Slurm";    sh scripts/slurm-if-possible.sh
echo "== tests";    cargo test --workspace --locked
