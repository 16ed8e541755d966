# session-voice
#
#   make run      install what is missing, build, and serve on http://127.0.0.1:3338 until Ctrl-C
#                 (PORT=3338 VAR=./var; another PORT and VAR make a second copy)
#   make demo     try a running copy: sign in, create, join, heartbeat, renew, leave
#   make test     everything, ending with "N passed, N failed"
#   make bench    requests per second, beside a program that does nothing
#   make torture-wal   five minutes of six writers and the sweep; every acknowledged row is looked up
#   make          just build, into build/
#   make SAN=address,undefined   the same with sanitizers, into build-address-undefined/
#   make format   clang-format over the sources

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
EDGE := $(patsubst %.cpp,$(BUILD)/%.o,$(filter-out cgi-bin/main.cpp,$(wildcard cgi-bin/*.cpp)))
PROGRAMS := $(BUILD)/session-voice $(BUILD)/session-voice-meter $(BUILD)/session-voice-admin

all: $(PROGRAMS)

$(BUILD)/session-voice: $(BUILD)/cgi-bin/main.o $(EDGE) $(LIB)
	$(CXX) $(LDFLAGS) -o $@ $^ -lfcgi $(LIBS)

$(BUILD)/session-voice-meter: $(BUILD)/cron/meter.o $(LIB)
	$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/session-voice-admin: $(BUILD)/admin/admin.o $(LIB)
	$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

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

# ---- tests ----

TESTS := $(patsubst %.cpp,$(BUILD)/%.o,$(filter-out tests/bench/% tests/torture/% tests/demo.cpp, \
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

$(BUILD)/demo: $(BUILD)/tests/demo.o $(BUILD)/tests/wallet.o $(LIB)
	$(CXX) $(LDFLAGS) -o $@ $^ -lcurl $(LIBS)

$(BUILD)/bench-seed: $(BUILD)/tests/bench/seed.o $(LIB)
	$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/bench-nothing: $(BUILD)/tests/bench/nothing.o
	$(CXX) $(LDFLAGS) -o $@ $^ -lfcgi

test: test-packages
	@$(MAKE) --no-print-directory -j$$(nproc) WERROR=-Werror all $(BUILD)/run_tests $(BUILD)/wal-torture $(BUILD)/demo
	@$(MAKE) --no-print-directory -j$$(nproc) WERROR=-Werror SAN=address,undefined build-address-undefined/run_tests
	@tests/run.sh $(BUILD) build-address-undefined

# Five minutes on tmpfs; what it shows in short is part of `make test`.
torture-wal: $(BUILD)/wal-torture
	for run in 1 2 3 4 5; do $< /dev/shm/session-voice-torture 60 || exit 1; done

bench: bench-packages
	@$(MAKE) --no-print-directory -j$$(nproc) all $(BUILD)/bench-seed $(BUILD)/bench-nothing
	@tests/bench/bench.sh $(BUILD)

# ---- the two commands ----

PORT ?= 3338
VAR ?= ./var
RUN_PACKAGES := g++ libfcgi-dev libsqlite3-dev nlohmann-json3-dev libssl-dev libsecp256k1-dev zlib1g-dev \
    libcurl4-openssl-dev libcli11-dev lighttpd curl ca-certificates

# $(call install,PACKAGES): what is missing of them, as root or by sudo.
define install
@missing=$$(for package in $(1); do \
    dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || echo $$package; done); \
if [ -n "$$missing" ]; then \
    if [ $$(id -u) -eq 0 ]; then as_root=; else as_root=sudo; fi; \
    echo "installing Debian packages$${as_root:+ by sudo}:" $$missing; \
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
	$(call install,$(RUN_PACKAGES) libboost-test-dev $(if $(shell command -v npm),,nodejs npm))

bench-packages:
	$(call install,$(RUN_PACKAGES) wrk)

# Started by the shell itself, so that signals reach it.
run: run-packages
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@exec cgi-bin/run.sh $(BUILD) $(PORT) $(VAR)

demo: run-packages
	@$(MAKE) --no-print-directory -s -j$$(nproc) $(BUILD)/demo
	@$(BUILD)/demo http://127.0.0.1:$(PORT)

format:
	clang-format -i cgi-bin/*.h cgi-bin/*.cpp lib/*/*.h lib/*/*.cpp cron/*.cpp admin/*.cpp tests/*.h tests/*.cpp tests/*/*.cpp

clean:
	rm -rf build build-*

.PHONY: all run run-packages demo test test-packages bench bench-packages torture-wal format clean
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
