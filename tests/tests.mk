# Tests are compiled for soon, not for fast: most of a test is macros.  What
# must not be undefined is in the code that they test.
$(O)/obj/tests/%.o: OPT := -O0
$(O)/obj/tests/bench/%.o: OPT := -O2
ifneq ($(findstring address,$(SAN)),)
$(O)/obj/tests/%.o: SAN := address
endif

# Unit suites: tests/<dir>/test_*.c make one Criterion program each folder.
UNIT_DIRS := model api xen server fault cli
UNIT_LIBS_server := -lxmlrpc -lxmlrpc_util
UNIT_SRC_server := tests/model/help_alloc.c
UNIT_SRC_xen := tests/model/help_alloc.c tests/model/help_random.c xen/agent/agt_line.c
UNIT_SRC_fault := tests/model/help_alloc.c tests/model/help_random.c
UNIT_SRC_api := tests/model/help_alloc.c tests/model/help_random.c
define unit_rule
$(O)/tests/unit-$(1): $(call obj,$(wildcard tests/$(1)/test_*.c) \
    $(wildcard tests/$(1)/help_*.c) $(wildcard tests/$(1)/vfs_*.c) \
    $(UNIT_SRC_$(1))) \
    $(LIB_FILES)
	@mkdir -p $$(@D)
	@echo "  LD $$@"
	@$(CC) $(LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group \
	    $(LIB_FILES) -Wl,--end-group $(SYS_LIBS) $(UNIT_LIBS_$(1)) \
	    -lcriterion
endef
$(foreach d,$(UNIT_DIRS),$(eval $(call unit_rule,$(d))))
UNITS := $(foreach d,$(UNIT_DIRS),$(if $(wildcard tests/$(d)/test_*.c), \
	$(O)/tests/unit-$(d)))

# Plain programs that race or measure: tests/*/stress_*.c, tests/bench/*.c.
# They exit non-zero on failure; Criterion cannot run under TSan.  The folder's
# helpers go through an archive, so that only those that are used are linked:
# others need Criterion, or take malloc's place.
STRESS_SRC := $(wildcard tests/*/stress_*.c) $(wildcard tests/bench/bench_*.c)
STRESS_SRC_api := tests/model/help_random.c
STRESS_SRC_bench := tests/xen/help_loop.c
stress_name = $(O)/tests/$(subst _,-,$(notdir $(basename $(1))))
define stress_rule
$(call stress_name,$(1)): $(call obj,$(1)) $(call obj,$(wildcard \
    $(dir $(1))help_*.c) $(STRESS_SRC_$(notdir $(patsubst %/,%,$(dir $(1)))))) \
    $(LIB_FILES)
	@mkdir -p $$(@D)
	@echo "  LD $$@"
	@rm -f $$@.a
	@ar rcs $$@.a $$(filter-out $(call obj,$(1)),$$(filter %.o,$$^))
	@$(CC) $(LDFLAGS) -o $$@ $(call obj,$(1)) $$@.a -Wl,--start-group \
	    $(LIB_FILES) -Wl,--end-group $(SYS_LIBS)
endef
$(foreach s,$(STRESS_SRC),$(eval $(call stress_rule,$(s))))
STRESS := $(foreach s,$(STRESS_SRC),$(call stress_name,$(s)))

.PHONY: check variant-tests variant-stress variant-bench style
variant-tests: $(O)/xenapi-memoryd $(O)/xenapi-memory-hv-sim \
    $(O)/xenapi-memory-hv-xen $(O)/xe-memory $(O)/xenapi-memory-pam $(UNITS)
variant-stress: $(O)/xenapi-memoryd $(O)/xenapi-memory-hv-sim \
    $(O)/xenapi-memory-pam $(filter $(O)/tests/stress-%,$(STRESS))
variant-bench: $(filter $(O)/tests/bench-%,$(STRESS))

check: deps-check
	@MAKE="$(MAKE)" MAKEFLAGS= tests/check.sh

TIDY_SRC := $(foreach l,$(LIBS),$(filter-out $(GEN)/%,$(SRC_$(l)))) \
	server/main.c server/pam_main.c $(wildcard xen/*_main.c xen/agent/*.c) \
	$(SRC_xenlib) \
	$(wildcard cli/xe_*.c) $(IDLC_SRC)
TIDY_OK := $(patsubst %.c,build/tidy/%.ok,$(TIDY_SRC))
TIDY_STD := c17
# How deep the analyzer looks into a function; its own default is 225000, what
# .ci/run says: three times the time.
TIDY_NODES ?= 75000
export TIDY_NODES
build/tidy/%.ok: %.c .clang-tidy $(GEN_STAMP)
	@mkdir -p $(@D)
	@echo "  TIDY $<"
	@clang-tidy --quiet --warnings-as-errors='*' $< -- -std=$(TIDY_STD) \
	    -D_GNU_SOURCE -I. -I$(GEN) -Xclang -analyzer-config \
	    -Xclang max-nodes=$(TIDY_NODES) 2>$@.err || \
	    { cat $@.err; exit 1; }
	@touch $@
style: $(TIDY_OK)
	/usr/bin/python3 tests/style/style.py
