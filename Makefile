# session-voice
#
#   make run      install what is missing, build, and serve on http://127.0.0.1:3338 until Ctrl-C
#                 (PORT=3338 VAR=./var; another PORT and VAR make a second copy)
#   make demo     try a running copy: sign in, create, join, heartbeat, renew, leave
#   make test     everything, ending with "N passed, N failed"
#   make check    the unit tests; TEST=suite/case runs a part of them
#   make bench    how fast and how small it is, beside a program that does nothing and the same in Node
#   make bench-scale   how many people it carries, and what a million of them change
#   make bench-beside OTHER=FOLDER   the same requests to the programs in that folder of another build, in turns
#   make bench-engines   PostgreSQL beside SQLite, with the same programs
#   make bench-told   what webhooks cost
#   make lint     what clang-tidy and cppcheck say of the programs
#   make torture  the long form of the tests that break things, hours; a table of what it did and survived
#                 (PARTS='crash fuzz' for some of it, SEED=n to see the same again, MUTANTS=200 faults put in)
#   make fuzz     inputs nobody thought of, for whatever reads bytes from outside; FUZZ_SECONDS=600 for each target
#   make fuzz-coverage   which lines the corpus and what `make fuzz` found reach
#   make deb      install what is missing, and build the Debian package build-deb/session-voice_VERSION_ARCH.deb
#   make          just build, into build/
#   make help     this list
#   make install  into PREFIX=/usr/local, below DESTDIR=; make install-strip, make uninstall
#   make SAN=address,undefined   the same with sanitizers, into build-address-undefined/
#   make format   clang-format over the sources
#   make V=1 ...  shows the commands of compiler and linker

# What the build says of itself: this, and of a clone its commit.
VERSION := $(shell deploy/version.sh 1.0.0)

comma := ,
SAN ?=
# A tree per sanitizer set, so switching needs no clean.
BUILD ?= build$(if $(SAN),-$(subst $(comma),-,$(SAN)))

CXX ?= g++
WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow
# g++ takes whatever is included for a header, in which a class of a test should have no base of one file's own.
UNITY_FLAGS = -iquote . $(if $(findstring clang,$(CXX)),,-Wno-subobject-linkage)
CXXFLAGS ?= $(if $(SAN),-O1,-O2) -g1
override CXXFLAGS += -std=c++20 $(WARNINGS) $(WERROR) $(if $(UNITY),$(UNITY_FLAGS)) -Ilib -Icgi-bin -isystem /usr/include/postgresql -MMD -MP
LDFLAGS ?= -Wl,--as-needed
ifneq ($(SAN),)
override CXXFLAGS += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer -DSANITIZED
override LDFLAGS += -fsanitize=$(SAN)
endif
# The C++ runtime goes into the programs: to load it is a fifth of a plain CGI process's time. Whatever reads bytes from
# outside or keeps secrets is loaded, so that Debian's security updates reach it.
override PROGRAM_LDFLAGS := $(LDFLAGS) $(if $(SAN),,-static-libstdc++ -static-libgcc -Wl,--gc-sections)
LIBS := -lsqlite3 -lsecp256k1 -lz -lcrypto -ldl

