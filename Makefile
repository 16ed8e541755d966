# session-voice
#
#   make run      install what is missing, build, and serve on http://127.0.0.1:3338 until Ctrl-C
#                 (PORT=3338 VAR=./var; another PORT and VAR make a second copy)
#   make demo     try a running copy: sign in, create, join, heartbeat, renew, leave
#   make test     everything, ending with "N passed, N failed"
#   make bench    how fast and how small it is, beside a program that does nothing and the same in Node
#   make bench-scale   the same with a million participants
#   make torture-wal   five minutes of six writers and the sweep; every acknowledged row is looked up
#   make torture-backup   twenty minutes of backups while four write, and kill -9 of backups and restorations
#   make deb      install what is missing, and build the Debian package build-deb/session-voice_VERSION_ARCH.deb
#   make          just build, into build/
#   make install  into PREFIX=/usr/local, below DESTDIR=; make install-strip, make uninstall
#   make SAN=address,undefined   the same with sanitizers, into build-address-undefined/
#   make format   clang-format over the sources

VERSION := 1.0.0

comma := ,
SAN ?=
# A tree per sanitizer set, so switching needs no clean.
BUILD := build$(if $(SAN),-$(subst $(comma),-,$(SAN)))

CXX ?= g++
WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow
CXXFLAGS ?= $(if $(SAN),-O1,-O2) -g1
override CXXFLAGS += -std=c++20 $(WARNINGS) $(WERROR) -Ilib -Icgi-bin -MMD -MP
LDFLAGS ?= -Wl,--as-needed
ifneq ($(SAN),)
override CXXFLAGS += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
override LDFLAGS += -fsanitize=$(SAN)
endif
LIBS := -lsqlite3 -lsecp256k1 -lcrypto -lz -ldl

SCHEMA := $(sort $(wildcard schema/*.sql))
LIB := $(patsubst %.cpp,$(BUILD)/%.o,$(sort $(wildcard lib/*/*.cpp))) $(BUILD)/schema.o
# Only main.cpp speaks FastCGI. Tests link every other object without -lfcgi, so a second file that reaches
# for the protocol will not link.
EDGE := $(patsubst %.cpp,$(BUILD)/%.o,$(filter-out cgi-bin/main.cpp,$(wildcard cgi-bin/*.cpp))) $(BUILD)/openapi.o
PROGRAMS := $(BUILD)/session-voice $(BUILD)/session-voice-meter $(BUILD)/session-voice-attest $(BUILD)/session-voice-admin

all: $(PROGRAMS)

$(BUILD)/session-voice: $(BUILD)/cgi-bin/main.o $(EDGE) $(LIB)
	$(CXX) $(LDFLAGS) -o $@ $^ -lfcgi $(LIBS)

$(BUILD)/session-voice-meter: $(BUILD)/cron/meter.o $(BUILD)/cron/sweeper.o $(LIB)
	$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/session-voice-attest: $(BUILD)/cron/attest.o $(BUILD)/cron/sweeper.o $(LIB)
	$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/session-voice-admin: $(patsubst %.cpp,$(BUILD)/%.o,$(sort $(wildcard admin/*.cpp))) $(LIB)
	$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

# What /metrics calls the build.
$(BUILD)/lib/metrics/report.o: Makefile
$(BUILD)/lib/metrics/report.o: override CXXFLAGS += -DSESSION_VOICE_VERSION='"$(VERSION)"'

$(BUILD)/%.o: %.cpp
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) -c -o $@ $<

$(BUILD)/%.o: $(BUILD)/%.cpp
	$(CXX) $(CXXFLAGS) -c -o $@ $<

# The schema travels inside the programs: one raw string a file.
$(BUILD)/schema.cpp: $(SCHEMA) Makefile
	@mkdir -p $(@D)
	@{ echo '#include "sqlite/migrate.h"'; \
	   echo 'const std::vector<sqlite::Migration> sqlite::schema_migrations = {'; \
	   for file in $(SCHEMA); do \
	       echo "{\"$$(basename $$file .sql)\", R\"sql("; cat $$file; echo ')sql"},'; \
	   done; \
	   echo '};'; } >$@

# So does the description of the HTTP interface.
$(BUILD)/openapi.cpp: cgi-bin/openapi.json Makefile
	@mkdir -p $(@D)
	@{ printf 'extern const char* const openapi_document;\nconst char* const openapi_document = R"json('; \
	   cat $<; echo ')json";'; } >$@

# ---- tests ----

TESTS := $(patsubst %.cpp,$(BUILD)/%.o,$(filter-out tests/bench/% tests/e2e/% tests/torture/% tests/demo.cpp, \
    $(wildcard tests/*.cpp tests/*/*.cpp)))

# Tests are compiled once and run for seconds: little optimization, and with sanitizers, which make it slow, none.
TEST_FLAGS := -Itests -DBOOST_TEST_DYN_LINK $(if $(SAN),-O0,-O1)
$(BUILD)/tests/%.o: override CXXFLAGS += $(TEST_FLAGS)

