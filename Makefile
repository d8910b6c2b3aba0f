# xenapi-memory - see README.md.  The two commands: make run, make check.
#
# Everything lands under build/.  Variants (SAN=address,undefined and so on)
# build the same sources into build/<variant>/ and share build/gen.

O ?= build
GEN := build/gen
CC ?= gcc
OPT ?= -O2
SAN ?=
WARN := -Wall -Wextra -Wshadow -Wcast-qual -Wconversion -Wmissing-prototypes \
	-Wstrict-prototypes -Wvla -Werror
CFLAGS += -std=c17 -D_GNU_SOURCE -g $(OPT) $(WARN) -fno-strict-aliasing \
	-fstack-protector-strong -I. -I$(GEN) -MMD -MP
LDFLAGS += -Wl,-z,relro,-z,now
ifneq ($(SAN),)
CFLAGS += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
LDFLAGS += -fsanitize=$(SAN) $(SAN_LDFLAGS)
endif
MAKEFLAGS += --no-builtin-rules
# make V=1 shows whole commands
Q := $(if $(V),,@)
say = $(if $(V),,@echo "  $(1) $@")
.SUFFIXES:
.DELETE_ON_ERROR:

.PHONY: build
build: build/.deps-build $(O)/xenapi-memoryd $(O)/xenapi-memory-hv-sim \
    $(O)/xenapi-memory-hv-xen $(O)/xe-memory $(O)/xenapi-memory-pam \
    $(O)/xenapi-memory-agent

include .ci/packages.mk

