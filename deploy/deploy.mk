# How it is installed and packaged: README.md. Included by the Makefile.

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

DEB_PACKAGES := $(BUILD_PACKAGES) build-essential debhelper

deb-packages:
	$(call install,$(DEB_PACKAGES))

# debhelper wants a folder debian: it gets a copy, whose rules call `make install` here.
deb: deb-packages
	@$(MAKE) --no-print-directory -j$$(nproc) all
	rm -rf build-deb
	mkdir -p build-deb/package
	cp -r deploy/debian build-deb/package/debian
	sed -i '1s/(.*)/($(VERSION))/' build-deb/package/debian/changelog
	cd build-deb/package && dpkg-buildpackage --build=binary --no-sign
	@ls build-deb/session-voice_*.deb

.PHONY: install install-strip uninstall deb deb-packages
