package coverage

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/binnaclehq/binnacle/content"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/linux"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/sigma"
)

// Catalogue is what MITRE ATT&CK calls tactics and techniques.
type Catalogue struct {
	Version    string
	Notice     string
	Tactics    []Tactic
	Techniques []*Technique // by number

	by map[string]*Technique
}

// Tactic is what an adversary is after.
type Tactic struct{ ID, Short, Name string }

// Technique is how an adversary gets it. Its number has a dot when it is a part
// of another.
type Technique struct {
	ID        string
	Name      string
	Tactics   []string // short names
	Platforms []string
	Logs      []string // log sources that MITRE's detection strategies look at
}

// Enterprise returns the catalogue that comes with the program.
var Enterprise = sync.OnceValue(func() *Catalogue {
	c := &Catalogue{by: map[string]*Technique{}}
	if err := json.Unmarshal(content.Attack, c); err != nil {
		panic(err) // it is compiled in, and a test reads it
	}
	for _, t := range c.Techniques {
		c.by[t.ID] = t
	}
	return c
})

// Get returns a technique by its number; nil for one that is unknown.
func (c *Catalogue) Get(id string) *Technique { return c.by[id] }

// whole returns the number of the technique that one is a part of, or its own.
func whole(id string) string {
	above, _, _ := strings.Cut(id, ".")
	return above
}

// Platforms returns every platform, the most frequent first.
func (c *Catalogue) platforms() []string {
	n := map[string]int{}
	for _, t := range c.Techniques {
		for _, p := range t.Platforms {
			n[p]++
		}
	}
	var out []string
	for p := range n {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b string) int {
		if d := n[b] - n[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return out
}

var techniqueTag = regexp.MustCompile(`(?i)^(?:attack\.)?(t\d{4}(?:\.\d{3})?)$`)

// tagged returns the numbers of the techniques that tags name.
func tagged(tags []string) []string {
	var out []string
	for _, tag := range tags {
		if m := techniqueTag.FindStringSubmatch(tag); m != nil {
			out = append(out, strings.ToUpper(m[1]))
		}
	}
	return out
}

// source is logs that come together: what this program calls their formats, what
// MITRE calls them, of which platform they are, and how rules name them.
type source struct {
	ID        string
	Title     lang.Text
	Formats   []string // event.module
	Names     []string // beginnings of MITRE's names
	Platforms []string
	Products  []string // of Sigma's log sources; "product/service" for one service alone
	Category  []string
}

// sources are those that this program reads into fields.
var sources = []source{
	{"cloudtrail", lang.T("AWS CloudTrail", "AWS CloudTrail"), []string{"cloudtrail"}, []string{"AWS:CloudTrail", "CloudTrail:"}, []string{"IaaS"}, []string{"aws"}, nil},
	{"linux", lang.T("Linux system log", "Registro de Linux"), linux.Formats(), []string{"linux:syslog", "linux:auth", "linux:cron", "journald:", "linuxsyslog"}, []string{"Linux"}, []string{"linux/sshd", "linux/sudo", "linux/auth", "linux/cron", "linux/syslog", "linux"}, nil},
	{"auditd", lang.T("Linux audit", "Auditoría de Linux"), []string{"auditd"}, []string{"auditd:"}, []string{"Linux"}, []string{"linux/auditd", "linux"}, nil},
	{"windows", lang.T("Windows event log", "Registro de eventos de Windows"), []string{"windows"}, []string{"WinEventLog:"}, []string{"Windows"}, []string{"windows"}, nil},
	{"kubernetes", lang.T("Kubernetes audit", "Auditoría de Kubernetes"), []string{"kubernetes"}, []string{"kubernetes:"}, []string{"Containers"}, []string{"kubernetes"}, nil},
	{"github", lang.T("GitHub audit", "Auditoría de GitHub"), []string{"github"}, []string{"saas:github", "saas:RepoEvents", "saas:PRMetadata"}, []string{"SaaS"}, []string{"github"}, nil},
	{"okta", lang.T("Okta", "Okta"), []string{"okta"}, []string{"saas:okta", "Okta:SystemLog"}, []string{"Identity Provider"}, []string{"okta"}, nil},
	{"web", lang.T("Web servers", "Servidores web"), []string{"nginx", "apache", "weblog"}, []string{"apache:", "ApplicationLog:WebServer", "ApplicationLog:Ingress", "ALB:HTTPLogs"}, nil, nil, []string{"webserver"}},
	{"network", lang.T("Network sensors", "Sensores de red"), []string{"suricata", "zeek"}, []string{"NSM:", "Network Traffic", "dns:query", "IDS:"}, nil, []string{"suricata", "zeek"}, []string{"firewall", "dns", "proxy"}},
}

// looksAt reports whether a detection strategy of a technique looks at a source.
func (s *source) looksAt(t *Technique) bool {
	return slices.ContainsFunc(t.Logs, func(name string) bool {
		return slices.ContainsFunc(s.Names, func(begin string) bool { return strings.HasPrefix(name, begin) })
	})
}

// of reports whether a rule is for the source.
func (s *source) of(l sigma.Logsource) bool {
	if slices.Contains(s.Category, l.Category) {
		return true
	}
	if l.Product == "" {
		return false
	}
	if l.Product == "linux" && l.Service != "" {
		return slices.Contains(s.Products, "linux/"+l.Service)
	}
	if l.Product == "linux" && l.Category != "" { // processes, files and connections: the audit alone has them
		return slices.Contains(s.Products, "linux/auditd")
	}
	return slices.Contains(s.Products, l.Product)
}

// sourceOf returns a source by its id; nil for one that is unknown.
func sourceOf(id string) *source {
	if i := slices.IndexFunc(sources, func(s source) bool { return s.ID == id }); i >= 0 {
		return &sources[i]
	}
	return nil
}