# ---- the IDL compiler and what it generates ----
IDLC_SRC := $(wildcard api/idlc/*.c)
IDLC := build/idlc
$(IDLC): $(IDLC_SRC:%.c=build/obj/%.o)
	$(call say,LD)
	$(Q)$(CC) -o $@ $^
build/obj/api/idlc/%.o: api/idlc/%.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -std=c17 -D_GNU_SOURCE -g -O2 $(WARN) -I. -MMD -MP -c -o $@ $<

GEN_STAMP := $(GEN)/.stamp
$(GEN_STAMP): $(IDLC) xenapi-memory.idl
	@mkdir -p $(GEN)
	$(call say,IDL)
	@touch $@ # older than what follows, so that make -q is right
	$(Q)$(IDLC) xenapi-memory.idl $(GEN)
# model half (linked into libmodel.a), api half (libapi.a)
GEN_MODEL := $(GEN)/idl_tables.c
GEN_API := $(GEN)/api_rows.c
GEN_CLI := $(GEN)/cli_errors.c
$(GEN_MODEL) $(GEN_API) $(GEN_CLI): $(GEN_STAMP) ;

# ---- libraries, one per folder ----
SRC_model := $(wildcard model/*.c) $(GEN_MODEL)
SRC_journal := $(wildcard model/journal/*.c)
# what needs Xen's own libraries goes into one program only
SRC_xenlib := $(wildcard xen/hv_*_lib.c)
SRC_hv := $(filter-out %_main.c $(SRC_xenlib),$(wildcard xen/*.c))
SRC_api := $(wildcard api/*.c) $(GEN_API)
SRC_certs := $(filter-out %_main.c,$(wildcard certs/*.c))
SRC_server := $(filter-out server/main.c server/%_main.c, \
	$(wildcard server/*.c))
SRC_cli := $(wildcard cli/cli_*.c) $(GEN_CLI)
LIBS := model journal hv api certs server cli

obj = $(patsubst %.c,$(O)/obj/%.o,$(1))
$(O)/obj/%.o: %.c $(GEN_STAMP)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<

define lib_rule
$(O)/lib$(1).a: $(call obj,$(SRC_$(1)))
	@rm -f $$@
	$(Q)ar rcs $$@ $$^
endef
$(foreach l,$(LIBS),$(eval $(call lib_rule,$(l))))

LIB_FILES = $(O)/libserver.a $(O)/libcli.a $(O)/libcerts.a $(O)/libapi.a \
	$(O)/libhv.a $(O)/libjournal.a $(O)/libmodel.a
SYS_LIBS := -levent_core -lhttp_parser -lexpat -lssl -lcrypto -lsqlite3 \
	-ljansson -linih -lcrypt -lpthread -lm

$(O)/xenapi-memoryd: $(call obj,server/main.c) $(LIB_FILES)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(LIB_FILES) \
	    -Wl,--end-group $(SYS_LIBS)
$(O)/xenapi-memory-hv-sim: $(call obj,xen/hv_sim_main.c) $(O)/libhv.a \
    $(O)/libmodel.a
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(O)/libhv.a $(O)/libmodel.a -linih -lpthread -lm
# xenctrl.h is written in GNU C
$(O)/obj/xen/hv_xc_lib.o: CFLAGS += -std=gnu17
build/tidy/xen/hv_xc_lib.ok: TIDY_STD := gnu17
$(O)/xenapi-memory-hv-xen: $(call obj,xen/hv_xen_main.c $(SRC_xenlib)) \
    $(O)/libhv.a $(O)/libmodel.a
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(O)/libhv.a \
	    $(O)/libmodel.a -lxenctrl -lxenstore -lxentoollog -lpthread -lm
# for guests: small, and on libxenstore alone
$(O)/xenapi-memory-agent: $(call obj,$(wildcard xen/agent/*.c))
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lxenstore
$(O)/xenapi-memory-pam: $(call obj,server/pam_main.c)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< -lpam

# ---- the command: manual page and completion come from its own tables ----
XE_LIBS := -lxmlrpc_client -lxmlrpc -lxmlrpc_util -lcurl -lncursesw -ltinfo
$(O)/xe-memory: $(call obj,$(wildcard cli/xe_*.c)) $(O)/libcli.a
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(O)/libcli.a $(XE_LIBS)
	$(Q)ASAN_OPTIONS=detect_leaks=0 $@ --print-man >$@.1
	$(Q)ASAN_OPTIONS=detect_leaks=0 $@ --print-completion >$@.bash

# ---- make install: PREFIX, DESTDIR, SYSCONFDIR ----
# What the daemon starts lies beside it in libexec; sbin has a link.
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
SBINDIR = $(PREFIX)/sbin
LIBEXECDIR = $(PREFIX)/libexec/xenapi-memory
UNITDIR = $(PREFIX)/lib/systemd/system
MANDIR = $(PREFIX)/share/man
COMPDIR = $(PREFIX)/share/bash-completion/completions
PROGRAMS := xenapi-memoryd xenapi-memory-hv-sim xenapi-memory-hv-xen \
	xenapi-memory-pam
D = $(DESTDIR)
.PHONY: install
install: build
	install -d $(D)$(SBINDIR) $(D)$(PREFIX)/bin $(D)$(LIBEXECDIR) \
	    $(D)$(UNITDIR) $(D)$(MANDIR)/man1 $(D)$(MANDIR)/man8 \
	    $(D)$(COMPDIR) $(D)$(SYSCONFDIR)
	install $(PROGRAMS:%=$(O)/%) $(D)$(LIBEXECDIR)
	ln -sfr $(D)$(LIBEXECDIR)/xenapi-memoryd $(D)$(SBINDIR)/xenapi-memoryd
	install $(O)/xe-memory $(D)$(PREFIX)/bin
	install -m 644 $(O)/xe-memory.1 $(D)$(MANDIR)/man1
	$(O)/xenapi-memoryd --print-man >$(O)/xenapi-memoryd.8
	install -m 644 $(O)/xenapi-memoryd.8 $(D)$(MANDIR)/man8
	install -m 644 $(O)/xe-memory.bash $(D)$(COMPDIR)/xe-memory
	sed -e 's,@SBINDIR@,$(SBINDIR),g' -e 's,@SYSCONFDIR@,$(SYSCONFDIR),g' \
	    server/xenapi-memoryd.service.in >$(O)/xenapi-memoryd.service
	install -m 644 $(O)/xenapi-memoryd.service $(D)$(UNITDIR)
	@# what somebody has edited stays
	$(O)/xenapi-memoryd --print-config >$(O)/xenapi-memory.conf
	[ -e $(D)$(SYSCONFDIR)/xenapi-memory.conf ] || install -m 644 \
	    $(O)/xenapi-memory.conf $(D)$(SYSCONFDIR)

# The configuration file stays, and so does what the service has made:
# /var/lib/xenapi-memory.  Stop and disable it first.
.PHONY: uninstall
uninstall:
	rm -f $(PROGRAMS:%=$(D)$(LIBEXECDIR)/%) $(D)$(SBINDIR)/xenapi-memoryd \
	    $(D)$(PREFIX)/bin/xe-memory $(D)$(MANDIR)/man1/xe-memory.1 \
	    $(D)$(MANDIR)/man8/xenapi-memoryd.8 $(D)$(COMPDIR)/xe-memory \
	    $(D)$(UNITDIR)/xenapi-memoryd.service
	[ ! -d $(D)$(LIBEXECDIR) ] || rmdir $(D)$(LIBEXECDIR)

# In a guest: the agent alone, which needs libxenstore and nothing else.
.PHONY: install-agent
install-agent: $(O)/xenapi-memory-agent
	install -d $(D)$(SBINDIR) $(D)$(UNITDIR) $(D)$(MANDIR)/man8
	install $< $(D)$(SBINDIR)
	install -m 644 xen/agent/xenapi-memory-agent.8 $(D)$(MANDIR)/man8
	sed 's,@SBINDIR@,$(SBINDIR),g' xen/agent/xenapi-memory-agent.service.in \
	    >$(O)/xenapi-memory-agent.service
	install -m 644 $(O)/xenapi-memory-agent.service $(D)$(UNITDIR)
.PHONY: uninstall-agent
uninstall-agent:
	rm -f $(D)$(SBINDIR)/xenapi-memory-agent \
	    $(D)$(MANDIR)/man8/xenapi-memory-agent.8 \
	    $(D)$(UNITDIR)/xenapi-memory-agent.service

include tests/tests.mk

# ---- the first command: a demo host, and what to try on it ----
RUN_DIR := build/run
.PHONY: run
run: build
	@exec server/run-demo.sh $(O) $(RUN_DIR)

-include tests/fuzz/fuzz.mk tests/bench/bench.mk

# A test CA with server and client certificates, for trying TLS.
.PHONY: certs
certs: $(O)/make-certs
	$(O)/make-certs build/certs
$(O)/make-certs: $(call obj,certs/make_main.c) $(O)/libcerts.a
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcrypto

.PHONY: clean
clean:
	rm -rf build

-include $(shell find build -path build/xenlab -prune -o -name '*.d' -print \
	2>/dev/null)
