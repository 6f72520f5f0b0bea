# lunette - backup from storage snapshots.
#
#   make            build build/lunette and build/lunette-agent
#   make demo       show a snapshot job on an array and a server made for it, in about a minute
#   make check      run every test
#   make help       all the targets
#
# What users set: PREFIX DESTDIR CC CFLAGS LDFLAGS, SAN=address,undefined or SAN=thread for a
# sanitizer build in its own folder, WRAP='valgrind -q' in front of unit tests, JOBS for prove,
# CI=1 for warnings that stop the build, V=1 to see every command.
#
# The house: three floors of rooms, each room a static library, arrows point down. A room sees the public
# headers and its own folder only, and is linked with the rooms below it, so that an upward call is an
# undefined reference.

# The one place of the version: the first line of NEWS.
VERSION := $(word 2,$(file <NEWS))
PREFIX  ?= /usr/local
CFLAGS  ?= -O2 -g
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))

# The rooms, from the top down: what each links, what its folders are, and which rooms lie below it.
ROOMS := cmd job agent write care read repo wire fs attach source volume base
DIRS_base   := volume/base
DIRS_volume := volume $(addprefix volume/,map table ldm lvm md)
DIRS_source := volume/source
DIRS_attach := volume/attach
DIRS_fs     := fs fs/ntfs
DIRS_wire   := backup/wire
DIRS_repo   := backup/repo backup/repo/store
DIRS_read   := backup/read
DIRS_care   := backup/care
DIRS_write  := backup/write
DIRS_agent  := backup/agent
DIRS_job    := backup/job
DIRS_cmd    := backup/cmd
BELOW_base   :=
BELOW_volume := base
BELOW_source := volume base
BELOW_attach := volume base
BELOW_fs     := volume base
BELOW_wire   := base
BELOW_repo   := base
BELOW_read   := repo fs source volume base
BELOW_care   := read repo fs source volume base
BELOW_write  := read repo fs source volume base
BELOW_agent  := wire source volume base
BELOW_cmd    := job write care read repo wire fs attach source volume base
BELOW_job    := write care read repo wire fs source volume base
PKGS_volume := jansson zlib devmapper
PKGS_source := libiscsi libnbd
PKGS_attach := devmapper
PKGS_fs     := libntfs-3g fuse3 blkid
PKGS_wire   := jansson
PKGS_repo   := libzstd libcrypto jansson
PKGS_read   := jansson
PKGS_care   := jansson
PKGS_write  := jansson
PKGS_agent  := libcrypto jansson
PKGS_job    := libcrypto jansson inih
PKGS_cmd    := jansson

CMD_SRC := backup/cmd/main.c
# Of the agent's folder, what is not of its room but of the program; see backup/agent/alone.c.
AGENT_SRC := backup/agent/main.c backup/agent/alone.c

comma := ,
space := $(subst ,, )
percent := %
O := build$(if $(SAN),/$(subst $(comma),-,$(SAN)))

WARN := -Wall -Wextra -Wshadow -Wvla -Wundef -Wformat=2 -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes $(if $(CI),-Werror)
LUNETTE_CFLAGS := -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DLUNETTE_VERSION='"$(VERSION)"' \
	-Iinclude -pthread -fno-strict-aliasing -fstack-protector-strong -ffunction-sections \
	$(WARN) $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all) $(CFLAGS)
LUNETTE_LDFLAGS := -pthread -Wl,--gc-sections -Wl,--as-needed $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)

# Without V=1 a line for each file that is made, not its command.
q = $(if $(V),,@printf '  %-4s %s\n' $(1) $@ &&)

# Asked for when a recipe runs, so that `make check` may install the packages first.
pkg_cflags = $(if $(strip $(1)),$(shell pkg-config --cflags $(1) | sed 's,-I,-isystem ,g'))
pkg_libs   = $(if $(strip $(1)),$(shell pkg-config --libs $(1)))

.DEFAULT_GOAL := all
all: $(O)/lunette $(O)/lunette-agent plugins

