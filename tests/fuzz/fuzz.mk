# libFuzzer targets: tests/fuzz/fuzz_*.c.  `make fuzz-bounded` is a phase of
# make check; `make fuzz` runs until it is stopped or finds something.
# What it finds lands in build/fuzz/found-*; new inputs in build/fuzz/corpus.
# Inputs of a bounded run, seeds included: some 20 s of a processor each.
FUZZ_RUNS_fuzz_calls := 6000
FUZZ_RUNS_fuzz_cli := 500000
FUZZ_RUNS_fuzz_http_xml := 350000
FUZZ_RUNS_fuzz_json := 800000
FUZZ_DIR := build/fuzz
FUZZ_NAMES := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

# Those of one protocol share what a body must lead to.
FUZZ_SRC_RPC := tests/fuzz/help_fuzz.c tests/server/help_rpc.c \
	tests/server/help_value.c
FUZZ_SRC_fuzz_http_xml := $(FUZZ_SRC_RPC)
FUZZ_SRC_fuzz_json := $(FUZZ_SRC_RPC)

# fuzz_calls drives the whole service in the world of the api suite.
FUZZ_SRC_fuzz_calls := $(wildcard tests/api/help_*.c) \
	tests/model/help_random.c $(FUZZ_SRC_RPC)
FUZZ_LIBS_fuzz_calls := -lcriterion
FUZZ_DICT_fuzz_json := json
FUZZ_SRC_fuzz_cli := tests/cli/help_fake.c
FUZZ_DICT_fuzz_cli := cli
define fuzz_rule
$(O)/$(1): $(call obj,tests/fuzz/$(1).c $(FUZZ_SRC_$(1))) $(LIB_FILES)
	@echo "  LD $$@"
	@$(CC) $(filter-out $(SAN_LDFLAGS),$(LDFLAGS)) -fsanitize=fuzzer \
	    -o $$@ $$(filter %.o,$$^) \
	    -Wl,--start-group $(LIB_FILES) -Wl,--end-group $(SYS_LIBS) \
	    $(FUZZ_LIBS_$(1))
endef
$(foreach f,$(FUZZ_NAMES),$(eval $(call fuzz_rule,$(f))))

# Everything is built once more by clang, with all that finds a mistake and the
# coverage counters: for the suites and clients as well as for these.  The
# suites' own malloc stands before the sanitizer's only where that is shared.
.PHONY: asan-build fuzz-bounded fuzz
asan-build: build
	+@$(MAKE) O=build/asan CC=clang OPT=-O1 \
	    SAN=fuzzer-no-link,address,undefined \
	    SAN_LDFLAGS="-shared-libsan -Wl,-rpath,$$(clang -print-runtime-dir)" \
	    variant-tests $(FUZZ_NAMES:%=build/asan/%)

# $(1): target; $(2): more options.  Seeds are in tests/fuzz/corpus/<target>.
fuzz_run = mkdir -p $(FUZZ_DIR)/corpus/$(1) && build/asan/$(1) \
	-max_len=8192 -timeout=25 -rss_limit_mb=2048 -print_final_stats=1 \
	-dict=tests/fuzz/$(or $(FUZZ_DICT_$(1)),http_xml).dict \
	-artifact_prefix=$(FUZZ_DIR)/found- \
	$(2) $(FUZZ_DIR)/corpus/$(1) tests/fuzz/corpus/$(1)

# FUZZ=<target> for one of them.
FUZZ ?= $(FUZZ_NAMES)
fuzz-bounded: asan-build
	$(foreach f,$(FUZZ),$(call \
	    fuzz_run,$(f),-runs=$(or $(FUZZ_RUNS_$(f)),100000)) &&) true
fuzz: asan-build
	$(foreach f,$(FUZZ),$(call fuzz_run,$(f),) & ) wait
