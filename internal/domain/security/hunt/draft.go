package hunt

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/sigma"
)

// logsources are how rules name the logs that this program reads in a format.
var logsources = map[string]sigma.Logsource{
	"cloudtrail": {Product: "aws", Service: "cloudtrail"}, "linux": {Product: "linux", Service: "syslog"}, "journald": {Product: "linux", Service: "syslog"}, "pam": {Product: "linux", Service: "auth"}, "su": {Product: "linux", Service: "auth"},
	"accounts": {Product: "linux", Service: "auth"}, "login": {Product: "linux", Service: "auth"}, "sshd": {Product: "linux", Service: "sshd"}, "sudo": {Product: "linux", Service: "sudo"}, "cron": {Product: "linux", Service: "cron"}, "auditd": {Product: "linux", Service: "auditd"}, "github": {Product: "github", Service: "audit"},
	"kubernetes": {Product: "kubernetes", Service: "audit"}, "okta": {Product: "okta", Service: "okta"}, "windows": {Product: "windows", Service: "security"}, "suricata": {Product: "suricata", Service: "alert"},
	"zeek": {Product: "zeek", Service: "conn"}, "weblog": {Category: "webserver"}, "nginx": {Category: "webserver"}, "apache": {Category: "webserver"},
}

// draft writes a Sigma rule of a query, for events of a format. What Sigma has no
// words for, or this program none, is left out of it and returned.
func draft(title, format, query string) (rule string, left []string) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "title: %s\nstatus: experimental\nlogsource:\n", scalar(title))
	from, known := logsources[format]
	if !known {
		from.Product = cmp.Or(format, "application")
	}
	for _, x := range [][2]string{{"category", from.Category}, {"product", from.Product}, {"service", from.Service}} {
		if x[1] != "" {
			fmt.Fprintf(&b, "    %s: %s\n", x[0], x[1])
		}
	}
	b.WriteString("detection:\n")
	r := read(query)
	of := r.ways()
	if r.or && slices.ContainsFunc(of, everything) {
		head := query
		if r.pipe >= 0 {
			head = query[:r.pipe]
		}
		of, left = nil, append(left, strings.TrimSpace(head))
	}
	var ways []string // one of which must hold
	for i, list := range of {
		suffix := ""
		if r.or {
			suffix = fmt.Sprintf("_%d", i+1)
		}
		way, without := writeWay(&b, suffix, list)
		left = append(left, without...)
		if way != "" {
			ways = append(ways, way)
		}
	}
	if r.pipe >= 0 {
		left = append(left, query[r.pipe:])
	}
	if len(ways) == 0 {
		b.WriteString("    selection:\n        event.action: \"\"\n")
		ways = []string{"selection"}
	}
	fmt.Fprintf(&b, "    condition: %s\nlevel: medium\n", strings.Join(ways, " or "))
	return b.String(), left
}

// sayable reports whether a rule can say some of it.
func (r reading) sayable() bool {
	if slices.ContainsFunc(r.ways(), everything) {
		return false
	}
	return slices.ContainsFunc(r.parts, func(t term) bool {
		_, _, ok := sigmaItem(t)
		return ok
	})
}

// ways are the parts between which "or" stands: what is found meets all of one.
func (r reading) ways() [][]term {
	out := [][]term{nil}
	for _, t := range r.parts {
		if t.or {
			out = append(out, nil)
			continue
		}
		out[len(out)-1] = append(out[len(out)-1], t)
	}
	return out
}

// everything reports whether a way leaves nothing out.
func everything(way []term) bool {
	return len(way) > 0 && !slices.ContainsFunc(way, func(t term) bool { return !t.everything() })
}

func (t term) everything() bool { return t.Value == "*" && t.Field == "" && !t.Quoted && !t.Not }

// search is a search of a rule: fields with their values, or keywords under "".
type search struct {
	keys   []string
	values map[string][]string
}

func (s *search) add(key string, values ...string) {
	if s.values[key] == nil {
		s.keys = append(s.keys, key)
	}
	if s.values == nil {
		s.values = map[string][]string{}
	}
	s.values[key] = append(s.values[key], values...)
}

// place is the first of searches that has no such key yet: the values of a key are
// a list of which one is enough, and two terms of a field must both hold.
func place(list []search, key string) ([]search, *search) {
	for i := range list {
		if list[i].values[key] == nil {
			return list, &list[i]
		}
	}
	list = append(list, search{})
	return list, &list[len(list)-1]
}

