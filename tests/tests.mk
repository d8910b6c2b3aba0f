# Unit suites: tests/<dir>/test_*.c make one Criterion program each folder.
UNIT_DIRS := model api xen server
define unit_rule
$(O)/tests/unit-$(1): $(call obj,$(wildcard tests/$(1)/test_*.c) \
    $(wildcard tests/$(1)/help_*.c)) $(LIB_FILES)
	@mkdir -p $$(@D)
	$(CC) $(LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group \
	    $(LIB_FILES) -Wl,--end-group $(SYS_LIBS) -lcriterion
endef
$(foreach d,$(UNIT_DIRS),$(eval $(call unit_rule,$(d))))