# ---- set-up ----------------------------------------------------------------------------------

# `make` only says what building lacks, and goes on; the targets that promise to work on a fresh system
# install it, and what they need beside. The stamp means that nothing was missing.
INSTALLING := deb demo check check-quick check-ceph check-long check-vm bench asan tsan fuzz lint format coverage
ifneq ($(filter $(INSTALLING),$(MAKECMDGOALS)),)
SETUP := build/setup.stamp
$(SETUP): contrib/setup
	@mkdir -p $(@D)
	@contrib/setup && touch $@
else
SETUP := build/setup-build.stamp
$(SETUP): contrib/setup
	@mkdir -p $(@D)
	@if contrib/setup --check --build; then touch $@; fi
endif

# Objects are made again when the flags change, and libraries when there are other sources, not only
# when a source is newer. A stamp is only made when it does not say so already: `make -n` tells the truth.
define stamp
ifneq ($$(file <$(O)/$(1).stamp),$(subst ',,$(2)))
$(O)/$(1).stamp: FORCE
endif
$(O)/$(1).stamp:
	@mkdir -p $$(@D) && echo '$(subst ',,$(2))' >$$@
endef
$(eval $(call stamp,flags,$(CC) $(LUNETTE_CFLAGS) $(LUNETTE_LDFLAGS)))

# ---- the rooms -------------------------------------------------------------------------------

define room
SRC_$(1) := $$(filter-out $$(CMD_SRC) $$(AGENT_SRC),$$(wildcard $$(addsuffix /*.c,$$(DIRS_$(1)))))
OBJ_$(1) := $$(SRC_$(1):%.c=$$(O)/%.o)
ALLPKGS_$(1) := $$(sort $$(PKGS_$(1)) $$(foreach r,$$(BELOW_$(1)),$$(PKGS_$$(r))))
LIBS_$(1) := $$(O)/lib$(1).a $$(foreach r,$$(BELOW_$(1)),$$(O)/lib$$(r).a)

$$(OBJ_$(1)): $$(O)/%.o: %.c $$(O)/flags.stamp | $(SETUP)
	@mkdir -p $$(@D)
	$$(call q,CC) $$(CC) $$(LUNETTE_CFLAGS) $$(addprefix -I,$$(DIRS_$(1))) $$(call pkg_cflags,$$(ALLPKGS_$(1))) -MMD -MP -c -o $$@ $$<

$$(O)/lib$(1).a: $$(OBJ_$(1)) $$(O)/sources.stamp
	@rm -f $$@
	$$(call q,AR) $$(AR) rcs $$@ $$(OBJ_$(1))

# A test of a room sees that room and what is below it.
$$(O)/tests/$(1)/%.o: tests/$(1)/%.c $$(O)/flags.stamp | $(SETUP)
	@mkdir -p $$(@D)
	$$(call q,CC) $$(CC) $$(LUNETTE_CFLAGS) -Itests/support $$(foreach r,$(1) $$(BELOW_$(1)),$$(addprefix -I,$$(DIRS_$$(r)))) $$(call pkg_cflags,$$(ALLPKGS_$(1)) cmocka) -MMD -MP -c -o $$@ $$<

$$(O)/tests/$(1)/%: $$(O)/tests/$(1)/%.o $$(O)/libsupport.a $$(LIBS_$(1))
	$$(call q,LD) $$(CC) $$(LUNETTE_LDFLAGS) -o $$@ $$< $$(O)/libsupport.a $$(LIBS_$(1)) $$(call pkg_libs,$$(ALLPKGS_$(1)) cmocka)

UNIT_TESTS += $$(patsubst %.c,$$(O)/%,$$(wildcard tests/$(1)/test-*.c))
TEST_TOOLS += $$(patsubst %.c,$$(O)/%,$$(wildcard tests/$(1)/tool-*.c))
endef

SUPPORT_OBJ := $(patsubst %.c,$(O)/%.o,$(wildcard tests/support/*.c))
$(SUPPORT_OBJ): $(O)/%.o: %.c $(O)/flags.stamp | $(SETUP)
	@mkdir -p $(@D)
	$(call q,CC) $(CC) $(LUNETTE_CFLAGS) -Itests/support -MMD -MP -c -o $@ $<
$(O)/libsupport.a: $(SUPPORT_OBJ)
	@rm -f $@
	$(call q,AR) $(AR) rcs $@ $^

$(foreach r,$(ROOMS),$(eval $(call room,$(r))))
$(eval $(call stamp,sources,$(foreach r,$(ROOMS),$(SRC_$(r)))))
.SECONDARY:

# All rooms but the agent's, for what stands on top of them.
LIBS := $(foreach r,$(filter-out agent,$(ROOMS)),$(O)/lib$(r).a)
PKGS := $(sort $(foreach r,$(ROOMS),$(PKGS_$(r))))

# ---- the program -----------------------------------------------------------------------------

CMD_MAIN := $(CMD_SRC:%.c=$(O)/%.o)
$(CMD_MAIN): $(O)/%.o: %.c $(O)/flags.stamp | $(SETUP)
	@mkdir -p $(@D)
	$(call q,CC) $(CC) $(LUNETTE_CFLAGS) -Ibackup/cmd $(call pkg_cflags,$(ALLPKGS_cmd)) -MMD -MP -c -o $@ $<

$(O)/lunette: $(CMD_MAIN) $(LIBS_cmd)
	$(call q,LD) $(CC) $(LUNETTE_LDFLAGS) -o $@ $^ $(call pkg_libs,$(ALLPKGS_cmd))

# What runs on protected servers: its own room and the ground floor only, and no library of the
# system's, because nothing can be asked of that. Sanitizers cannot be linked so. What the linker
# would say is that a static getaddrinfo() loads modules of the system's: main.c sees to it that it
# does not.
AGENT_MAIN := $(AGENT_SRC:%.c=$(O)/%.o)
AGENT_PKGS := libiscsi jansson libcrypto zlib
AGENT_LDFLAGS := $(if $(SAN),,-static-pie -Wl,--no-warnings)
$(AGENT_MAIN): $(O)/%.o: %.c $(O)/flags.stamp | $(SETUP)
	@mkdir -p $(@D)
	$(call q,CC) $(CC) $(LUNETTE_CFLAGS) -Ibackup/agent $(call pkg_cflags,$(ALLPKGS_agent)) -MMD -MP -c -o $@ $<

$(O)/lunette-agent: $(AGENT_MAIN) $(LIBS_agent)
	$(call q,LD) $(CC) $(LUNETTE_LDFLAGS) $(AGENT_LDFLAGS) -o $@ $^ $(call pkg_libs,$(AGENT_PKGS))

# ---- storage plug-ins: programs of their own, of a kit and a folder each ---------------------

PLUGINS_C := reflink ceph-rbd lvm-thin
PKGS_PLUGIN_lvm-thin := devmapper
PLUGINS := $(PLUGINS_C:%=$(O)/lunette-%)
KIT_OBJ := $(patsubst %.c,$(O)/%.o,$(wildcard contrib/plugins/kit/*.c))
PLUGIN_OBJ := $(patsubst %.c,$(O)/%.o,$(foreach p,$(PLUGINS_C),$(wildcard contrib/plugins/$(p)/*.c)))
$(KIT_OBJ) $(PLUGIN_OBJ): $(O)/%.o: %.c $(O)/flags.stamp | $(SETUP)
	@mkdir -p $(@D)
	$(call q,CC) $(CC) $(LUNETTE_CFLAGS) -Icontrib/plugins/kit $(call pkg_cflags,jansson) -MMD -MP -c -o $@ $<

.SECONDEXPANSION:
$(PLUGINS): $(O)/lunette-%: $$(filter $(O)/contrib/plugins/$$*/$$(percent),$(PLUGIN_OBJ)) $(KIT_OBJ) $(O)/libwire.a $(O)/libbase.a
	$(call q,LD) $(CC) $(LUNETTE_LDFLAGS) -o $@ $^ $(call pkg_libs,jansson $(PKGS_PLUGIN_$*))

plugins: $(PLUGINS)

# ---- tests -----------------------------------------------------------------------------------

JOBS ?= 2
E2E := $(wildcard tests/e2e/test-*.sh)

# Tools of tests/bench that make what is too large to be made in earnest.
BENCH_TOOLS := $(patsubst %.c,$(O)/%,$(wildcard tests/bench/*.c))
$(BENCH_TOOLS:=.o): $(O)/%.o: %.c $(O)/flags.stamp | $(SETUP)
	@mkdir -p $(@D)
	$(call q,CC) $(CC) $(LUNETTE_CFLAGS) $(addprefix -I,$(DIRS_repo) $(DIRS_write)) $(call pkg_cflags,$(PKGS)) -MMD -MP -c -o $@ $<
$(BENCH_TOOLS): %: %.o $(LIBS)
	$(call q,LD) $(CC) $(LUNETTE_LDFLAGS) -o $@ $^ $(call pkg_libs,$(PKGS))

# Each script gets the program by name, and finds the tools that some of them drive the floors with in
# tests/ beside it.
check: $(O)/lunette $(O)/lunette-agent $(PLUGINS) $(UNIT_TESTS) $(TEST_TOOLS) $(BENCH_TOOLS)
	JOBS=$(JOBS) LUNETTE=$(abspath $(O)/lunette) WRAP='$(WRAP)' tests/support/check $(UNIT_TESTS) $(E2E)

# Do the tests find what they are there for? One-line changes, one at a time in a copy; half an hour.
mutations: all $(UNIT_TESTS) $(TEST_TOOLS)
	tests/mutations/run

# An answer in a minute: what is apart, and the main job from end to end.
check-quick: $(O)/lunette $(UNIT_TESTS)
	JOBS=$(JOBS) LUNETTE=$(abspath $(O)/lunette) WRAP='$(WRAP)' tests/support/check tests/e2e/test-main-job.sh $(UNIT_TESTS)

asan:
	$(MAKE) SAN=address,undefined check

tsan:
	$(MAKE) SAN=thread check

# What needs a kernel with device-mapper, in a throw-away virtual machine.
check-vm: $(O)/lunette $(O)/lunette-agent $(PLUGINS) $(TEST_TOOLS)
	contrib/setup --vm
	tests/support/vm setup
	LUNETTE_VM_SECONDS=2400 tests/support/vm run . 'TMPDIR=$(CURDIR)/build LUNETTE=$(abspath $(O)/lunette) tests/support/check tests/vm/test-*.sh'

# What needs a small Ceph cluster, which it starts.
check-ceph: $(O)/lunette $(PLUGINS) $(TEST_TOOLS)
	contrib/setup --ceph
	LUNETTE=$(abspath $(O)/lunette) tests/support/check tests/ceph/test-*.sh

# What takes an hour: the real limits; many jobs at once, killed at random moments; an empty Debian for the
# agent; disks of all kinds.
check-long: $(O)/lunette $(O)/lunette-agent $(PLUGINS) $(TEST_TOOLS)
	contrib/setup --long
	LUNETTE=$(abspath $(O)/lunette) tests/support/check tests/bench/job-limits.sh tests/bench/job-stress.sh tests/bench/agent-debian.sh tests/bench/kinds.sh

demo: $(O)/lunette $(O)/lunette-agent $(PLUGINS) $(O)/tests/source/tool-ldm
	contrib/demo $(O)/lunette

bench: $(O)/lunette $(O)/tests/bench/make-many
	contrib/setup --bench
	tests/bench/run $(O)/lunette
	tests/bench/many $(O)/lunette $(O)/tests/bench/make-many

# By hand: two hours.
torture: $(O)/lunette $(O)/lunette-agent $(PLUGINS)
	tests/bench/torture $(O)/lunette
	tests/bench/liar $(O)/lunette
	LUNETTE=$(abspath $(O)/lunette) tests/bench/job-kills.sh

# ---- Windows: what an agent there will stand on compiles, and a program of it links -----------

# Not for Windows: processes and their pipes, and what needs libdevmapper's parser.
NOT_WINDOWS := $(addprefix backup/wire/,child.c child-run.c line.c lines.c outlive.c streams.c) volume/lvm/lvm-text.c
MINGW_CC := x86_64-w64-mingw32-gcc
MINGW_CFLAGS := -std=gnu11 -O2 -D_GNU_SOURCE -D__USE_MINGW_ANSI_STDIO=1 -DLUNETTE_VERSION='"$(VERSION)"' \
	-Ivolume/base/windows -Iinclude -isystem $(O)/mingw/include -Itests/support \
	$(addprefix -I,$(DIRS_base) $(DIRS_volume) $(DIRS_wire)) -Wall -Wextra -Werror -ffunction-sections
MINGW_OBJ := $(patsubst %.c,$(O)/mingw/%.o,$(filter-out $(NOT_WINDOWS),$(SRC_base) $(SRC_volume) $(SRC_wire)))
MINGW_TRY := $(patsubst %,$(O)/mingw/tests/%.o,mingw/try support/blk-mem)

# jansson for Windows is not in Debian. Its headers are the same everywhere, and enough to compile.
$(O)/mingw/include/jansson.h: | $(SETUP)
	@mkdir -p $(@D)
	$(call q,CP) cp $$(echo '#include <jansson.h>' | $(CC) -M -x c - | grep -o '[^ ]*/jansson[^ ]*\.h') $(@D)

$(MINGW_OBJ) $(MINGW_TRY): $(O)/mingw/%.o: %.c $(O)/mingw/include/jansson.h $(O)/flags.stamp
	@mkdir -p $(@D)
	$(call q,CC) $(MINGW_CC) $(MINGW_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/mingw/liblunette.a: $(MINGW_OBJ) $(O)/sources.stamp
	@rm -f $@
	$(call q,AR) x86_64-w64-mingw32-ar rcs $@ $(MINGW_OBJ)

$(O)/mingw/try.exe: $(MINGW_TRY) $(O)/mingw/liblunette.a
	$(call q,LD) $(MINGW_CC) -static -Wl,--gc-sections -o $@ $^ -lz -pthread

mingw:
	contrib/setup --windows
	+$(MAKE) $(O)/mingw/try.exe

# ---- fuzzing: one target a parser of foreign bytes; FUZZ_SECONDS each ------------------------

FUZZ_SECONDS ?= 60
FUZZ := $(patsubst %.c,$(O)/%,$(wildcard tests/fuzz/fuzz-*.c))
$(FUZZ:=.o): $(O)/%.o: %.c $(O)/flags.stamp | $(SETUP)
	@mkdir -p $(@D)
	$(call q,CC) $(CC) $(LUNETTE_CFLAGS) -Itests/support $(foreach r,$(ROOMS),$(addprefix -I,$(DIRS_$(r)))) \
		$(call pkg_cflags,$(PKGS)) -MMD -MP -c -o $@ $<

$(FUZZ): %: %.o $(O)/libsupport.a $(O)/libagent.a $(LIBS)
	$(call q,LD) $(CC) $(LUNETTE_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(call pkg_libs,$(PKGS))

# libFuzzer is clang's. Warnings are judged with gcc.
fuzz: | $(SETUP)
	$(MAKE) CC=clang CI= SAN=fuzzer-no-link,address,undefined fuzz-run
fuzz-run: $(FUZZ)
	tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ)

# ---- care ------------------------------------------------------------------------------------

C_FILES = $(shell git ls-files '*.c' '*.h')
SH_FILES = $(shell git grep -lE '^(\#!.*sh$$|\# shellcheck shell=)')

# A file is looked at again when its object was made again. The analyzer gives up a function after so
# many nodes: with the 225000 that are usual it takes up to five times as long, and found nothing more
# in the files where both were tried.
TIDY := $(patsubst %.c,$(O)/tidy/%.stamp,$(foreach r,$(ROOMS),$(SRC_$(r))) $(CMD_SRC) $(AGENT_SRC))
TIDY_CFLAGS = $(filter-out -W%,$(LUNETTE_CFLAGS)) $(foreach r,$(ROOMS),$(addprefix -I,$(DIRS_$(r)))) \
	$(call pkg_cflags,$(PKGS)) -Xclang -analyzer-config -Xclang max-nodes=50000
$(TIDY): $(O)/tidy/%.stamp: %.c $(O)/%.o .clang-tidy
	@mkdir -p $(@D)
	$(call q,TIDY) clang-tidy --quiet $< -- $(TIDY_CFLAGS) && touch $@
tidy: $(TIDY)

lint: $(O)/lunette $(O)/libagent.a
	clang-format --dry-run -Werror $(C_FILES)
	shellcheck $(SH_FILES)
	tests/support/house $(O) $(foreach r,$(ROOMS),$(r):$(subst $(space),$(comma),$(BELOW_$(r))))
	@! nm -g --defined-only $(O)/libagent.a $(LIBS) | awk '{print $$3}' | grep -E '^[a-z]' | \
		grep -vE -f tests/support/prefixes || { echo 'lint: symbols without a known prefix' >&2; false; }
	@! git grep -hE '^((static|const|typedef) +)*(struct|enum|union) [a-z0-9_]+ \{' -- backup fs volume include | \
		grep -oE '[a-z0-9_]+ \{' | sort | uniq -d | grep . || { echo 'lint: two things of one name' >&2; false; }
	+$(MAKE) --no-print-directory -k tidy

format:
	clang-format -i $(C_FILES)

coverage:
	$(MAKE) O=build/coverage CFLAGS='-O0 -g --coverage' LDFLAGS=--coverage check
	gcovr --root . --object-directory build/coverage --exclude 'tests/.*' --sort-percentage --print-summary

# ---- installing ------------------------------------------------------------------------------

# MODE:FILE:WHERE, below PREFIX; a folder ends in /. What installs and what takes away go by the one list.
DOCS := README.md NEWS contrib/HACKING.md contrib/plugins/PROTOCOL.md backup/repo/FORMAT.md volume/LDM.md volume/LVM.md \
	volume/MD.md
UNITS := $(patsubst contrib/%,$(O)/%,$(wildcard contrib/systemd/lunette-*))
INSTALLED := 0755:$(O)/lunette:bin/ 0755:$(O)/lunette-agent:sbin/ $(PLUGINS:%=0755:%:libexec/lunette/plugins/) \
	$(patsubst %,0644:%:share/man/man8/,$(wildcard backup/cmd/*.8 backup/agent/*.8)) \
	$(patsubst %,0644:%:share/man/man5/,$(wildcard backup/cmd/*.5)) \
	$(UNITS:%=0644:%:lib/systemd/system/) $(DOCS:%=0644:%:share/doc/lunette/) \
	0644:backup/agent/PROTOCOL.md:share/doc/lunette/AGENT-PROTOCOL.md \
	$(patsubst %,0644:%:share/doc/lunette/,$(wildcard contrib/systemd/*.example)) \
	0644:contrib/completion/lunette.bash:share/bash-completion/completions/lunette \
	0644:contrib/completion/_lunette:share/zsh/vendor-completions/ \
	0644:contrib/completion/lunette.fish:share/fish/vendor_completions.d/

# Of a word of that list: one part of the three, and the path that it has once it is installed.
part = $(word $(1),$(subst :, ,$(2)))
at = $(DESTDIR)$(PREFIX)/$(call part,3,$(1))$(if $(filter %/,$(1)),$(notdir $(call part,2,$(1))))

# A unit says where the program is.
$(eval $(call stamp,prefix,$(PREFIX)))
$(UNITS): $(O)/%: contrib/% $(O)/prefix.stamp
	@mkdir -p $(@D)
	$(call q,SED) sed 's,@PREFIX@,$(PREFIX),' '$<' >'$@'

install: $(O)/lunette $(O)/lunette-agent $(PLUGINS) $(UNITS)
	$(foreach i,$(INSTALLED),install -D -m $(call part,1,$(i)) '$(call part,2,$(i))' '$(call at,$(i))' &&) true

uninstall:
	rm -f $(foreach i,$(INSTALLED),'$(call at,$(i))')
	-rmdir -p --ignore-fail-on-non-empty '$(DESTDIR)$(PREFIX)/libexec/lunette/plugins' '$(DESTDIR)$(PREFIX)/share/doc/lunette' 2>/dev/null

# ---- releases --------------------------------------------------------------------------------

# What is committed, and nothing else; the same bytes whenever it is made of the same commit.
DIST := build/lunette-$(VERSION).tar.xz
dist:
	@git diff --quiet HEAD -- || { echo 'dist: there are changes that are not committed' >&2; false; }
	@mkdir -p $(dir $(DIST))
	git archive --prefix=lunette-$(VERSION)/ HEAD | xz -6 >$(DIST)
	cd $(dir $(DIST)) && sha256sum $(notdir $(DIST)) >$(notdir $(DIST)).sha256

# Packages for Debian, of what is committed: build/deb/*.deb.
deb:
	contrib/setup --deb
	contrib/debian/make-deb $(VERSION) build/deb

clean:
	rm -rf build

help:
	@echo 'all        build $(O)/lunette and $(O)/lunette-agent'
	@echo 'demo       show a snapshot job: freeze, snapshot, back up, restore, clean up'
	@echo 'check      run every test; JOBS=N at a time'
	@echo 'check-quick the unit tests and the main job'
	@echo 'check-long the real limits of a job; ten jobs at once with random kills, for ten minutes; disks of all kinds'
	@echo 'check-ceph the storage plug-in for Ceph, on a small cluster'
	@echo 'check-vm   tests that need a kernel with device-mapper, in a virtual machine'
	@echo 'asan tsan  the same under address and undefined-behaviour, or thread sanitizers'
	@echo 'mutations  make each one-line change of tests/mutations in a copy, and see a test fail'
	@echo 'fuzz       run each fuzz target for FUZZ_SECONDS=60'
	@echo 'mingw      compile for Windows what an agent there will stand on'
	@echo 'bench      measure, side by side with the peers'
	@echo 'torture    kill 200 backups, let 200 run out of room, and compare all that was committed; 2000 times'
	@echo '           a target that lies; 300 kills and faults of whole jobs'
	@echo 'lint       clang-format, shellcheck, clang-tidy, names, the arrows between rooms and files'
	@echo 'format     put the sources into the one format'
	@echo 'coverage   run the tests and show what they did not reach'
	@echo 'dist deb   the sources as they are committed, and packages for Debian, in build/'
	@echo 'install    into DESTDIR and PREFIX=$(PREFIX); uninstall takes it away again'
	@echo 'clean      remove build/'

.PHONY: all mutations deb dist check check-quick check-ceph check-long check-vm asan tsan demo bench torture fuzz fuzz-run mingw lint tidy format coverage install uninstall clean help plugins FORCE

-include $(patsubst %.o,%.d,$(MINGW_OBJ) $(MINGW_TRY) $(foreach r,$(ROOMS),$(OBJ_$(r))) $(CMD_MAIN) $(AGENT_MAIN) $(KIT_OBJ) $(PLUGIN_OBJ) $(SUPPORT_OBJ)) $(UNIT_TESTS:=.d) $(TEST_TOOLS:=.d) $(BENCH_TOOLS:=.d) $(FUZZ:=.d)
