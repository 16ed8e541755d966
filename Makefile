# session-voice
#
#   make run      install what is missing, build, and serve on http://127.0.0.1:3338 until Ctrl-C
#                 (PORT=3338 VAR=./var; another PORT and VAR make a second copy)
#   make demo     try a running copy: sign in, create, join, heartbeat, renew, leave
#   make test     everything, ending with "N passed, N failed"
#   make check    the unit tests; TEST=suite/case runs a part of them
#   make bench    how fast and how small it is, beside a program that does nothing and the same in Node
#   make bench-scale   the same with a million participants
#   make torture  the long form of the tests that break things, hours; a table of what it did and survived
#                 (PARTS='crash fuzz' for some of it, SEED=n to see the same again, MUTANTS=200 faults put in)
#   make fuzz     inputs nobody thought of, for whatever reads bytes from outside; FUZZ_SECONDS=600 for each target
#   make fuzz-coverage   which lines the corpus and what `make fuzz` found reach
#   make deb      install what is missing, and build the Debian package build-deb/session-voice_VERSION_ARCH.deb
#   make          just build, into build/
#   make install  into PREFIX=/usr/local, below DESTDIR=; make install-strip, make uninstall
#   make SAN=address,undefined   the same with sanitizers, into build-address-undefined/
#   make format   clang-format over the sources
#   make V=1 ...  shows the commands of compiler and linker

# What the build says of itself: this, and of a clone its commit.
VERSION := $(shell deploy/version.sh 1.0.0)

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
override CXXFLAGS += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer -DSANITIZED
override LDFLAGS += -fsanitize=$(SAN)
endif
# What is small goes into the programs, since each library that is loaded makes a plain CGI process start later; so does
# the C++ runtime, which is a fifth of its time.
override PROGRAM_LDFLAGS := $(LDFLAGS) $(if $(SAN),,-static-libstdc++ -static-libgcc -Wl,--gc-sections)
LIBS := -lsqlite3 -lsecp256k1 -lz -Wl,-Bstatic -lnettle -lgmp -Wl,-Bdynamic -ldl

