package sources

import (
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/all"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Source is where events come from, as people describe it. A source that nobody
// has described works as one with an empty spec.
type Source struct {
	Format      string   `json:"format" en:"Format" es:"Formato" col:"1" filter:"1" suggest:"auto,json,text,linux,auditd,cloudtrail,github,kubernetes,okta,windows,suricata,zeek,keyvalue,cef,leef" help:"What reads its events, as cloudtrail; left empty, each event is looked at." ayuda:"Lo que lee sus eventos, como cloudtrail; vacío, se mira cada evento." example:"cloudtrail"`
	Zone        string   `json:"zone" en:"Time zone" es:"Zona horaria" help:"Of times that do not say theirs, as Europe/Madrid; left empty, what the header of syslog says, else UTC." ayuda:"De las horas que no dicen la suya, como Europe/Madrid; vacío, la que dice la cabecera de syslog y, si no, UTC." example:"Europe/Madrid"`
	Owner       string   `json:"owner" en:"Owner" es:"Responsable" col:"2" ref:"group,user" rel:"ownedBy,ownerOf" help:"The team that answers for it." ayuda:"El equipo que responde de él." example:"group:platform"`
	Covers      []string `json:"covers" en:"Covers" es:"Cubre" col:"3" ref:"component,resource,system" rel:"logs,loggedBy" help:"The things whose events it sends." ayuda:"Aquello cuyos eventos envía." example:"component:checkout-api"`
	SilentAfter string   `json:"silentAfter" en:"Silent after" es:"Callada tras" help:"How long it may send nothing before it counts as silent: 30m, 24h, 7d. Left empty, 24h." ayuda:"Cuánto puede no enviar nada antes de contar como callada: 30m, 24h, 7d. Vacío, 24h." example:"24h"`
	Delay       string   `json:"delay" en:"Delay" es:"Retraso" help:"How late its events come by its nature, as 15m of CloudTrail; that is no skew of its clock." ayuda:"Con cuánto retraso llegan por naturaleza, como 15m en CloudTrail; eso no es desvío de su reloj." example:"15m"`
	Rate        float64  `json:"rate,omitempty" en:"Events a second" es:"Eventos por segundo" min:"0" max:"1000000" help:"More is told to come later. 0: as many as it likes." ayuda:"A los demás se les dice que vuelvan luego. 0: sin límite." example:"500"`
	PerDay      int      `json:"megabytesPerDay,omitempty" en:"Megabytes a day" es:"Megabytes al día" min:"0" max:"10000000" help:"More is told to come the next day. 0: as many as it likes." ayuda:"A los demás se les dice que vuelvan mañana. 0: sin límite." example:"5000"`
	Hosts       []string `json:"hosts" en:"Hosts" es:"Equipos" help:"Names of machines whose syslog belongs to it." ayuda:"Nombres de máquinas cuyo syslog le pertenece." example:"web-1"`
	Networks    []string `json:"networks" en:"Networks" es:"Redes" help:"Networks whose syslog belongs to it, as 10.1.0.0/16." ayuda:"Redes cuyo syslog le pertenece, como 10.1.0.0/16." example:"10.1.0.0/16"`
}

// SilentAfter is how long a source may send nothing that does not say.
const SilentAfter = 24 * time.Hour

// Kind is the name of the kind.
const Kind = "Source"

func sourceKind() *catalog.Kind {
	return catalog.Of[Source](catalog.Kind{
		Name: Kind, Plural: "sources", Room: auth.Security, Icon: "import", Order: 60,
		Title: lang.T("Source", "Fuente"), Titles: lang.T("Sources", "Fuentes"),
		Doc: lang.T("Where events come from: who answers for it, what it covers, when it counts as silent. Events of a source that nobody has described are taken too; its name is that of the token, or ?source=.",
			"De dónde vienen los eventos: quién responde, qué cubre, cuándo cuenta como callada. Los eventos de una fuente sin describir también se toman; su nombre es el del token, o ?source=."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Source
metadata:
  name: cloudtrail
  description: The trail of the whole AWS organisation.
spec:
  format: cloudtrail
  owner: group:platform
  covers: [resource:aws-production]
  silentAfter: 1h
  delay: 15m
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Source\nmetadata: {name: x}\nspec: {format: nonsense}\n", Want: "no parser"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Source\nmetadata: {name: x}\nspec: {zone: Mars/Crater}\n", Want: "time zone"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Source\nmetadata: {name: x}\nspec: {silentAfter: soon}\n", Want: "length of time"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Source\nmetadata: {name: x}\nspec: {networks: [10.1]}\n", Want: "network"},
		},
	}, checkSource)
}

func checkSource(_ *entity.Entity, s *Source) []fault.Problem {
	var out []fault.Problem
	if s.Format != "" {
		if _, ok := all.Get(s.Format); !ok {
			out = append(out, fault.Problem{Field: "spec.format", Code: "source.format", Msg: "no parser is called " + s.Format, Args: []string{s.Format}, Hint: "leave it empty, and each event is looked at"})
		}
	}
	if _, err := time.LoadLocation(s.Zone); err != nil || s.Zone == "Local" {
		out = append(out, fault.Problem{Field: "spec.zone", Code: "source.zone", Msg: "is not a time zone", Hint: "write it as Europe/Madrid"})
	}
	for field, text := range map[string]string{"spec.silentAfter": s.SilentAfter, "spec.delay": s.Delay} {
		if _, err := claim.ParseDuration(text); text != "" && err != nil {
			out = append(out, fault.Problem{Field: field, Code: "source.duration", Msg: "is not a length of time", Hint: "write it as 30m, 24h or 7d"})
		}
	}
	for _, n := range s.Networks {
		if _, err := network(n); err != nil {
			out = append(out, fault.Problem{Field: "spec.networks", Code: "source.network", Msg: n + " is not a network", Args: []string{n}, Hint: "write it as 10.1.0.0/16"})
		}
	}
	slices.SortFunc(out, func(a, b fault.Problem) int { return strings.Compare(a.Field, b.Field) })
	return out
}