# Most of a test's compile time is Boost.Test and JSON: parsed once, with fixture.h.
PCH := $(BUILD)/pch.h.gch
$(filter-out %/wallet.o %/run_tests.o,$(TESTS)): $(PCH)
$(filter-out %/wallet.o %/run_tests.o,$(TESTS)): override CXXFLAGS += -include $(BUILD)/pch.h

$(PCH): override CXXFLAGS += $(TEST_FLAGS)
$(PCH): tests/fixture.h
	@mkdir -p $(@D)
	@echo '#include "fixture.h"' >$(BUILD)/pch.h
	$(CXX) $(CXXFLAGS) -x c++-header -o $@ $(BUILD)/pch.h

$(BUILD)/run_tests: $(TESTS) $(EDGE) $(LIB)
	$(CXX) $(LDFLAGS) -o $@ $^ -lboost_unit_test_framework $(LIBS)

$(BUILD)/wal-torture: $(BUILD)/tests/torture/wal_torture.o $(LIB)
	$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/backup-torture: $(BUILD)/tests/torture/backup_torture.o $(LIB)
	$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/demo: $(BUILD)/tests/demo.o $(BUILD)/tests/wallet.o $(LIB)
	$(CXX) $(LDFLAGS) -o $@ $^ -lcurl $(LIBS)

$(BUILD)/session-at: $(BUILD)/tests/e2e/session_at.o $(LIB)
	$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

test: test-packages
	@$(MAKE) --no-print-directory -j$$(nproc) WERROR=-Werror all $(BUILD)/run_tests $(BUILD)/wal-torture \
	    $(BUILD)/backup-torture $(BUILD)/demo $(BUILD)/session-at
	@$(MAKE) --no-print-directory -j$$(nproc) WERROR=-Werror SAN=address,undefined build-address-undefined/run_tests
	@tests/run.sh $(BUILD) build-address-undefined

# Five minutes on tmpfs; what it shows in short is part of `make test`.
torture-wal: $(BUILD)/wal-torture
	for run in 1 2 3 4 5; do $< /dev/shm/session-voice-torture 60 || exit 1; done

# Twenty backups, each within a minute of writing.
torture-backup: $(BUILD)/backup-torture
	$< /dev/shm/session-voice-backup-torture 20 60 100

# ---- benchmarks ----

BENCH := $(addprefix $(BUILD)/bench-,seed nothing sign recover empty runs load grow fast-clock.so)

$(BUILD)/bench-seed: $(BUILD)/tests/bench/seed.o $(LIB)
	$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/bench-grow: $(BUILD)/tests/bench/grow.o $(LIB)
	$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/bench-sign: $(BUILD)/tests/bench/sign.o $(BUILD)/tests/wallet.o $(LIB)
	$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/bench-nothing: $(BUILD)/tests/bench/nothing.o
	$(CXX) $(LDFLAGS) -o $@ $^ -lfcgi

$(BUILD)/bench-recover: $(BUILD)/tests/bench/recover.o
	$(CXX) $(LDFLAGS) -o $@ $^ -lsecp256k1

$(BUILD)/bench-fast-clock.so: tests/bench/fast_clock.cpp
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) -shared -fPIC -o $@ $<

$(BUILD)/bench-%: $(BUILD)/tests/bench/%.o
	$(CXX) $(LDFLAGS) -o $@ $^

# Each line of their tables says whether a bar is met; the status tells only whether everything ran.
bench bench-scale: bench-packages
	@$(MAKE) --no-print-directory -s -j$$(nproc) all $(BENCH)
	@tests/bench/$(subst bench-,,$@).sh $(BUILD)

# ---- the two commands ----

PORT ?= 3338
VAR ?= ./var
BUILD_PACKAGES := g++ libfcgi-dev libsqlite3-dev nlohmann-json3-dev libssl-dev libsecp256k1-dev zlib1g-dev \
    libcurl4-openssl-dev libcli11-dev
RUN_PACKAGES := $(BUILD_PACKAGES) lighttpd curl ca-certificates
DEB_PACKAGES := $(BUILD_PACKAGES) build-essential debhelper

# $(call install,PACKAGES): what is missing of them, as root or by sudo. The web servers among them are not to start:
# policy-rc.d says so meanwhile.
define install
@missing=$$(for package in $(1); do \
    dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || echo $$package; done); \
if [ -n "$$missing" ]; then \
    if [ $$(id -u) -eq 0 ]; then as_root=; else as_root=sudo; fi; \
    echo "installing Debian packages$${as_root:+ by sudo}:" $$missing; \
    policy=; trap 'test -z "$$policy" || $$as_root rm -f $$policy' EXIT; trap 'exit 1' INT TERM; \
    if [ ! -e /usr/sbin/policy-rc.d ]; then policy=/usr/sbin/policy-rc.d; \
        printf '#!/bin/sh\nexit 101\n' | $$as_root install -m 755 /dev/stdin $$policy; fi; \
    $$as_root apt-get -qq update && \
    $$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $$missing \
        >/tmp/session-voice-apt.$$$$ 2>&1 || { cat /tmp/session-voice-apt.$$$$; exit 1; }; \
    rm -f /tmp/session-voice-apt.$$$$; \