SCHEMA := $(sort $(wildcard schema/*.sql))
LIB := $(patsubst %.cpp,$(BUILD)/%.o,$(sort $(wildcard lib/*/*.cpp))) $(BUILD)/schema.o
# Only main.cpp speaks FastCGI. Tests link every other object without -lfcgi, so a second file that reaches
# for the protocol will not link.
EDGE := $(patsubst %.cpp,$(BUILD)/%.o,$(filter-out cgi-bin/main.cpp,$(wildcard cgi-bin/*.cpp))) $(BUILD)/openapi.o
PROGRAMS := $(BUILD)/session-voice $(BUILD)/session-voice-meter $(BUILD)/session-voice-attest $(BUILD)/session-voice-admin

# What is made is said in a word; V=1 shows the commands.
say = $(if $(V),,@echo '  $1' && )

all: $(PROGRAMS)

$(BUILD)/session-voice: $(BUILD)/cgi-bin/main.o $(EDGE) $(LIB)
	$(call say,$@)$(CXX) $(PROGRAM_LDFLAGS) -o $@ $^ -Wl,-Bstatic -lfcgi -Wl,-Bdynamic $(LIBS)

$(BUILD)/session-voice-meter: $(BUILD)/cron/meter.o $(BUILD)/cron/sweeper.o $(LIB)
	$(call say,$@)$(CXX) $(PROGRAM_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/session-voice-attest: $(BUILD)/cron/attest.o $(BUILD)/cron/sweeper.o $(LIB)
	$(call say,$@)$(CXX) $(PROGRAM_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/session-voice-admin: $(patsubst %.cpp,$(BUILD)/%.o,$(sort $(wildcard admin/*.cpp))) $(LIB)
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

# Longer than the 65536 bytes that every compiler must take; ours take it.
$(BUILD)/openapi.o: override CXXFLAGS += -Wno-overlength-strings

# ---- tests ----

TEST_SOURCES := $(filter-out tests/bench/% tests/e2e/% tests/fuzz/% tests/torture/% tests/demo.cpp, \
    $(wildcard tests/*.cpp tests/*/*.cpp))
TESTS := $(TEST_SOURCES:%.cpp=$(BUILD)/%.o)

# Tests are compiled once and run for seconds: no optimization, but for the simulation, whose model lives for millions of
# steps.
TEST_FLAGS := -Itests -DBOOST_TEST_DYN_LINK -O0
$(BUILD)/tests/%.o: override CXXFLAGS += $(TEST_FLAGS)
$(BUILD)/tests/simulation/%.o: override CXXFLAGS += -O1

# Clang takes a third of g++'s time for them.
TEST_CXX ?= clang++

# Most of the time of a build goes into the tests, so other builds are tested by those of the plain one, but for the files
# that ask whether they are sanitized.
ASKING := $(shell grep -ls SANITIZED $(TEST_SOURCES))
SHARED_TESTS := $(ASKING:%.cpp=$(BUILD)/%.o) $(patsubst %.cpp,build/%.o,$(filter-out $(ASKING),$(TEST_SOURCES)))
ifneq ($(BUILD),build)
build/tests/%.o: tests/%.cpp
	@$(MAKE) --no-print-directory SAN= BUILD=build CXX=g++ $@
endif

# Most of a test's compile time is Boost.Test and JSON: parsed once, with fixture.h.
PCH := $(BUILD)/pch.h.gch
PCH_USERS := $(filter-out %/wallet.o %/run_tests.o $(BUILD)/tests/simulation/%,$(TESTS))
$(PCH_USERS): $(PCH)
$(PCH_USERS): private override CXXFLAGS += -include $(BUILD)/pch.h

$(filter-out %/wallet.o,$(TESTS)) $(PCH): private override CXX := $(TEST_CXX)
$(PCH): override CXXFLAGS += $(TEST_FLAGS)
$(PCH): tests/fixture.h
	@mkdir -p $(@D)
	@echo '#include "fixture.h"' >$(BUILD)/pch.h
	$(call say,$@)$(CXX) $(CXXFLAGS) $(call keep_templates,$(CXX)) -x c++-header -o $@ $(BUILD)/pch.h

# Of a template that both have the linker takes the first: that of the code under test, as it was compiled.
$(BUILD)/run_tests: $(EDGE) $(LIB) $(if $(filter build,$(BUILD)),$(TESTS),$(SHARED_TESTS))
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^ -lboost_unit_test_framework -lcrypto $(LIBS)

$(BUILD)/wal-torture: $(BUILD)/tests/torture/wal_torture.o $(LIB)
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/backup-torture: $(BUILD)/tests/torture/backup_torture.o $(LIB)
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/demo: $(BUILD)/tests/demo.o $(BUILD)/tests/wallet.o $(LIB)
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^ -lcurl $(LIBS)

$(BUILD)/session-at: $(BUILD)/tests/e2e/session_at.o $(LIB)
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

# Clang's libFuzzer calls the targets; everything is compiled once more, so that it sees which way an input goes.
$(BUILD)/fuzz: $(patsubst %.cpp,$(BUILD)/%.o,$(sort $(wildcard tests/fuzz/*.cpp))) $(BUILD)/tests/wallet.o $(EDGE) $(LIB)
	$(call say,$@)$(CXX) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

$(BUILD)/tests/fuzz/%.o: override CXXFLAGS += -O1

MAKE_BY_CLANG := $(MAKE) --no-print-directory -j$$(nproc) CXX=clang++
# One tree for the sanitized tests and the fuzzing.
MAKE_SANITIZED := $(MAKE_BY_CLANG) BUILD=build-sanitized SAN=fuzzer-no-link,address,undefined

TEST_PROGRAMS := $(addprefix $(BUILD)/,run_tests wal-torture backup-torture demo session-at)

test: test-packages
	@$(MAKE) --no-print-directory -j$$(nproc) WERROR=-Werror all $(TEST_PROGRAMS)
	@$(MAKE_SANITIZED) WERROR=-Werror build-sanitized/run_tests build-sanitized/fuzz
	@tests/run.sh $(BUILD) build-sanitized

# The unit program, or of it what TEST names: a suite, suite/case, or whatever else Boost's --run_test takes.
TEST ?=
check: unit-packages
	@$(MAKE) --no-print-directory -j$$(nproc) $(BUILD)/run_tests
	@$(BUILD)/run_tests --color_output=no $(if $(TEST),--run_test='$(TEST)')

# Everything by both compilers: what tests/debian does in each release.
compilers: unit-packages
	@$(MAKE) --no-print-directory -j$$(nproc) WERROR=-Werror all $(TEST_PROGRAMS)
	@$(MAKE_BY_CLANG) BUILD=build-clang WERROR=-Werror CXXFLAGS=-O0 all build-clang/run_tests

# What reaches something new is kept for the next run.
FUZZ_SECONDS ?= 600
fuzz: fuzz-packages
	@$(MAKE_SANITIZED) build-sanitized/fuzz
	@tests/fuzz/run.sh build-sanitized/fuzz $(FUZZ_SECONDS) $(CURDIR)/build-sanitized/found

fuzz-coverage: fuzz-packages
	@$(MAKE_BY_CLANG) BUILD=build-coverage SAN=fuzzer-no-link LDFLAGS=-fprofile-instr-generate \
	    CXXFLAGS='-O0 -fprofile-instr-generate -fcoverage-mapping' build-coverage/fuzz
	@tests/fuzz/coverage.sh build-coverage/fuzz build-sanitized/found

SEED ?= $(shell shuf -i 1-1000000000 -n 1)
PARTS ?=
torture: torture-packages
	@$(MAKE) --no-print-directory -j$$(nproc) all $(BUILD)/run_tests $(BUILD)/wal-torture $(BUILD)/backup-torture \
	    $(BUILD)/session-at
	@$(MAKE_SANITIZED) build-sanitized/fuzz
	@tests/torture/run.sh $(BUILD) build-sanitized $(SEED) $(PARTS)

# ---- benchmarks ----

BENCH := $(addprefix $(BUILD)/bench-,seed nothing sign recover bare empty empty-static runs load grow fast-clock.so)

$(BUILD)/bench-seed: $(BUILD)/tests/bench/seed.o $(LIB)
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/bench-grow: $(BUILD)/tests/bench/grow.o $(LIB)
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/bench-sign: $(BUILD)/tests/bench/sign.o $(BUILD)/tests/wallet.o $(LIB)
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/bench-nothing: $(BUILD)/tests/bench/nothing.o
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^ -lfcgi

$(BUILD)/bench-recover: $(BUILD)/tests/bench/recover.o
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^ -lsecp256k1

$(BUILD)/bench-bare: $(BUILD)/tests/bench/bare.o
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^ -lsqlite3

# Empty in both ways in which a program can have the C++ runtime.
$(BUILD)/bench-empty-static: $(BUILD)/tests/bench/empty.o
	$(call say,$@)$(CXX) $(PROGRAM_LDFLAGS) -o $@ $^

$(BUILD)/bench-fast-clock.so: tests/bench/fast_clock.cpp
	@mkdir -p $(@D)
	$(call say,$@)$(CXX) $(CXXFLAGS) -shared -fPIC -o $@ $<

$(BUILD)/bench-%: $(BUILD)/tests/bench/%.o
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^

# Each line of their tables says whether a bar is met; the status tells only whether everything ran.
bench bench-scale: bench-packages
	@$(MAKE) --no-print-directory -s -j$$(nproc) all $(BENCH)
	@tests/bench/$(subst bench-,,$@).sh $(BUILD)

# ---- the two commands ----

PORT ?= 3338
VAR ?= ./var
BUILD_PACKAGES := g++ libfcgi-dev libsqlite3-dev nlohmann-json3-dev nettle-dev libgmp-dev libsecp256k1-dev zlib1g-dev \
    libcurl4-openssl-dev libcli11-dev
RUN_PACKAGES := $(BUILD_PACKAGES) lighttpd curl ca-certificates
FUZZ_PACKAGES := clang libclang-rt-dev
UNIT_PACKAGES := $(BUILD_PACKAGES) $(FUZZ_PACKAGES) libboost-test-dev libssl-dev
DEB_PACKAGES := $(BUILD_PACKAGES) build-essential debhelper

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

# Node.js may come from elsewhere than Debian.
test-packages:
	$(call install,$(RUN_PACKAGES) $(DEB_PACKAGES) $(UNIT_PACKAGES) sqlite3 git \
	    mmdebstrap iproute2 systemd systemd-container lintian mandoc man-db \
	    lighttpd-mod-openssl nginx apache2-bin spawn-fcgi openssl passwd libfaketime \
	    $(if $(shell command -v npm),,nodejs npm))

unit-packages:
	$(call install,$(UNIT_PACKAGES))

deb-packages:
	$(call install,$(DEB_PACKAGES))

torture-packages: test-packages
	$(call install,valgrind)

fuzz-packages:
	$(call install,$(BUILD_PACKAGES) $(FUZZ_PACKAGES) llvm)

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
# Each in a folder of its own, as here, so that they find each other.
GUIDES := $(addsuffix /README.md,admin cgi-bin cron lib)

install: all
	$(INSTALL) -d $(addprefix $(DESTDIR),$(bindir) $(mandir)/man5 $(mandir)/man8 $(docdir)/examples $(unitdir)) \
	    $(addprefix $(DESTDIR)$(docdir)/,$(dir $(GUIDES)))
	$(INSTALL_PROGRAM) -m 755 $(PROGRAMS) $(DESTDIR)$(bindir)
	$(INSTALL) -m 644 $(MAN5) $(DESTDIR)$(mandir)/man5
	$(INSTALL) -m 644 $(MAN8) $(DESTDIR)$(mandir)/man8
	$(INSTALL) -m 644 $(DOCUMENTS) $(DESTDIR)$(docdir)
	for guide in $(GUIDES); do $(INSTALL) -m 644 $$guide $(DESTDIR)$(docdir)/$$guide || exit; done
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
	rm -f $(addprefix $(DESTDIR)$(docdir)/,$(notdir $(DOCUMENTS)) $(GUIDES) $(addprefix examples/,$(notdir $(EXAMPLES))))
	-rmdir $(addprefix $(DESTDIR)$(docdir)/,$(dir $(GUIDES)) examples) $(DESTDIR)$(docdir)

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

.PHONY: all run run-packages demo test test-packages check compilers unit-packages bench bench-scale bench-packages \
    torture torture-packages fuzz fuzz-packages fuzz-coverage install install-strip uninstall deb deb-packages format clean always
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