// writeWay writes the searches of terms that must all hold, and returns their
// condition, "" for none, and what cannot be said.
func writeWay(b *bytes.Buffer, suffix string, of []term) (condition string, left []string) {
	var words search
	var fields, filters []search
	for _, t := range of {
		key, values, ok := sigmaItem(t)
		switch {
		case t.everything():
		case !ok:
			left = append(left, t.text)
		case t.Not:
			f := search{}
			f.add(key, values...)
			filters = append(filters, f)
		case key == "":
			words.add("", values...)
		default:
			var at *search
			fields, at = place(fields, key)
			at.add(key, values...)
		}
	}
	var parts []string
	for i, f := range fields {
		name := "selection" + suffix
		if i > 0 {
			name += fmt.Sprintf("_%d", i+1)
		}
		parts = append(parts, name)
		f.write(b, name)
	}
	if len(words.keys) > 0 {
		parts = append(parts, "words"+suffix)
		words.write(b, "words"+suffix)
	}
	for i, f := range filters {
		name := "filter" + suffix
		if len(filters) > 1 {
			name += fmt.Sprintf("_%d", i+1)
		}
		parts = append(parts, "not "+name)
		f.write(b, name)
	}
	condition = strings.Join(parts, " and ")
	if suffix != "" && len(parts) > 1 {
		condition = "(" + condition + ")"
	}
	return condition, left
}

// write writes a search: the values of a field together, one of which is enough,
// and keywords, all of which must be there.
func (s *search) write(b *bytes.Buffer, name string) {
	fmt.Fprintf(b, "    %s:\n", name)
	for _, key := range s.keys {
		list := s.values[key]
		if key == "" {
			key = "|all"
		}
		if len(list) == 1 && key != "|all" {
			fmt.Fprintf(b, "        %s: %s\n", scalar(key), scalar(list[0]))
			continue
		}
		fmt.Fprintf(b, "        %s:\n", scalar(key))
		for _, v := range list {
			fmt.Fprintf(b, "            - %s\n", scalar(v))
		}
	}
}

var (
	compares = regexp.MustCompile(`^(>=|<=|>|<)\s*(-?[0-9]+(?:\.[0-9]+)?)$`)
	network  = regexp.MustCompile(`^ipv4_range\("?([0-9.]+(?:/[0-9]+)?)"?\)$`)
	oneOf    = regexp.MustCompile(`^in\((.*)\)$`)
)

var comparisons = map[string]string{">=": "|gte", "<=": "|lte", ">": "|gt", "<": "|lt"}

// sigmaItem writes a term as a field of Sigma with its modifier, "" for a keyword,
// and its values; false when it cannot be said so.
func sigmaItem(t term) (key string, values []string, ok bool) {
	t = addressed(t)
	field, ok := sigmaField(t.Field)
	if !ok {
		return "", nil, false
	}
	if field != "" && !t.Quoted && !t.Exact {
		switch {
		case compares.MatchString(t.Value):
			m := compares.FindStringSubmatch(t.Value)
			return field + comparisons[m[1]], m[2:3], true
		case network.MatchString(t.Value):
			return field + "|cidr", network.FindStringSubmatch(t.Value)[1:2], true
		case oneOf.MatchString(t.Value):
			values, ok = listed(oneOf.FindStringSubmatch(t.Value)[1])
			return field, values, ok
		case strings.HasPrefix(t.Value, "~"):
			expr, ok := written(t.Value[1:])
			if !ok {
				return "", nil, false
			}
			return expression(field, expr)
		}
	}
	parts, ok := pieces(t)
	switch {
	case !ok || strings.Join(parts, "") == "": // "" asks for no value at all
		return "", nil, false
	case t.Exact:
		return exactly(field, parts)
	case field == "":
		return keyword(parts)
	}
	return asWord(field, parts)
}