# UNITY=1 compiles each folder as one file: a quarter of the time where all is to be compiled.
UNITY ?=
# But for these: programs of one file, what has flags of its own, and fuzz targets, each of which has names of its own.
ALONE := cgi-bin/main.cpp cgi-bin/fastcgi.cpp lib/base/version.cpp cron/% tests/fuzz/% $(wildcard tests/*.cpp)
# $(call objects,SOURCES)
objects = $(if $(UNITY),$(patsubst %.cpp,$(BUILD)/%.o,$(filter $(ALONE),$1)) $(addprefix \
    $(BUILD)/,$(addsuffix unity.o,$(sort $(dir $(filter-out $(ALONE),$1))))),$(patsubst %.cpp,$(BUILD)/%.o,$1))

SCHEMA := $(sort $(wildcard schema/*/*.sql))
LIB := $(call objects,$(sort $(wildcard lib/*/*.cpp))) $(BUILD)/schema.o
# Only fastcgi.cpp knows libfcgi. Tests link every other object without it, so a second file that reaches for
# the protocol will not link.
SERVER := cgi-bin/main.cpp cgi-bin/fastcgi.cpp
EDGE := $(call objects,$(filter-out $(SERVER),$(wildcard cgi-bin/*.cpp))) $(BUILD)/web.o
PROGRAMS := $(addprefix $(BUILD)/,session-voice $(addprefix session-voice-,meter attest notify admin))

# What is made is said in a word; V=1 shows the commands.
say = $(if $(V),,@echo '  $1' && )

all: $(PROGRAMS)

$(BUILD)/session-voice: $(SERVER:%.cpp=$(BUILD)/%.o) $(EDGE) $(LIB)
	$(call say,$@)$(CXX) $(PROGRAM_LDFLAGS) -o $@ $^ -lfcgi $(LIBS)

$(BUILD)/session-voice-meter: $(BUILD)/cron/meter.o $(BUILD)/cron/sweeper.o $(LIB)
	$(call say,$@)$(CXX) $(PROGRAM_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/session-voice-attest: $(BUILD)/cron/attest.o $(BUILD)/cron/sweeper.o $(LIB)
	$(call say,$@)$(CXX) $(PROGRAM_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/session-voice-notify: $(BUILD)/cron/notify.o $(BUILD)/cron/sweeper.o $(LIB)
	$(call say,$@)$(CXX) $(PROGRAM_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/session-voice-admin: $(call objects,$(sort $(wildcard admin/*.cpp))) $(LIB)
	$(call say,$@)$(CXX) $(PROGRAM_LDFLAGS) -o $@ $^ $(LIBS)

# Written only when it is another version, so that nothing is made again for the same one.
$(BUILD)/version: always
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@
$(BUILD)/lib/base/version.o: $(BUILD)/version
$(BUILD)/lib/base/version.o: override CXXFLAGS += -DSESSION_VOICE_VERSION='"$(VERSION)"'

# Clang can keep what a precompiled header makes of templates.
keep_templates = $(if $(findstring clang,$1),-fpch-instantiate-templates)

# Whoever includes JSON's header spends a second on it: parsed once.
JSON_PCH := $(BUILD)/json_pch.h.gch
JSON_USERS := $(patsubst %.cpp,$(BUILD)/%.o,$(filter-out cgi-bin/gateway.cpp cgi-bin/supervisor.cpp,$(wildcard \
    cgi-bin/*.cpp cron/*.cpp admin/*.cpp)) lib/auth/access_token.cpp lib/base/json.cpp lib/ethereum/json_rpc.cpp)
$(JSON_USERS): $(JSON_PCH)
$(JSON_USERS): private override CXXFLAGS += -include $(BUILD)/json_pch.h

$(JSON_PCH): lib/base/json.h
	@mkdir -p $(@D)
	@echo '#include "base/json.h"' >$(BUILD)/json_pch.h
	$(call say,$@)$(CXX) $(CXXFLAGS) $(call keep_templates,$(CXX)) -x c++-header -o $@ $(BUILD)/json_pch.h

$(BUILD)/%.o: %.cpp
	@mkdir -p $(@D)
	$(call say,$@)$(CXX) $(CXXFLAGS) -c -o $@ $<

$(BUILD)/%.o: $(BUILD)/%.cpp
	$(call say,$@)$(CXX) $(CXXFLAGS) -c -o $@ $<

.PRECIOUS: $(BUILD)/%/unity.cpp
$(BUILD)/%/unity.cpp: always
	@mkdir -p $(@D)
	@printf '#include "%s"\n' $(filter-out $(ALONE),$(sort $(wildcard $*/*.cpp))) >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# Written only when the list of files is another one, since a file that has gone is newer than nothing.
