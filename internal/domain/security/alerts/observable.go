package alerts

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/event"
)

// indicatorFields are the fields that hold each sort of indicator: it is known by
// them, and looked for in them.
var indicatorFields = map[string][]string{
	"address": {event.SourceIP, "destination.ip", "client.ip", "sourceIPAddress", "src_ip", "dest_ip"},
	"account": {event.User, "userIdentity.userName", "userIdentity.arn"},
	"host":    {event.Host, "host.hostname"},
	"domain":  {"url.domain", "dns.question.name", "destination.domain"},
	"url":     {"url.full", "url.original"},
	"hash":    {"file.hash.sha256", "file.hash.md5", "file.hash.sha1", "process.hash.sha256"},
	"client":  {"user_agent.original", "userAgent"},
	"key":     {"userIdentity.accessKeyId"},
}

// sortOf is the sort of indicator that a field holds, by its name; "" when it
// holds none.
func sortOf(field string) string {
	for sort, fields := range indicatorFields {
		if slices.Contains(fields, field) {
			return sort
		}
	}
	switch {
	case strings.HasSuffix(field, ".ip"):
		return "address"
	case strings.Contains(field, "hash."), strings.HasSuffix(field, "sha256"), strings.HasSuffix(field, "md5"):
		return "hash"
	}
	return ""
}

// indicatorType says what sort of indicator a field with a value is; "" when it
// is none.
func indicatorType(field, value string) string {
	sort := sortOf(field)
	fits := value != "" && value != "-"
	switch {
	case sort == "address":
		_, err := netip.ParseAddr(value)
		fits = err == nil
	case sort == "hash":
		fits = hexDigest.MatchString(value)
	case field == "url.original":
		fits = strings.Contains(value, "://")
	}
	if !fits {
		return ""
	}
	return sort
}

var (
	hexDigest = regexp.MustCompile(`^(?i:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$`)
	inText    = regexp.MustCompile(`\b(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32})\b`)
)

// observables finds what events may be known by: in the fields that hold such
// things, and addresses and hashes in any text. The most frequent come first.
func observables(lines []string) []Indicator {
	counts := map[Indicator]int{}
	for _, line := range lines {
		var doc map[string]any
		if json.Unmarshal([]byte(line), &doc) != nil {
			continue
		}
		once := map[Indicator]bool{}
		leaves("", doc, func(field, value string) {
			if t := indicatorType(field, value); t == "hash" {
				once[Indicator{Type: t, Value: strings.ToLower(value)}] = true
			} else if t != "" {
				once[Indicator{Type: t, Value: value}] = true
			}
			for _, m := range inText.FindAllString(value, 20) {
				if _, err := netip.ParseAddr(m); err == nil {
					once[Indicator{Type: "address", Value: m}] = true
				} else if hexDigest.MatchString(m) {
					once[Indicator{Type: "hash", Value: strings.ToLower(m)}] = true
				}
			}
		})
		for i := range once {
			counts[i]++
		}
	}
	out := slices.Collect(maps.Keys(counts))
	slices.SortFunc(out, func(a, b Indicator) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a.Type+a.Value, b.Type+b.Value)
	})
	return out
}

// leaves visits the texts and numbers of a document with their paths.
func leaves(path string, v any, visit func(field, value string)) {
	switch x := v.(type) {
	case map[string]any:
		for k, w := range x {
			if path != "" {
				k = path + "." + k
			}
			leaves(k, w, visit)
		}
	case []any:
		for _, w := range x {
			leaves(path, w, visit)
		}
	case string:
		visit(path, x)
	case float64, bool:
		visit(path, fmt.Sprint(x))
	}
}