// addressed is a term that only looks as if it had a field: a path of Windows, an
// address of the web or of IPv6. It is a word, as package logs reads it.
func addressed(t term) term {
	path := len(t.Field) == 1 && strings.HasPrefix(t.Value, `\`)
	if t.Quoted || t.Exact || t.Field == "" || !path && !strings.HasPrefix(t.Value, "//") && !strings.HasPrefix(t.Value, ":") {
		return t
	}
	t.Field, t.Value = "", t.Field+":"+t.Value
	return t
}

// sigmaField is what rules call a field; false when an event has it only where it
// is kept, or only before, and when a rule cannot name it.
func sigmaField(name string) (string, bool) {
	switch name {
	case "_msg":
		return event.Message, true
	case event.Message, "_time", "_stream", "_stream_id", event.FieldID, event.FieldSeen, event.FieldFormat:
		return "", false
	}
	return name, !strings.HasPrefix(name, "binnacle.") && !strings.ContainsAny(name, "|*")
}

// pieces are the texts between the stars of a value; stars within quotes are
// themselves. It is false for what is no word: a function, a range, brackets.
func pieces(t term) (parts []string, ok bool) {
	s := t.Value
	if t.Quoted {
		return []string{s}, true
	}
	if s == "" || strings.IndexByte("~!<>=$%", s[0]) >= 0 {
		return nil, false
	}
	var part strings.Builder
	for i := 0; i < len(s); {
		end := i + 1
		switch s[i] {
		case '(', ')', '[', ']', '{', '}':
			return nil, false
		case '*':
			parts = append(parts, part.String())
			part.Reset()
		case '"', '\'', '`':
			end = quoted(s, i)
			part.WriteString(unquote(s[i:end]))
		default:
			part.WriteByte(s[i])
		}
		i = end
	}
	return append(parts, part.String()), true
}

// exactly asks for a value, or for how it begins.
func exactly(field string, parts []string) (key string, values []string, ok bool) {
	switch {
	case len(parts) == 1:
		return field, []string{escapeWild(parts[0])}, true
	case len(parts) == 2 && parts[1] == "":
		return field + "|startswith", []string{escapeWild(parts[0])}, true
	}
	return "", nil, false
}

// keyword asks for a text in any field. Stars at its ends change nothing: it may
// be a part of a word.
func keyword(parts []string) (key string, values []string, ok bool) {
	for _, p := range parts {
		if p != "" {
			values = append(values, escapeWild(p))
		}
	}
	return "", values, len(values) == 1
}

// asWord asks for a text in a field, or for words of it of which a part is known.
func asWord(field string, parts []string) (key string, values []string, ok bool) {
	n, first, last := len(parts), parts[0], parts[len(parts)-1]
	begins := n == 2 && last == ""
	c, _ := utf8.DecodeRuneInString(first)
	switch {
	case n == 1, n == 3 && first == "" && last == "":
		return field + "|contains", []string{escapeWild(strings.Join(parts, ""))}, true
	case begins && !wordly(c):
		return field + "|contains", []string{escapeWild(first)}, true
	case begins:
		return expression(field, `(?i)(?:^|[^\pL\p{Nd}_])`+regexp.QuoteMeta(first))
	}
	return expression(field, logs.Starred(parts))
}

// wordly reports whether words of LogsQL are made of such characters.
func wordly(c rune) bool { return c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c) }

// written reads a regular expression as it stands in a question; false for one
// that means all, or that has no end which is sure.
func written(text string) (expr string, ok bool) {
	text = strings.TrimSpace(text)
	expr = unquote(text)
	return expr, expr != "" && expr != ".*" && (expr != text || !strings.ContainsAny(text, "*()[]{}\"'`"))
}

// expression asks for a regular expression; false for one that rules may not have.
func expression(field, expr string) (key string, values []string, ok bool) {
	if _, err := (sigma.Regex{Expr: expr}).Compile(); err != nil {
		return "", nil, false
	}
	return field + "|re", []string{expr}, true
}

// listed reads the texts of in(…); false when it is a question of its own, or asks
// for all or for no value.
func listed(s string) (out []string, ok bool) {
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		end := strings.IndexByte(s, ',')
		if strings.ContainsRune("\"'`", rune(s[0])) {
			if end = quoted(s, 0); end < len(s) && s[end] != ',' {
				return nil, false
			}
		}
		if end < 0 {
			end = len(s)
		}
		text := strings.TrimSpace(s[:end])
		value := unquote(text)
		if value == "" || strings.ContainsAny(text, "|:(*") && text == value {
			return nil, false
		}
		out = append(out, escapeWild(value))
		s = strings.TrimPrefix(s[end:], ",")
	}
	return out, len(out) > 0
}

// escapeWild makes a text that Sigma takes as it is.
func escapeWild(s string) string { return sigma.PlainString(s).String() }

// scalar writes a text of YAML on one line.
func scalar(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case unicode.IsPrint(c):
			b.WriteRune(c)
		case c > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, c)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
