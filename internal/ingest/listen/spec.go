package listen

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/all"
)

// Flag is the name of the flag that describes a collector.
const Flag = "--collect"

// Spec describes a collector.
type Spec struct {
	Scheme string         // syslog+udp
	Place  string         // host:port, path, or address; "" for the journal
	Source string         // the name of its source; that of the scheme when not given
	Format string         // of its records; "" is that of its source
	Org    string         // whose they are; "" is the home organisation
	Zone   *time.Location // of times that do not say theirs
	Params url.Values     // of the kind

	kind *kind
	text string // as it was given
}

// kind is a kind of collector.
type kind struct {
	scheme  string
	source  string // the usual name of its source
	format  string // the usual format
	example string
	params  []string // beside those that all have
	needs   []string // of them
	place   func(*Spec) error
	open    func(*collector) (worker, error)
}

// common are the parameters of all kinds.
var common = []string{"source", "format", "org", "zone"}

// kinds are the kinds of collectors. Their order is that of the reference.
func kinds() []*kind {
	limits := []string{"connections", "idle"}
	secure := append([]string{"cert", "key", "ca"}, limits...)
	return []*kind{
		{scheme: "syslog+udp", source: "syslog", example: "syslog+udp://:5514", place: address, open: openPackets},
		{scheme: "syslog+tcp", source: "syslog", example: "syslog+tcp://:5514", params: limits, place: address, open: openStream},
		{scheme: "syslog+tls", source: "syslog", example: "syslog+tls://:6514?cert=cert.pem&key=key.pem", params: secure, needs: []string{"cert", "key"}, place: address, open: openStream},
		{scheme: "gelf+udp", source: "gelf", example: "gelf+udp://:12201", place: address, open: openPackets},
		{scheme: "gelf+tcp", source: "gelf", example: "gelf+tcp://:12201", params: limits, place: address, open: openStream},
		{scheme: "otlp+grpc", source: "otlp", example: "otlp+grpc://:4317", params: []string{"cert", "key", "ca", "connections", "token"}, place: address, open: openRPC},
		{scheme: "file", source: "files", example: "file:/var/log/auth.log", params: []string{"from"}, place: filePlace, open: openFiles},
		{scheme: "journald", source: "journald", example: "journald:?unit=ssh.service", params: []string{"unit", "directory", "from"}, place: journalPlace, open: openJournal},
		{scheme: "cloudtrail", source: "cloudtrail", format: "cloudtrail", example: "cloudtrail:/srv/cloudtrail", params: []string{"from"}, place: trailPlace, open: openTrail},
		{scheme: "github-audit", source: "github", format: "github", example: "github-audit:https://api.github.com/orgs/ORG/audit-log?secret=github-audit", params: []string{"secret", "every", "phrase", "include", "from"}, needs: []string{"secret"}, place: githubPlace, open: openGitHub},
	}
}

// Schemes returns the schemes that a URL may have, each with an example.
func Schemes() (schemes, examples []string) {
	for _, k := range kinds() {
		schemes, examples = append(schemes, k.scheme), append(examples, k.example)
	}
	return schemes, examples
}

