# libFuzzer targets: tests/fuzz/fuzz_*.c.  `make fuzz-bounded` is a phase of
# make check; `make fuzz` runs until it is stopped or finds something.
# What it finds lands in build/fuzz/found-*; new inputs in build/fuzz/corpus.
FUZZ_SECONDS ?= 60
FUZZ_DIR := build/fuzz
FUZZ_NAMES := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

define fuzz_rule
$(O)/$(1): $(call obj,tests/fuzz/$(1).c) $(LIB_FILES)
	@echo "  LD $$@"
	@$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $$@ $$(filter %.o,$$^) \
	    -Wl,--start-group $(LIB_FILES) -Wl,--end-group $(SYS_LIBS)
endef
$(foreach f,$(FUZZ_NAMES),$(eval $(call fuzz_rule,$(f))))

# Everything is built once more by clang, with coverage counters.
.PHONY: fuzz-build fuzz-bounded fuzz
fuzz-build: deps-check
	+@$(MAKE) O=$(FUZZ_DIR) CC=clang OPT=-O1 \
	    SAN=fuzzer-no-link,address,undefined \
	    $(FUZZ_NAMES:%=$(FUZZ_DIR)/%)

fuzz_run = mkdir -p $(FUZZ_DIR)/corpus && $(FUZZ_DIR)/fuzz_http_xml \
	-max_len=8192 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
	-dict=tests/fuzz/http_xml.dict -artifact_prefix=$(FUZZ_DIR)/found- \
	$(1) $(FUZZ_DIR)/corpus tests/fuzz/corpus

fuzz-bounded: fuzz-build
	$(call fuzz_run,-max_total_time=$(FUZZ_SECONDS))
fuzz: fuzz-build
	$(call fuzz_run,)