fi
endef

run-packages:
	$(call install,$(RUN_PACKAGES))

# Node.js may come from elsewhere than Debian.
test-packages:
	$(call install,$(RUN_PACKAGES) $(DEB_PACKAGES) libboost-test-dev sqlite3 \
	    mmdebstrap iproute2 systemd systemd-container lintian mandoc man-db \
	    lighttpd-mod-openssl nginx apache2-bin spawn-fcgi openssl passwd \
	    $(if $(shell command -v npm),,nodejs npm))

deb-packages:
	$(call install,$(DEB_PACKAGES))

bench-packages:
	$(call install,$(RUN_PACKAGES) wrk binutils python3 $(if $(shell command -v npm),,nodejs npm))

# Started by the shell itself, so that signals reach it.
run: run-packages
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@exec cgi-bin/run.sh $(BUILD) $(PORT) $(VAR)

demo: run-packages
	@$(MAKE) --no-print-directory -s -j$$(nproc) $(BUILD)/demo
	@$(BUILD)/demo http://127.0.0.1:$(PORT)

# ---- installing ----

# The programs look for /etc/session-voice/session-voice.env, so sysconfdir does not follow PREFIX.
PREFIX ?= /usr/local
bindir ?= $(PREFIX)/bin
mandir ?= $(PREFIX)/share/man
docdir ?= $(PREFIX)/share/doc/session-voice
unitdir ?= $(PREFIX)/lib/systemd/system
sysconfdir ?= /etc
INSTALL ?= install
INSTALL_PROGRAM ?= $(INSTALL)

UNITS := $(sort $(wildcard deploy/systemd/*))
MAN5 := $(sort $(wildcard deploy/man/*.5))
MAN8 := $(sort $(wildcard deploy/man/*.8))
EXAMPLES := $(sort $(wildcard deploy/*.conf deploy/htaccess deploy/grafana.json deploy/README.md)) cron/crontab
DOCUMENTS := README.md cgi-bin/openapi.json

install: all
	$(INSTALL) -d $(addprefix $(DESTDIR),$(bindir) $(mandir)/man5 $(mandir)/man8 $(docdir)/examples $(unitdir))
	$(INSTALL_PROGRAM) -m 755 $(PROGRAMS) $(DESTDIR)$(bindir)
	$(INSTALL) -m 644 $(MAN5) $(DESTDIR)$(mandir)/man5
	$(INSTALL) -m 644 $(MAN8) $(DESTDIR)$(mandir)/man8
	$(INSTALL) -m 644 $(DOCUMENTS) $(DESTDIR)$(docdir)
	$(INSTALL) -m 644 $(EXAMPLES) $(DESTDIR)$(docdir)/examples
	$(INSTALL) -m 644 $(UNITS) $(DESTDIR)$(unitdir)
	sed -i 's|/usr/bin/session-voice|$(bindir)/session-voice|; s|/etc/session-voice|$(sysconfdir)/session-voice|' \
	    $(addprefix $(DESTDIR)$(unitdir)/,$(notdir $(UNITS)))

install-strip:
	@$(MAKE) --no-print-directory install INSTALL_PROGRAM='$(INSTALL_PROGRAM) -s'

uninstall:
	rm -f $(addprefix $(DESTDIR)$(bindir)/,$(notdir $(PROGRAMS)))
	rm -f $(addprefix $(DESTDIR)$(mandir)/man5/,$(notdir $(MAN5))) $(addprefix $(DESTDIR)$(mandir)/man8/,$(notdir $(MAN8)))
	rm -f $(addprefix $(DESTDIR)$(unitdir)/,$(notdir $(UNITS)))
	rm -f $(addprefix $(DESTDIR)$(docdir)/,$(notdir $(DOCUMENTS))) $(addprefix $(DESTDIR)$(docdir)/examples/,$(notdir $(EXAMPLES)))
	-rmdir $(DESTDIR)$(docdir)/examples $(DESTDIR)$(docdir)

# debhelper wants a folder debian: it gets a copy, whose rules call `make install` here.
deb: deb-packages
	@$(MAKE) --no-print-directory -j$$(nproc) all
	rm -rf build-deb
	mkdir -p build-deb/package
	cp -r deploy/debian build-deb/package/debian
	sed -i '1s/(.*)/($(VERSION))/' build-deb/package/debian/changelog
	cd build-deb/package && dpkg-buildpackage --build=binary --no-sign
	@ls build-deb/session-voice_*.deb

format:
	clang-format -i cgi-bin/*.h cgi-bin/*.cpp lib/*/*.h lib/*/*.cpp cron/*.h cron/*.cpp admin/*.h admin/*.cpp tests/*.h tests/*.cpp tests/*/*.cpp

clean:
	rm -rf build build-*

.PHONY: all run run-packages demo test test-packages bench bench-scale bench-packages torture-wal torture-backup install install-strip \
    uninstall deb deb-packages format clean
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
