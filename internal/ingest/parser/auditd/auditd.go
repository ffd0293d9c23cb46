// Package auditd reads the records of Linux's audit, as auditd writes them to
// audit.log, with or without the names of users and calls that log_format=ENRICHED
// adds, and as the kernel writes them to syslog when no daemon runs:
//
//	type=SYSCALL msg=audit(1773133200.123:4711): arch=c000003e syscall=59 success=yes …
//
// Every field keeps its name, and the fields within msg='…' stand beside the
// others. What auditd wrote in hexadecimal, as it does with names that hold spaces
// or worse, is text again: the words of a command line are apart by spaces. Added
// are SYSCALL, the name of the call, where the record has only its number; laddr,
// lport and saddr_fam of an address; and of ECS process.name, .executable, .pid,
// .parent.pid, .command_line, .working_directory, user.name, user.id,
// user.audit.id, source.ip, file.path, event.action, event.outcome, host.name,
// auditd.sequence, and message, the record without its header.
//
// One event of the kernel is several records. Records that come together, as
// lines of one record here, are joined to one event if their serial number is
// one: a field that several have is then a list. Records that come one by one are
// events of their own, which auditd.sequence holds together.
package auditd

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Format is the format "auditd".
func Format() parser.Format {
	return parser.Format{
		Name:  "auditd",
		Title: lang.T("Linux audit (auditd)", "Auditoría de Linux (auditd)"),
		Doc: lang.T("Records of audit.log, raw or enriched. Hexadecimal values become text; records of one event that come together are joined.",
			"Registros de audit.log, con o sin enriquecer. Los valores hexadecimales pasan a texto; los registros de un suceso que llegan juntos se unen."),
		Parse: parse,
		Is:    is,
	}
}

func is(data []byte, _ *parser.Env) bool {
	line := parser.String(data)
	at := strings.Index(line, "audit(")
	return at > 0 && at < 256 && strings.Contains(line[:at], "type=")
}

// field is a name and its values, each once.
type field struct {
	name, value string
	more        []string
}

// records are the records of one event.
type records struct {
	head   string // "1773133200.123:4711"
	node   string
	fields []field
	says   string   // the first record without its header
	exec   []string // arguments of EXECVE
}

var pool = sync.Pool{New: func() any { return new(records) }}

func (r *records) free() {
	clear(r.fields)
	clear(r.exec)
	*r = records{fields: r.fields[:0], exec: r.exec[:0]}
	pool.Put(r)
}

func parse(data []byte, env *parser.Env, out *parser.Out) error {
	data = parser.Trimmed(data)
	text := parser.String(data)
	r := pool.Get().(*records)
	defer r.free()
	for line := range strings.Lines(text) {
		if line = strings.Trim(line, "\r\n "); line == "" {
			continue
		}
		if err := r.record(line); err != nil {
			return err
		}
	}
	if r.head == "" {
		return errors.New("no record of the audit: it has no audit(time:serial)")
	}
	seconds, serial, _ := strings.Cut(r.head, ":")
	at, err := stamp(seconds)
	if err != nil {
		return err
	}
	out.Time = at
	out.ID = id(r, env, text)
	l := parser.Begin(out, data)
	defer l.End()
	l.Host(r.node)
	l.Int("auditd.sequence", serial)
	r.write(l)
	return nil
}

// id is of the record, not of the event alone: its records may come apart.
func id(r *records, env *parser.Env, text string) string {
	h := fnv.New64a()
	h.Write([]byte(text))
	host := r.node
	if host == "" {
		host = env.Host
	}
	return "auditd/" + host + "/" + r.head + "/" + strconv.FormatUint(h.Sum64(), 36)
}

func stamp(text string) (time.Time, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<40 || len(fraction) > 9 {
		return time.Time{}, fmt.Errorf("audit(%s: is no time", text)
	}
	nanos, err := strconv.ParseUint((fraction + "000000000")[:9], 10, 32)
	if err != nil {
		return time.Time{}, fmt.Errorf("audit(%s: is no time", text)
	}
	return time.Unix(seconds, int64(nanos)).UTC(), nil
}

