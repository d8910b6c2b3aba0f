# Measurements, side by side in one run, as ratios; never part of the tests.
BENCH_DIR := build/bench
.PHONY: bench
bench: deps-bench build variant-bench
	@mkdir -p $(BENCH_DIR)
	@echo "== server CPU per TLS call, beside nginx"
	@/usr/bin/python3 tests/bench/tls.py
	@echo "== durable setters through the dispatch door, beside plain SQLite"
	@rm -rf $(BENCH_DIR)/door && mkdir $(BENCH_DIR)/door && \
	    $(O)/tests/bench-door $(BENCH_DIR)/door
	@echo "== reservations where memory is free"
	@rm -rf $(BENCH_DIR)/reserve && mkdir $(BENCH_DIR)/reserve && \
	    $(O)/tests/bench-reserve $(BENCH_DIR)/reserve
	@echo "== admission with 10 and 100,000 VMs (instructions)"
	@sh tests/bench/admit.sh $(O)/tests/bench-admit $(BENCH_DIR)
	@echo "== one step of the balancer, beside one pass over its arrays"
	@$(O)/tests/bench-bal
	@echo "== from an ask to the grant, and the loop at rest"
	@$(O)/tests/bench-loop
	@echo "== from memory_reservation.create to the grant, all of it"
	@/usr/bin/python3 tests/bench/grant.py
	@echo "== ten thousand guests that are polled"
	@/usr/bin/python3 tests/bench/stats.py
	@echo "== start with 100,000 VMs"
	@/usr/bin/python3 tests/bench/start.py $(O)/tests/bench-fill