$(BUILD)/schema.list: always
	@mkdir -p $(@D)
	@echo '$(SCHEMA)' | cmp -s - $@ || echo '$(SCHEMA)' >$@

# The schema travels inside the programs: one raw string a file.
$(BUILD)/schema.cpp: $(SCHEMA) $(BUILD)/schema.list Makefile
	@mkdir -p $(@D)
	@{ printf '#include "%s/migrate.h"\n' postgresql sqlite; \
	   for engine in postgresql sqlite; do \
	       echo "const std::vector<$$engine::Migration> $$engine::schema_migrations = {"; \
	       for file in schema/$$engine/*.sql; do \
	           echo "{\"$$(basename $$file .sql)\", R\"sql("; cat $$file; echo ')sql"},'; \
	       done; \
	       echo '};'; \
	   done; } >$@

# So do the description of the HTTP interface, and the page with all its files.
WEB := cgi-bin/openapi.json $(sort $(wildcard cgi-bin/web/*.html cgi-bin/web/*.css cgi-bin/web/*.js cgi-bin/web/*.svg))

$(BUILD)/web.list: always
	@mkdir -p $(@D)
	@echo '$(WEB)' | cmp -s - $@ || echo '$(WEB)' >$@

$(BUILD)/web.cpp: cgi-bin/embed.sh $(WEB) $(BUILD)/web.list
	@cgi-bin/embed.sh $(BUILD)/web $(WEB) >$@

# ---- the two commands ----

PORT ?= 3338
VAR ?= ./var
BUILD_PACKAGES := g++ libfcgi-dev libsqlite3-dev libpq-dev nlohmann-json3-dev libssl-dev libsecp256k1-dev zlib1g-dev \
    libcurl4-openssl-dev libcli11-dev
RUN_PACKAGES := $(BUILD_PACKAGES) lighttpd curl ca-certificates

# $(call install,PACKAGES): what is missing of them, as root or by sudo. The web servers among them are not to start:
# policy-rc.d says so meanwhile.
define install
@missing=$$(for package in $(1); do \
    dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || echo $$package; done); \
if [ -n "$$missing" ]; then \
    if [ $$(id -u) -eq 0 ]; then as_root=; else as_root=sudo; fi; \
    echo "installing Debian packages$${as_root:+ by sudo}:" $$missing; \
    policy=; said=$$(mktemp); \
    trap 'rm -f "$$said"; test -z "$$policy" || $$as_root rm -f $$policy' EXIT; trap 'exit 1' INT TERM; \
    if [ ! -e /usr/sbin/policy-rc.d ]; then policy=/usr/sbin/policy-rc.d; \
        printf '#!/bin/sh\nexit 101\n' | $$as_root install -m 755 /dev/stdin $$policy; fi; \
    $$as_root apt-get -qq update && \
    $$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $$missing \
        >"$$said" 2>&1 || { cat "$$said"; exit 1; }; \
fi
endef

run-packages:
	$(call install,$(RUN_PACKAGES))

# Started by the shell itself, so that signals reach it.
run: run-packages
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@exec cgi-bin/run.sh $(BUILD) $(PORT) $(VAR)

demo: run-packages
	@$(MAKE) --no-print-directory -s -j$$(nproc) $(BUILD)/demo
	@$(BUILD)/demo http://127.0.0.1:$(PORT)

format:
	clang-format -i cgi-bin/*.h cgi-bin/*.cpp lib/*/*.h lib/*/*.cpp cron/*.h cron/*.cpp admin/*.h admin/*.cpp tests/*.h tests/*.cpp tests/*/*.cpp

clean:
	rm -rf build build-*

help:
	@sed -n '3,/^$$/s/^# \{0,1\}//p' Makefile

include tests/tests.mk deploy/deploy.mk

.PHONY: all run run-packages demo format clean help always
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
