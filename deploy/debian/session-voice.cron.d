# The sweeps, where systemd's timers do not run them. This one runs twice a minute.
* * * * * session-voice [ -d /run/systemd/system ] || [ ! -x /usr/bin/session-voice-meter ] || flock -n /var/lib/session-voice/meter.lock /usr/bin/session-voice-meter --every 30 --for 60 --json >>/var/log/session-voice/meter.log 2>&1
# Only with webhooks, or where Agora is told whom to turn away: take the # away. Two at once do no harm.
#* * * * * session-voice [ -d /run/systemd/system ] || [ ! -x /usr/bin/session-voice-notify ] || /usr/bin/session-voice-notify --every 1 --for 60 --json >>/var/log/session-voice/notify.log 2>&1
# Only with booked sessions, whose outcome the oracle attests: take the # away.
#* * * * * session-voice [ -d /run/systemd/system ] || [ ! -x /usr/bin/session-voice-attest ] || flock -n /var/lib/session-voice/attest.lock /usr/bin/session-voice-attest --every 15 --for 60 --json >>/var/log/session-voice/attest.log 2>&1
