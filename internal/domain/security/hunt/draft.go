package hunt

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/binnaclehq/binnacle/internal/event"
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
	var ways []string // one of which must hold
	for i, list := range r.ways() {
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

// writeWay writes the searches of terms that must all hold, and returns their
// condition, "" for none, and what cannot be said.
func writeWay(b *bytes.Buffer, suffix string, of []term) (condition string, left []string) {
	var fields, words search
	var filters []search
	for _, t := range of {
		key, values, ok := sigmaItem(t)
		switch {
		case !ok && t.Value == "*" && t.Field == "" && !t.Not: // everything
		case !ok:
			left = append(left, t.text)
		case t.Not:
			f := search{}
			f.add(key, values...)
			filters = append(filters, f)
		case key == "":
			words.add("", values...)
		default:
			fields.add(key, values...)
		}
	}
	var parts []string
	if len(fields.keys) > 0 {
		parts = append(parts, "selection"+suffix)
		fields.write(b, "selection"+suffix)
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
	compares = regexp.MustCompile(`^(>=|<=|>|<)(-?[0-9]+(?:\.[0-9]+)?)$`)
	network  = regexp.MustCompile(`^ipv4_range\("?([0-9.]+(?:/[0-9]+)?)"?\)$`)
	oneOf    = regexp.MustCompile(`^in\((.*)\)$`)
	function = regexp.MustCompile(`^[a-z0-9_]*\(`)
)

var comparisons = map[string]string{">=": "|gte", "<=": "|lte", ">": "|gt", "<": "|lt"}

// sigmaItem writes a term as a field of Sigma with its modifier, "" for a keyword,
// and its values; false when it cannot be said so.
func sigmaItem(t term) (key string, values []string, ok bool) {
	field := t.Field
	if field == "_msg" {
		field = event.Message
	}
	if field != "" && t.Exact {
		return field, []string{escapeWild(t.Value)}, true
	}
	if !t.Quoted {
		switch {
		case compares.MatchString(t.Value) && field != "":
			m := compares.FindStringSubmatch(t.Value)
			return field + comparisons[m[1]], m[2:3], true
		case network.MatchString(t.Value) && field != "":
			return field + "|cidr", network.FindStringSubmatch(t.Value)[1:2], true
		case oneOf.MatchString(t.Value) && field != "":
			values, ok = listed(oneOf.FindStringSubmatch(t.Value)[1])
			return field, values, ok
		case strings.HasPrefix(t.Value, "~") && field != "":
			return field + "|re", []string{unquote(t.Value[1:])}, true
		case t.Value == "*", function.MatchString(t.Value), strings.ContainsAny(t.Value[:min(len(t.Value), 1)], "~!<>=$%{[("):
			return "", nil, false
		}
	}
	value := t.Value
	body, starts := strings.CutSuffix(value, "*")
	body, ends := strings.CutPrefix(body, "*")
	if t.Quoted { // a part of a word stands behind the quotes: "a b"*
		body, starts, ends = value, false, false
	}
	switch {
	case body == "":
		return "", nil, false
	case field == "":
		return "", []string{escapeWild(body)}, true
	case starts && !ends:
		return field + "|startswith", []string{escapeWild(body)}, true
	case ends && !starts:
		return field + "|endswith", []string{escapeWild(body)}, true
	}
	return field + "|contains", []string{escapeWild(body)}, true
}

// listed reads the texts of in(…); false when it is a question of its own.
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
		if text == "" || strings.ContainsAny(text, "|:(") && text == unquote(text) {
			return nil, false
		}
		out = append(out, escapeWild(unquote(text)))
		s = strings.TrimPrefix(s[end:], ",")
	}
	return out, len(out) > 0
}

// escapeWild makes a text that Sigma takes as it is.
func escapeWild(s string) string {
	return strings.NewReplacer(`\*`, `\\\*`, `\?`, `\\\?`, "*", `\*`, "?", `\?`).Replace(s)
}

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
