# `make help` lists what there is. `make check` and `make test` are exactly what CI runs.

.PHONY: help check format test soak-evidence soak-power soak-kills bench bench-letters bench-sms bench-mail bench-policy bench-guard demo guard-report reply-report walk-channels

help: ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 14

check: ## format and lints; warnings are errors
	cargo fmt --all --check
	cargo clippy --locked --all-targets -- -D warnings

format: ## format the code
	cargo fmt --all

test: ## all tests on SQLite and on a private PostgreSQL; installs what is missing
	./scripts/install-missing
	DUNWELL_PYTHON="$${CARGO_TARGET_DIR:-$(CURDIR)/target}/venv/bin/python" ./scripts/with-postgres cargo test --locked

soak-evidence: ## a million changed bundles, both verifiers; DUNWELL_MUTATIONS sets another number
	./scripts/install-missing
	DUNWELL_PYTHON="$${CARGO_TARGET_DIR:-$(CURDIR)/target}/venv/bin/python" cargo test --locked --release --no-default-features --test it a_million_changed_bundles -- --ignored --nocapture

soak-power: ## a thousand power cuts on recorded writes (needs strace); DUNWELL_CUTS sets another number
	./scripts/install-missing
	cargo test --locked --release --no-default-features --test it a_thousand_power_cuts -- --ignored --nocapture

soak-kills: ## a thousand kills of a sending service on each database; DUNWELL_KILLS sets another number
	./scripts/install-missing
	./scripts/with-postgres cargo test --locked --release --no-default-features --test it a_thousand_kills -- --ignored --nocapture

bench: ## measure the pipeline and the log on both databases; prints tables and writes JSON
	mkdir -p target/bench
	DUNWELL_BENCH_JSON=$(CURDIR)/target/bench/pipeline.json ./scripts/with-postgres cargo bench --locked --no-default-features --bench pipeline -- --bench
	./scripts/with-postgres cargo bench --locked --no-default-features --bench log -- --bench

bench-sms: ## texts over SMPP beside the npm package smpp with the same window
	./scripts/install-missing
	cargo bench --locked --no-default-features --bench smpp

bench-mail: ## e-mails beside aiosmtplib and nodemailer, plain and signed, over the same sink
	./scripts/install-missing
	cargo bench --locked --no-default-features --bench mail

bench-letters: ## letters a second beside WeasyPrint and LibreOffice, one by one and many in one PDF
	./scripts/install-missing letters
	cargo bench --locked --bench letters

bench-policy: ## how fast verdicts are, beside cedar-policy and regorus on an equivalent rule set
	cargo bench --locked --no-default-features --bench verdict
	cargo run --release --manifest-path benches/rivals/Cargo.toml

bench-guard: ## how fast the content guard is, beside a plain aho-corasick and pyahocorasick over the same words and texts
	test -x target/peer/bin/python || { python3 -m venv target/peer && target/peer/bin/pip install --quiet --disable-pip-version-check pyahocorasick==2.3.1; }
	cargo bench --locked --no-default-features --bench guard -- --stages --python $(CURDIR)/target/peer/bin/python

demo: ## a whole campaign on invented people, into the folder demo/
	cargo run --locked -- demo

walk-channels: ## a walk through the channels against a real Postfix and message centre on this machine; wants root
	./scripts/install-missing
	cargo build --locked
	./scripts/walk-channels

reply-report: ## learn the model of answers, measure their understanding, write docs/reply-quality.md
	python3 corpus/replies/expand.py --check
	cargo run --locked -- replies train corpus/replies/train.jsonl --out src/replies/weights.bin
	cargo run --locked -- replies report corpus/replies/heldout.jsonl --into docs/reply-quality.md

guard-report: ## learn the classifier, measure the content guard, write docs/guard-quality.md
	python3 corpus/expand.py --check
	cargo run --locked -- guard train corpus/train.jsonl --out src/guard/classifier/weights.bin
	mkdir -p target/guard
	cargo run --locked -- --lang en guard report tests/data/corpus.jsonl corpus/heldout.jsonl corpus/train.jsonl --into docs/guard-quality.md --html target/guard/quality.html
	cargo run --locked -- --lang en guard report tests/data/corpus.jsonl corpus/heldout.jsonl --classifier-only --into docs/guard-quality.md --as classifier
