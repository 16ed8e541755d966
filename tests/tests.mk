# How it is tested and measured: README.md. Included by the Makefile.

TEST_SOURCES := $(filter-out tests/bench/% tests/e2e/% tests/fuzz/% tests/torture/% tests/demo.cpp, \
    $(wildcard tests/*.cpp tests/*/*.cpp))
TESTS := $(call objects,$(TEST_SOURCES))

# Tests are compiled once and run for seconds: no optimization, but for the simulation, whose model lives for millions of
# steps.
TEST_FLAGS := -Itests -DBOOST_TEST_DYN_LINK -O0
$(BUILD)/tests/%.o: override CXXFLAGS += $(TEST_FLAGS)
$(BUILD)/tests/simulation/%.o: override CXXFLAGS += -O1

# Clang takes a third of g++'s time for them.
TEST_CXX ?= clang++

# Most of the time of a build goes into the tests, so other builds are tested by those of PLAIN, which is built before,
# but for what asks whether it is sanitized.
PLAIN ?= $(if $(SAN),build,$(BUILD))
ASKING := $(call objects,$(shell grep -ls SANITIZED /dev/null $(TEST_SOURCES)))
SHARED_TESTS := $(ASKING) $(patsubst $(BUILD)/%,$(PLAIN)/%,$(filter-out $(ASKING),$(TESTS)))

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
$(BUILD)/run_tests: $(EDGE) $(LIB) $(SHARED_TESTS)
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^ -lboost_unit_test_framework $(LIBS)

# What TEST names alone: its suites' files, and what tests have in common. None are named by a pattern, which may mean any.
NAMED := $(if $(TEST),$(if $(SAN)$(UNITY),,$(shell grep -lE \
    "TEST_SUITE.($$(echo '$(TEST)' | sed 's|/[^,]*||g; s/,/|/g'))\b" $(TEST_SOURCES))))
COMMON := $(if $(NAMED),$(shell grep -L TEST_SUITE $(TEST_SOURCES)))
CHECKED := $(NAMED) $(foreach file,$(COMMON),$(if $(filter tests/ $(dir $(NAMED)),$(dir $(file))),$(file)))
$(BUILD)/named_tests: $(EDGE) $(LIB) $(call objects,$(CHECKED)) always
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $(filter-out always,$^) -lboost_unit_test_framework $(LIBS)

$(BUILD)/wal-torture: $(BUILD)/tests/torture/wal_torture.o $(LIB)
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/backup-torture: $(BUILD)/tests/torture/backup_torture.o $(LIB)
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/demo: $(BUILD)/tests/demo.o $(BUILD)/tests/wallet.o $(LIB)
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^ -lcurl $(LIBS)

$(BUILD)/session-at: $(BUILD)/tests/e2e/session_at.o $(LIB)
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/outbox-write: $(BUILD)/tests/e2e/outbox_write.o $(LIB)
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

