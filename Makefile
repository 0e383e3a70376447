# `make help` lists what there is. `make check` and `make test` are exactly what CI runs.

.PHONY: help check format test bench bench-policy demo

help: ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

check: ## format and lints; warnings are errors
	cargo fmt --all --check
	cargo clippy --locked --all-targets -- -D warnings

format: ## format the code
	cargo fmt --all

test: ## all tests on SQLite and on a private PostgreSQL; installs what is missing
	./scripts/install-missing
	DUNWELL_PYTHON="$${CARGO_TARGET_DIR:-$(CURDIR)/target}/venv/bin/python" ./scripts/with-postgres cargo test --locked

bench: ## measure the pipeline on both databases; prints a table and writes JSON
	mkdir -p target/bench
	DUNWELL_BENCH_JSON=$(CURDIR)/target/bench/pipeline.json ./scripts/with-postgres cargo bench --locked --no-default-features --bench pipeline -- --bench

bench-policy: ## how fast verdicts are, beside cedar-policy and regorus on an equivalent rule set
	cargo bench --locked --no-default-features --bench verdict
	cargo run --release --manifest-path benches/rivals/Cargo.toml

demo: ## a whole campaign on invented people, into the folder demo/
	cargo run --locked -- demo