// Parse reads URLs of collectors. An error is a fault that names the flag, what is
// wrong and the fix.
func Parse(texts ...string) ([]Spec, error) {
	var out []Spec
	for _, text := range texts {
		s, err := parse(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(out, func(o Spec) bool { return o.name() == s.name() }); i >= 0 && !strings.HasSuffix(s.Place, ":0") {
			return nil, s.wrong("it is given twice").WithHint("give each place once")
		}
		out = append(out, s)
	}
	return out, nil
}

func parse(text string) (Spec, error) {
	s := Spec{text: text}
	scheme, rest, found := strings.Cut(text, ":")
	all := kinds()
	i := slices.IndexFunc(all, func(k *kind) bool { return k.scheme == scheme })
	if !found || i < 0 {
		schemes, _ := Schemes()
		return s, s.wrong("it begins with no known scheme").WithHint("it begins with one of %s, as %s", strings.Join(schemes, ", "), all[0].example)
	}
	s.kind, s.Scheme = all[i], scheme
	place, query, _ := strings.Cut(rest, "?")
	params, err := url.ParseQuery(query)
	if err != nil {
		return s, s.wrong("its parameters cannot be read: %v", err).WithHint("write them as ?name=value&name=value, with %%26 for & in a value")
	}
	s.Place, s.Params = place, params
	if err := s.settle(); err != nil {
		return s, err
	}
	return s, s.kind.place(&s)
}

// settle checks the parameters and fills in what is not given.
func (s *Spec) settle() error {
	known := append(slices.Clone(common), s.kind.params...)
	for name, values := range s.Params {
		if !slices.Contains(known, name) {
			return s.wrong("there is no parameter %q", name).WithHint("it takes %s", strings.Join(known, ", "))
		}
		if len(values) > 1 && name != "unit" {
			return s.wrong("%s is given twice", name).WithHint("give it once")
		}
	}
	for _, name := range s.kind.needs {
		if s.Params.Get(name) == "" {
			return s.wrong("%s is missing", name).WithHint("write it as %s", s.kind.example)
		}
	}
	s.Source, s.Format, s.Org = s.Params.Get("source"), s.Params.Get("format"), s.Params.Get("org")
	if s.Source == "" {
		s.Source = s.kind.source
	}
	if s.Format == "" {
		s.Format = s.kind.format
	}
	if err := s.known(); err != nil {
		return err
	}
	zone := s.Params.Get("zone")
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return s.wrong("zone %q is not known", zone).WithHint("name it as Europe/Madrid")
	}
	s.Zone = loc
	return nil
}

// known checks the names of the source and of the format.
func (s *Spec) known() error {
	if err := ingest.CheckSource(s.Source); err != nil {
		return s.wrong("%q cannot be the name of a source", s.Source).WithHint("%s", fault.HintOf(err))
	}
	if _, ok := all.Get(s.Format); !ok {
		var names []string
		for _, f := range all.Formats() {
			names = append(names, f.Name)
		}
		return s.wrong("there is no format %q", s.Format).WithHint("it is one of %s; without format= it is that of the source", strings.Join(names, ", "))
	}
	return nil
}

// String is the collector as it was given. No secret is in it: a URL names
// secrets, it does not hold them.
func (s Spec) String() string { return s.text }

// name tells collectors apart; it stays when parameters that do not change what
// is read change.
func (s Spec) name() string {
	return s.Scheme + ":" + s.Place + ":" + s.Org + ":" + s.Params.Get("unit")
}

// wrong is the fault of a URL.
func (s Spec) wrong(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "%s %q: %s", Flag, s.text, fmt.Sprintf(format, args...))
}

// address reads host:port; the host may be empty.
func address(s *Spec) error {
	place, found := strings.CutPrefix(s.Place, "//")
	host, port, err := net.SplitHostPort(place)
	if n, errPort := strconv.Atoi(port); !found || err != nil || errPort != nil || n < 0 || n > 65535 || strings.ContainsAny(host, "/@") {
		return s.wrong("it has no address to listen at").WithHint("write it as %s, or with the address of one network card before the port", s.kind.example)
	}
	s.Place = place
	return nil
}

// duration reads a parameter, as 10m; the default when it is not given.
func (s Spec) duration(name string, normal time.Duration) (time.Duration, error) {
	text := s.Params.Get(name)
	if text == "" {
		return normal, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, s.wrong("%s=%s is no duration", name, text).WithHint("write it as %s=%s", name, normal)
	}
	return d, nil
}

// number reads a parameter from 1 on.
func (s Spec) number(name string, normal int) (int, error) {
	text := s.Params.Get(name)
	if text == "" {
		return normal, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, s.wrong("%s=%s is no number from 1 on", name, text).WithHint("write it as %s=%d", name, normal)
	}
	return n, nil
}