// record reads one record.
func (r *records) record(line string) error {
	at := strings.Index(line, "audit(")
	if at < 0 {
		return fmt.Errorf("no record of the audit: %.40q has no audit(time:serial)", line)
	}
	head, rest, ok := strings.Cut(line[at+len("audit("):], "):")
	if !ok || !strings.Contains(head, ":") {
		return fmt.Errorf("no record of the audit: %.40q has no audit(time:serial)", line)
	}
	if r.head != "" && r.head != head {
		return fmt.Errorf("records of several events, audit(%s) and audit(%s), came as one; send each event alone", r.head, head)
	}
	first := r.head == ""
	r.head = head
	kind := ""
	for _, word := range strings.Fields(line[:at]) {
		switch name, v, _ := strings.Cut(word, "="); name {
		case "node":
			r.node = v
		case "type":
			kind = typeOf(v)
		}
	}
	if kind == "" {
		return fmt.Errorf("the record audit(%s) has no type", head)
	}
	rest = strings.TrimLeft(rest, " ")
	if first {
		r.says, _, _ = strings.Cut(rest, "\x1d")
	}
	r.add("type", kind)
	r.pairs(kind, rest)
	return nil
}

func (r *records) add(name, value string) {
	for i := range r.fields {
		if f := &r.fields[i]; f.name == name {
			if f.value != value && !slices.Contains(f.more, value) {
				f.more = append(f.more, value)
			}
			return
		}
	}
	r.fields = append(r.fields, field{name, value, nil})
}

func (r *records) get(name string) string {
	for i := range r.fields {
		if r.fields[i].name == name {
			return r.fields[i].value
		}
	}
	return ""
}

// mostPairs bounds how many fields of records are read: an EXECVE may have
// thousands of arguments.
const mostPairs = 1000

// pairs reads name=value name="value" name='name=value …'.
func (r *records) pairs(kind, text string) {
	for len(r.fields) < mostPairs {
		text = strings.TrimLeft(text, " \x1d,\t")
		name, rest, ok := strings.Cut(text, "=")
		if !ok {
			return
		}
		if space := strings.LastIndexAny(name, " \x1d"); space >= 0 {
			name = name[space+1:]
		}
		value, quoted := "", byte(0)
		if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
			quoted = rest[0]
			end := strings.IndexByte(rest[1:], quoted)
			if quoted == '\'' {
				end = closing(rest[1:])
			}
			if end < 0 {
				end = len(rest) - 1
			}
			value, text = rest[1:1+end], rest[min(end+2, len(rest)):]
		} else {
			end := strings.IndexAny(rest, " \x1d")
			if end < 0 {
				end = len(rest)
			}
			value, text = rest[:end], rest[end:]
		}
		switch {
		case name == "":
		case quoted == '\'' && strings.Contains(value, "="):
			r.pairs(kind, value)
		default:
			r.field(kind, name, value, quoted != 0)
		}
	}
}

// closing is where msg='…' ends: at the last quote before the end of the record,
// or before what was enriched.
func closing(text string) int {
	if end := strings.LastIndex(text, "'\x1d"); end >= 0 {
		return end
	}
	return strings.LastIndexByte(text, '\'')
}

func (r *records) field(kind, name, value string, quoted bool) {
	if value == "(null)" || value == "?" && name != "op" {
		return
	}
	argument := kind == "EXECVE" && len(name) > 1 && name[0] == 'a' && name[1] >= '0' && name[1] <= '9' && !strings.HasSuffix(name, "_len")
	if !quoted && (argument || encoded[name]) {
		value = decode(value, name)
	}
	if argument && len(r.exec) < mostPairs {
		if strings.Contains(name, "[") && !strings.HasSuffix(name, "[0]") && len(r.exec) > 0 {
			r.exec[len(r.exec)-1] += value // a part of a long argument
		} else {
			r.exec = append(r.exec, value)
		}
	}
	if name == "saddr" && !quoted {
		r.address(value)
	}
	r.add(name, value)
}

