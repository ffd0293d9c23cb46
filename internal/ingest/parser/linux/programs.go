package linux

import (
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
)

// family are programs whose messages are read alike. Its name is the format of
// their events.
type family struct {
	name string
	read func(text string, l names) bool
}

var families = func() map[string]family {
	all := map[string]family{}
	add := func(f family, programs ...string) {
		for _, p := range programs {
			all[p] = f
		}
	}
	add(family{"sshd", sshd.read}, "sshd", "sshd-session", "sshd-auth")
	add(family{"sudo", sudo}, "sudo")
	add(family{"su", su.read}, "su", "su-l", "runuser")
	add(family{"cron", cron.read}, "cron", "crond", "CRON", "CROND", "crontab", "anacron")
	add(family{"accounts", accounts.read}, "useradd", "adduser", "userdel", "usermod", "groupadd", "groupdel", "groupmod", "gpasswd", "passwd", "chpasswd", "chage", "chfn", "chsh", "newusers")
	add(family{"login", login.read}, "login", "systemd-logind", "elogind")
	add(family{"linux", netfilter}, "kernel")
	add(family{"linux", daemons.read}, "ftpd", "klogind", "rshd", "telnetd", "vsftpd", "xinetd", "dropbear")
	return all
}()

// Formats are the formats that events of Linux logs and of the journal have: that
// of the program that wrote them, where it is known.
func Formats() []string {
	all := []string{"linux", "journald", "pam"}
	for _, f := range families {
		all = append(all, f.name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// read adds what a message says, and returns the format of its program.
func read(h *Header, l names) string {
	text := h.Message
	f, known := families[h.Program]
	if !known {
		f = family{"linux", nil}
	}
	if severity, rest, ok := strings.Cut(text, ": "); ok && f.name == "sshd" {
		switch severity {
		case "error", "fatal", "debug1", "debug2", "debug3":
			l.Add("log.level", severity)
			text = rest
		}
	}
	text, times := repeated(text)
	l.Int("event.count", times)
	text = strings.TrimSuffix(strings.TrimRight(text, " "), " [preauth]")
	if module, text, ok := pamText(h, text); ok {
		l.Add("pam.module", module)
		readPAM(h.Program, text, l)
		if !known {
			return "pam"
		}
		return f.name
	}
	if f.read != nil {
		f.read(text, l)
	}
	return f.name
}

// repeated is the message that "message repeated 5 times: [ … ]" is about.
func repeated(text string) (of, times string) {
	rest, ok := strings.CutPrefix(text, "message repeated ")
	if !ok {
		return text, ""
	}
	times, rest, ok = strings.Cut(rest, " times: [")
	if !ok {
		return text, ""
	}
	rest = strings.TrimRight(rest, " ")
	return strings.TrimSpace(strings.TrimSuffix(rest, "]")), times
}

// pamText is what a module of PAM says: after "pam_unix(sshd:auth): ", after the
// name of the program in older logs, or in sshd's own summary of failures.
func pamText(h *Header, text string) (module, says string, ok bool) {
	if strings.HasPrefix(h.module, "pam_") {
		return h.module, text, true
	}
	if strings.HasPrefix(text, "pam_") {
		if head, rest, ok := strings.Cut(text, ": "); ok && len(head) < 64 {
			module, _, _ := strings.Cut(head, "(")
			return module, rest, true
		}
	}
	if rest, ok := strings.CutPrefix(text, "PAM "); ok {
		if at := strings.Index(rest, " more authentication failure"); at > 0 && strings.Contains(rest, "rhost=") {
			return "", rest[at+len(" more "):], true
		}
	}
	return "", text, false
}

func readPAM(program, text string, l names) {
	what, pairs, ok := strings.Cut(text, "; logname=")
	if !ok {
		pam.read(text, l)
		return
	}
	pairs = "logname=" + pairs
	user, by := value(pairs, "user"), value(pairs, "ruser")
	if by == "" {
		by = value(pairs, "logname")
	}
	if strings.HasPrefix(program, "su") && by != "" && program != "sudo" {
		l.Add(event.User, by)
		l.Add("user.effective.name", user)
	}
	if user == "" && program == "sudo" {
		user = by
	}
	l.Add(event.User, user)
	l.From(value(pairs, "rhost"))
	l.Add("process.tty.name", value(pairs, "tty"))
	l.Add(event.Action, "authentication")
	if strings.HasPrefix(what, "authentication success") {
		l.Add(event.Outcome, "success")
	} else {
		l.Add(event.Outcome, "failure")
	}
}

// value is that of a name in "name=value name=value", where user is the last.
func value(pairs, name string) string {
	for from := 0; ; {
		at := strings.Index(pairs[from:], name+"=")
		if at < 0 {
			return ""
		}
		at += from
		from = at + len(name) + 1
		if at > 0 && pairs[at-1] != ' ' {
			continue
		}
		v := pairs[from:]
		if name != "user" {
			v, _, _ = strings.Cut(v, " ")
		}
		return strings.TrimSpace(v)
	}
}

// sudo reads "ana : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/home/ana ;
// USER=root ; COMMAND=/bin/sh".
func sudo(text string, l names) bool {
	user, rest, ok := strings.Cut(strings.TrimLeft(text, " "), " : ")
	if !ok {
		return false
	}
	l.Add(event.User, strings.TrimSpace(user))
	l.Add(event.Action, "sudo")
	failure := ""
	for rest != "" {
		if command, ok := strings.CutPrefix(rest, "COMMAND="); ok {
			l.Add("process.command_line", command)
			break
		}
		var item string
		item, rest, _ = strings.Cut(rest, " ; ")
		name, v, pair := strings.Cut(item, "=")
		switch {
		case !pair || strings.ContainsRune(name, ' '):
			failure = item
		case name == "USER":
			l.Add("user.effective.name", v)
		case name == "GROUP":
			l.Add("group.effective.name", v)
		case name == "PWD":
			l.Add("process.working_directory", v)
		case name == "TTY":
			l.Add("process.tty.name", v)
		}
	}
	if failure = strings.TrimSpace(failure); failure == "" || strings.HasPrefix(failure, "(command continued)") {
		l.Add(event.Outcome, "success")
		return true
	}
	l.Add("event.reason", failure)
	l.Add(event.Outcome, "failure")
	return true
}

// netfilter reads what the packet filter logs by way of the kernel, as
// "[UFW BLOCK] IN=eth0 … SRC=198.51.100.23 DST=10.0.0.5 PROTO=TCP SPT=4711 DPT=22".
func netfilter(text string, l names) bool {
	at := strings.Index(text, "IN=")
	if at < 0 || !strings.Contains(text[at:], " SRC=") || !strings.Contains(text[at:], " DST=") {
		return false
	}
	pairs := text[at:]
	l.From(value(pairs, "SRC"))
	l.Int("source.port", value(pairs, "SPT"))
	l.Add("destination.ip", value(pairs, "DST"))
	l.Int("destination.port", value(pairs, "DPT"))
	l.Add("network.transport", parser.Transport(value(pairs, "PROTO")))
	switch {
	case strings.Contains(text[:at], "BLOCK"), strings.Contains(text[:at], "DROP"), strings.Contains(text[:at], "REJECT"), strings.Contains(text[:at], "DENY"):
		l.Add(event.Action, "packet_dropped")
	default:
		l.Add(event.Action, "packet_logged")
	}
	return true
}
