# What is needed from Debian, by name, installed through apt when missing.
# deps-build: to build and run; deps-check: for the tests besides.

PKG_BUILD := python3 gcc libc6-dev binutils libevent-dev libhttp-parser-dev \
	libexpat1-dev libssl-dev libsqlite3-dev libjansson-dev libinih-dev \
	libcrypt-dev libxmlrpc-core-c3-dev libcurl4-openssl-dev libncurses-dev \
	libpam0g-dev libxen-dev
PKG_CHECK := libcriterion-dev openssl bash \
	python3-os-xenapi curl sqlite3 clang clang-tidy clang-format \
	libclang-rt-14-dev valgrind git procps spin
# a client that comes from npm; without them its test counts as skipped
PKG_CLIENTS := nodejs npm
# real Xen in an emulated machine (tests/xenlab); without them: skipped
PKG_XENLAB := qemu-system-x86 cpio xz-utils libxen-dev systemd
PKG_BENCH := nginx-light wrk valgrind openssl

apt_install = missing=$$(dpkg-query -W -f='$${Package} $${db:Status-Abbrev}\n' \
	$(1) 2>/dev/null | awk '$$2=="ii"{print $$1}' | sort > $(2).have; \
	printf '%s\n' $(1) | sort | comm -23 - $(2).have | tr '\n' ' '); \
	rm -f $(2).have; \
	if [ -n "$$missing" ]; then \
	echo "installing through apt: $$missing"; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	$$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	--no-install-recommends $$missing >/dev/null; fi

.PHONY: deps-build deps-check deps-clients deps-xenlab deps-bench
deps-build: build/.deps-build
deps-check: build/.deps-check deps-clients deps-xenlab
deps-bench: build/.deps-bench
build/.deps-build: .ci/packages.mk
	@mkdir -p build
	@$(call apt_install,$(PKG_BUILD),$@)
	@touch $@
build/.deps-check: .ci/packages.mk build/.deps-build
	@$(call apt_install,$(PKG_CHECK),$@)
	@touch $@
# node from elsewhere is as good, and does not go together with Debian's npm
deps-clients: build/.deps-check
	@{ command -v node && command -v npm; } >/dev/null 2>&1 || \
	{ $(call apt_install,$(PKG_CLIENTS),build/.deps-clients); } || \
	echo "$(PKG_CLIENTS): not installed, the npm client is not tested"
deps-xenlab: build/.deps-check
	@$(call apt_install,$(PKG_XENLAB),build/.deps-xenlab) || \
	echo "$(PKG_XENLAB): not installed, real Xen is not tested"
build/.deps-bench: .ci/packages.mk build/.deps-build
	@$(call apt_install,$(PKG_BENCH),$@)
	@touch $@