# Clang's libFuzzer calls the targets; everything is compiled once more, so that it sees which way an input goes.
$(BUILD)/fuzz: $(call objects,$(sort $(wildcard tests/fuzz/*.cpp))) $(BUILD)/tests/wallet.o $(EDGE) $(LIB)
	$(call say,$@)$(CXX) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

$(BUILD)/tests/fuzz/%.o: override CXXFLAGS += -O1

MAKE_BY_CLANG := $(MAKE) --no-print-directory -j$$(nproc) CXX=clang++
# One tree for the sanitized tests and the fuzzing.
MAKE_SANITIZED := $(MAKE_BY_CLANG) UNITY=1 BUILD=build-sanitized SAN=fuzzer-no-link,address,undefined

test-programs: all $(addprefix $(BUILD)/,run_tests wal-torture backup-torture demo session-at outbox-write)

# In a tree of its own, as `make check` is for who changes one file after the other.
MAKE_TEST := $(MAKE) --no-print-directory -j$$(nproc) UNITY=1 BUILD=build-test

test: test-packages
	@$(MAKE_TEST) WERROR=-Werror test-programs
	@$(MAKE_SANITIZED) PLAIN=build-test WERROR=-Werror build-sanitized/run_tests build-sanitized/fuzz
	@tests/run.sh build-test build-sanitized

# What compilers do not say of the program's own files; a folder is looked at as one. cppcheck of Debian 12 takes a variable
# for one of the same name in another function; that of 13 counts it as an error that it does not look at every branch.
LOOKED_AT := $(patsubst %.o,%.cpp,$(filter %/unity.o,$(LIB) $(EDGE) $(call objects,$(wildcard admin/*.cpp))))
ifeq ($(UNITY),)
lint:
	@$(MAKE_TEST) lint
else
lint: $(LOOKED_AT)
	@printf '%s\n' $(LOOKED_AT) $(SERVER) $(wildcard cron/*.cpp) | xargs -P $$(nproc) -n 1 sh -c \
	    'clang-tidy --quiet "$$0" -- -std=c++20 -DSESSION_VOICE_VERSION=\"\" -Ilib -Icgi-bin -isystem /usr/include/postgresql -iquote . 2>/dev/null'
	@cppcheck --quiet --std=c++20 --enable=warning,performance,portability --suppress=missingIncludeSystem \
	    --suppress=invalidLifetime --suppress=normalCheckLevelMaxBranches --error-exitcode=1 -j $$(nproc) -Ilib -Icgi-bin lib cgi-bin cron admin
endif

# The unit program, or of it what TEST names: a suite, suite/case, or whatever else Boost's --run_test takes.
TEST ?=
CHECK := $(BUILD)/$(if $(NAMED),named_tests,run_tests)
check: unit-packages
	$(if $(SAN),@$(MAKE) --no-print-directory -j$$(nproc) SAN= BUILD=build build/run_tests)
	@$(MAKE) --no-print-directory -j$$(nproc) $(CHECK)
	@$(CHECK) --color_output=no $(if $(TEST),--run_test='$(TEST)')

# Everything by both compilers: what tests/debian does in a release. In a unity build a file can live by the includes of
# its neighbours, so each is also compiled alone.
compilers: unit-packages
	@printf '%s\n' $(filter-out $(JSON_USERS:$(BUILD)/%.o=%.cpp),$(wildcard lib/*/*.cpp)) | grep -v version.cpp | \
	    xargs -P $$(nproc) -n 1 $(CXX) -O2 -std=c++20 $(WARNINGS) -Werror -Ilib -isystem /usr/include/postgresql -c -o /dev/null
	@$(MAKE_TEST) WERROR=-Werror test-programs
	@$(MAKE_BY_CLANG) UNITY=1 BUILD=build-clang PLAIN=build-test WERROR=-Werror CXXFLAGS=-O0 all build-clang/run_tests
	@printf '%s\n' tests/fuzz/*.cpp | xargs -P $$(nproc) -n 1 \
	    clang++ -std=c++20 $(WARNINGS) -Werror -Ilib -Icgi-bin -Itests -isystem /usr/include/postgresql -fsyntax-only

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
	    $(BUILD)/session-at $(BUILD)/outbox-write
	@$(MAKE_SANITIZED) build-sanitized/fuzz
	@tests/torture/run.sh $(BUILD) build-sanitized $(SEED) $(PARTS)

# ---- benchmarks ----

BENCH := $(addprefix $(BUILD)/bench-,seed nothing sign recover bare empty empty-static runs load grow standing-clock.so)

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

$(BUILD)/bench-standing-clock.so: tests/bench/standing_clock.cpp
	@mkdir -p $(@D)
	$(call say,$@)$(CXX) $(CXXFLAGS) -shared -fPIC -o $@ $<

$(BUILD)/bench-%: $(BUILD)/tests/bench/%.o
	$(call say,$@)$(CXX) $(LDFLAGS) -o $@ $^

# Each line of their tables says whether a bar is met; the status tells only whether everything ran.
bench bench-scale: bench-packages
	@$(MAKE) --no-print-directory -s -j$$(nproc) all $(BENCH)
	@tests/bench/$(subst bench-,,$@).sh $(BUILD)

# PostgreSQL beside SQLite, with the same programs.
bench-engines: bench-packages
	@$(MAKE) --no-print-directory -s -j$$(nproc) all $(BUILD)/bench-seed $(BUILD)/bench-load
	@tests/bench/engines.sh $(BUILD)

# Beside the programs and the bench-seed that stand in OTHER, of another commit.
bench-beside: bench-packages
	@$(MAKE) --no-print-directory -s -j$$(nproc) all $(BUILD)/bench-load
	@tests/bench/beside.sh $(BUILD) $(OTHER)

# With webhooks beside without, the same programs.
bench-told: bench-packages
	@$(MAKE) --no-print-directory -s -j$$(nproc) all $(BUILD)/bench-seed
	@tests/bench/told.sh $(BUILD)

# ---- what they need ----

FUZZ_PACKAGES := clang libclang-rt-dev
UNIT_PACKAGES := $(BUILD_PACKAGES) $(FUZZ_PACKAGES) libboost-test-dev rapidjson-dev

# Node.js may come from elsewhere than Debian.
test-packages:
	$(call install,$(RUN_PACKAGES) $(DEB_PACKAGES) $(UNIT_PACKAGES) sqlite3 git \
	    clang-tidy cppcheck mmdebstrap iproute2 systemd systemd-container lintian mandoc man-db \
	    lighttpd-mod-openssl nginx apache2-bin spawn-fcgi openssl passwd libfaketime bindfs postgresql pgbouncer util-linux \
	    chromium fonts-dejavu-core \
	    $(if $(shell command -v npm),,nodejs npm))

unit-packages:
	$(call install,$(UNIT_PACKAGES))

torture-packages: test-packages
	$(call install,valgrind)

fuzz-packages:
	$(call install,$(BUILD_PACKAGES) $(FUZZ_PACKAGES) llvm)

bench-packages:
	$(call install,$(RUN_PACKAGES) wrk sqlite3 binutils python3 $(if $(shell command -v npm),,nodejs npm))

.PHONY: test test-programs lint check compilers fuzz fuzz-coverage torture bench bench-scale bench-beside bench-engines bench-told test-packages \
    unit-packages torture-packages fuzz-packages bench-packages