// encoded are the fields that auditd writes in hexadecimal when they hold more
// than plain text.
var encoded = map[string]bool{"comm": true, "exe": true, "cwd": true, "name": true, "proctitle": true, "cmd": true, "data": true, "dir": true, "key": true,
	"path": true, "acct": true, "file": true, "watch": true, "vm": true, "grp": true, "new_group": true, "ocomm": true, "sw": true}

// decode is the text of hexadecimal. Zeros between the words of a command line
// are spaces, and those between several keys commas.
func decode(text, name string) string {
	if len(text) < 2 || len(text)%2 != 0 {
		return text
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		return text
	}
	plain := strings.TrimRight(string(raw), "\x00")
	if name == "key" {
		return strings.ReplaceAll(plain, "\x01", ",")
	}
	return strings.ReplaceAll(plain, "\x00", " ")
}

// address reads a socket address.
func (r *records) address(text string) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) < 2 {
		return
	}
	switch family := int(raw[0]) | int(raw[1])<<8; {
	case family == 1:
		r.add("saddr_fam", "local")
		if path, _, _ := strings.Cut(strings.TrimLeft(string(raw[2:]), "\x00"), "\x00"); path != "" {
			r.add("path", path)
		}
	case family == 2 && len(raw) >= 8:
		r.add("saddr_fam", "inet")
		r.endpoint(raw[4:8], raw[2:4])
	case family == 10 && len(raw) >= 24:
		r.add("saddr_fam", "inet6")
		r.endpoint(raw[8:24], raw[2:4])
	case family == 16:
		r.add("saddr_fam", "netlink")
	}
}

func (r *records) endpoint(ip, port []byte) {
	if addr, ok := netip.AddrFromSlice(ip); ok {
		r.add("laddr", addr.Unmap().String())
		r.add("lport", strconv.Itoa(int(port[0])<<8|int(port[1])))
	}
}

// write writes the fields, and beside them what they are called in ECS.
func (r *records) write(l *parser.Line) {
	if r.get("SYSCALL") == "" && r.get("syscall") != "" {
		if name := calls[r.get("arch")][r.get("syscall")]; name != "" {
			r.add("SYSCALL", name)
		}
	}
	command := strings.Join(r.exec, " ")
	if p := r.get("proctitle"); p != "" && command == "" {
		command = p
	} else if p == "" && command != "" {
		r.add("proctitle", command)
	}
	if command == "" {
		command = r.get("cmd")
	}
	for _, f := range r.fields {
		l.Values(f.name, f.value, f.more...)
	}
	l.Set(event.Message, []byte(r.says))
	exe := r.get("exe")
	l.Add(event.ProcessName, first(r.get("comm"), exe[strings.LastIndexByte(exe, '/')+1:]))
	l.Add("process.executable", exe)
	l.Int("process.pid", r.get("pid"))
	l.Int("process.parent.pid", r.get("ppid"))
	l.Add("process.command_line", command)
	l.Add("process.working_directory", r.get("cwd"))
	l.Add("file.path", r.get("name"))
	l.Add(event.User, first(unset(r.get("acct")), unset(r.get("UID")), unset(r.get("AUID"))))
	l.Add("user.id", unset(r.get("uid")))
	l.Add("user.audit.id", unset(r.get("auid")))
	if addr := r.get("addr"); addr != "" && addr != "?" {
		l.From(addr)
	}
	l.Add(event.Action, action(r))
	l.Add(event.Outcome, outcome(first(r.get("success"), r.get("res"))))
}

func action(r *records) string {
	if op := r.get("op"); op != "" && op != "?" && !strings.HasPrefix(op, "PAM:") {
		return op
	}
	if call := r.get("SYSCALL"); call != "" {
		return call
	}
	return strings.ToLower(r.get("type"))
}

func outcome(text string) string {
	switch text {
	case "yes", "success", "1":
		return "success"
	case "no", "failed", "0":
		return "failure"
	}
	return ""
}

// unset is "" for what the audit writes for nobody.
func unset(text string) string {
	switch text {
	case "4294967295", "-1", "unset", "(unknown)", "unknown(4294967295)":
		return ""
	}
	return text
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
