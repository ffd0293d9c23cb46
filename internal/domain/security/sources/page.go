package sources

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/all"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
)

// skewed is how far a clock may be off before it is said to be.
const skewed = 2 * time.Second

// line is a source in the list.
type line struct {
	Name, Title, Href string
	Described         bool
	State, StateText  string
	Format            string
	Owner             web.Thing
	HasOwner          bool
	Last              time.Time
	Rate              string
	Hourly            []float64
	Tip               string
	Lag, Skew         string
	SkewState         string
	Counts            ingest.Counts
	Rejected          int64
	silent            bool
	Own               bool // canaries, which the program sends itself from time to time
}

type listPage struct {
	web.Shell
	Lede     string
	Rows     []line
	Sum      ingest.Counts
	Rejected int64
	Figures  []figure
	Holding  string // why events wait
	Since    time.Time
	Spool    string
	Examples []example
	Ways     []way // collectors of this server
	CanWrite bool
	CanToken bool
}

type figure struct {
	Label, State string
	N            int64
}

// example is how something is sent.
type example struct{ ID, Title, Text string }

func (c Config) list(w *web.Ctx) (any, error) {
	p := &listPage{CanWrite: canWrite(w), CanToken: w.Can(auth.Admin, auth.Resource{Kind: auth.KindIngestToken})}
	p.Title, p.Lede = w.T("sources.title"), w.T("sources.lede")
	rows, err := c.lines(w)
	if err != nil {
		return nil, err
	}
	p.Rows = rows
	for _, r := range rows {
		p.Sum.Add(r.Counts)
	}
	p.Rejected = p.Sum.Refused()
	p.figures(w)
	if in := c.intake(); in != nil {
		s := in.State()
		p.Holding, p.Since, p.Spool = s.Holding, s.Since, w.T("sources.spool", lang.Bytes(w.Lang, s.Spool), lang.Bytes(w.Lang, s.MaxSpool))
	}
	p.Examples = c.examples(w, "SOURCE")
	p.Ways = c.collectors(w)
	return p, nil
}

func canWrite(w *web.Ctx) bool {
	return w.Can(auth.Write, auth.Resource{Room: auth.Security, Kind: Kind})
}

// figures are the numbers that add up.
func (p *listPage) figures(w *web.Ctx) {
	warn := func(n int64) string {
		if n > 0 {
			return "is-warn"
		}
		return ""
	}
	p.Figures = []figure{{w.T("sources.accepted"), "", p.Sum.Accepted}, {w.T("sources.stored"), "", p.Sum.Stored}, {w.T("sources.duplicate"), "", p.Sum.Duplicate},
		{w.T("sources.rejected"), warn(p.Rejected), p.Rejected}, {w.T("sources.dropped"), warn(p.Sum.Dropped), p.Sum.Dropped}, {w.T("sources.waiting"), "", p.Sum.Waiting}}
}

// lines are all sources, those that need a person first.
func (c Config) lines(w *web.Ctx) ([]line, error) {
	known, err := c.known(w.R.Context(), w.Caller.Org, w.Now)
	if err != nil {
		return nil, err
	}
	described, err := describedBy(w)
	if err != nil {
		return nil, err
	}
	for name := range described {
		if known[name] == nil {
			known[name] = &knownSource{Name: name}
		}
	}
	owners, err := ownersOf(w, described)
	if err != nil {
		return nil, err
	}
	var out []line
	for _, name := range slices.Sorted(maps.Keys(known)) {
		out = append(out, lineOf(w, known[name], described[name], owners[name]))
	}
	slices.SortStableFunc(out, func(a, b line) int { return cmp.Compare(rank(a), rank(b)) })
	return out, nil
}

func rank(l line) int {
	switch l.State {
	case "bad":
		return 0
	case "warn":
		return 1
	}
	return 2
}

// describedBy reads the entities of sources, by name.
func describedBy(w *web.Ctx) (map[string]*entity.Entity, error) {
	out := map[string]*entity.Entity{}
	return out, w.Catalog().Each(w.R.Context(), w.Caller, catalog.Query{Kinds: []string{Kind}}, func(e *entity.Entity) error {
		out[e.Metadata.Name] = e
		return nil
	})
}

// ownersOf looks up who answers for sources, by the name of the source.
func ownersOf(w *web.Ctx, list map[string]*entity.Entity) (map[string]web.Thing, error) {
	var names []string
	var written []web.Written
	for _, name := range slices.Sorted(maps.Keys(list)) {
		if s, err := catalog.Spec[Source](list[name]); err == nil && s.Owner != "" {
			names, written = append(names, name), append(written, web.Written{In: list[name], Text: s.Owner, Kind: "group"})
		}
	}
	things, err := w.Named(written)
	out := map[string]web.Thing{}
	for i := range things {
		out[names[i]] = things[i]
	}
	return out, err
}

func lineOf(w *web.Ctx, k *knownSource, e *entity.Entity, owner web.Thing) line {
	l := line{Name: k.Name, Title: k.Name, Href: "/sources/" + url.PathEscape(k.Name), Counts: k.Counts, Rejected: k.Counts.Refused(), Last: k.Counts.Last, Rate: rate(w.Lang, k.Rate), Hourly: k.Hourly[:]}
	silentAfter := SilentAfter
	if e != nil {
		l.Described, l.Title = true, e.DisplayTitle()
		if s, err := catalog.Spec[Source](e); err == nil {
			l.Format, silentAfter = formatTitle(w, s.Format), claim.DurationOr(s.SilentAfter, SilentAfter)
		}
		l.Owner, l.HasOwner = owner, owner.Title != ""
	} else {
		l.Own = k.Name == event.CanarySource
	}
	l.Tip = w.T("sources.tip", lang.Int(w.Lang, k.Day.Accepted))
	if k.Lag.N() > 0 {
		l.Lag = short(w, k.Lag.Quantile(0.99))
	}
	if k.Skew.N() > 0 {
		q := k.Skew.Quantile(0.99)
		l.Skew = short(w, q)
		if q > skewed {
			l.SkewState = "is-warn"
		}
	}
	l.state(w, silentAfter)
	return l
}

func (l *line) state(w *web.Ctx, silentAfter time.Duration) {
	switch {
	case l.Last.IsZero():
		l.State, l.StateText, l.silent = "idle", w.T("sources.never"), true
	case l.Own:
		l.State, l.StateText = "idle", w.T("sources.own.state")
	case w.Now.Sub(l.Last) > silentAfter:
		l.State, l.StateText, l.silent = "bad", w.T("sources.silent"), true
	case l.Counts.Dropped > 0:
		l.State, l.StateText = "warn", w.T("sources.drops")
	default:
		l.State, l.StateText = "ok", w.T("sources.sends")
	}
}

func formatTitle(w *web.Ctx, name string) string {
	f, ok := all.Get(name)
	if !ok {
		return name
	}
	return w.In(f.Title)
}

func rate(code lang.Code, perSecond float64) string {
	if perSecond == 0 {
		return "0"
	}
	if perSecond < 1 {
		return lang.Float(code, perSecond*60, 1) + "/min"
	}
	return lang.Float(code, perSecond, 0) + "/s"
}

// short writes a length of time in its largest unit.
func short(w *web.Ctx, d time.Duration) string {
	switch {
	case d < time.Second:
		return lang.Int(w.Lang, d.Milliseconds()) + " ms"
	case d < 2*time.Minute:
		return lang.Float(w.Lang, d.Seconds(), 1) + " s"
	case d < 2*time.Hour:
		return lang.Float(w.Lang, d.Minutes(), 0) + " min"
	case d < 48*time.Hour:
		return lang.Float(w.Lang, d.Hours(), 0) + " h"
	}
	return lang.Float(w.Lang, d.Hours()/24, 0) + " d"
}

// silentCount is how many described sources are silent.
func (c Config) silentCount(w *web.Ctx) (web.Count, error) {
	if c.DB == nil {
		return web.Count{}, nil
	}
	rows, err := c.lines(w)
	n := 0
	for _, r := range rows {
		if r.silent && r.Described && !r.Last.IsZero() {
			n++
		}
	}
	return web.Count{N: n, State: "bad"}, err
}

type onePage struct {
	web.Shell
	line
	About    string
	Path     string // of its record; "" when nobody has described it
	Describe string // address of the form
	CanWrite bool
	CanToken bool
	Reasons  []reason
	Samples  []ingest.Sample
	Hours    []hour
	Evaluated, Matched,
	Repaired, Panics int64
	Size     string
	First    time.Time
	Examples []example
}

type reason struct {
	Name, About string
	N           int64
}

type hour struct {
	At                 time.Time
	Accepted, Rejected int64
	Matched            int64
	Lag, Skew          string
}

// one is the page of a source.
func (c Config) one(w *web.Ctx) (any, error) {
	name := w.R.PathValue("name")
	if err := ingest.CheckSource(name); err != nil {
		return nil, fault.New(fault.NotFound, "There is no source %s.", name).Coded("sources.none")
	}
	lines, err := c.known(w.R.Context(), w.Caller.Org, w.Now)
	if err != nil {
		return nil, err
	}
	described, err := describedBy(w)
	if err != nil {
		return nil, err
	}
	k, e := lines[name], described[name]
	if k == nil && e == nil {
		return nil, fault.New(fault.NotFound, "There is no source %s.", name).Coded("sources.none")
	}
	if k == nil {
		k = &knownSource{Name: name}
	}
	owners := map[string]web.Thing{}
	if e != nil {
		if owners, err = ownersOf(w, map[string]*entity.Entity{name: e}); err != nil {
			return nil, err
		}
	}
	p := &onePage{line: lineOf(w, k, e, owners[name]), CanWrite: canWrite(w), CanToken: w.Can(auth.Admin, auth.Resource{Kind: auth.KindIngestToken})}
	p.Shell.Title, p.Crumbs = p.line.Title, []web.Crumb{{Label: w.T("sources.title"), Href: "/sources"}}
	if e != nil {
		p.Path, p.About = w.Href(e.Ref()), e.Metadata.Description
	} else {
		p.Describe = "/sources/new?metadata.name=" + url.QueryEscape(name)
	}
	p.fill(w, k)
	p.Examples = c.examples(w, name)
	return p, c.hoursOf(w, p)
}

// explained are reasons that have a text of their own.
var explained = []string{ingest.TooLarge, ingest.TooManyFields, ingest.TooDeep, ingest.TooOld, ingest.TooNew, ingest.Empty, ingest.NoFormat, ingest.ParserFailed}

func (p *onePage) fill(w *web.Ctx, k *knownSource) {
	c := k.Counts
	p.Evaluated, p.Matched, p.Repaired, p.Panics, p.First, p.Size = c.Evaluated, c.Matched, c.Repaired, c.Panics, c.First, lang.Bytes(w.Lang, c.Bytes)
	for _, name := range slices.Sorted(maps.Keys(c.Rejected)) {
		r := reason{Name: name, N: c.Rejected[name]}
		if format, ok := strings.CutPrefix(name, "not-"); ok {
			r.About = w.T("sources.reason.not", format)
		} else if slices.Contains(explained, name) {
			r.About = w.T("sources.reason." + name)
		}
		p.Reasons = append(p.Reasons, r)
	}
	p.Samples = k.Samples
}

// hoursOf reads the last two days, the newest hour first.
func (c Config) hoursOf(w *web.Ctx, p *onePage) error {
	if c.DB == nil {
		return nil
	}
	err := eachHour(w.R.Context(), c.DB, w.Caller.Org, w.Now.Add(-48*time.Hour), w.Now, func(h ingest.Hour) {
		if h.Source != p.Name {
			return
		}
		x := hour{At: h.Start, Accepted: h.Counts.Accepted, Rejected: h.Counts.Refused(), Matched: h.Counts.Matched}
		if h.Lag.N() > 0 {
			x.Lag = short(w, h.Lag.Quantile(0.99))
		}
		if h.Skew.N() > 0 {
			x.Skew = short(w, h.Skew.Quantile(0.99))
		}
		p.Hours = append(p.Hours, x)
	})
	slices.Reverse(p.Hours)
	return err
}

// examples are ways to send to a source, ready to be copied.
func (c Config) examples(w *web.Ctx, name string) []example {
	base := c.Base
	if base == "" {
		base = "http://" + w.R.Host
	}
	fill := strings.NewReplacer("BASE", strings.TrimSuffix(base, "/"), "SOURCE", name)
	var out []example
	for _, x := range ways {
		out = append(out, example{x.ID, w.T("sources.way." + x.ID), fill.Replace(x.Text)})
	}
	return out
}

// ways are the addresses of package post, as senders have them.
var ways = []example{
	{ID: "json", Text: `curl -H "Authorization: Bearer $TOKEN" --data-binary @events.jsonl 'BASE/ingest/json?source=SOURCE'`},
	{ID: "filebeat", Text: `output.elasticsearch:
  hosts: ["BASE/ingest/elastic"]
  username: SOURCE
  password: ${TOKEN}
  parameters: {source: SOURCE}
setup.template.enabled: false
setup.ilm.enabled: false`},
	{ID: "loki", Text: `clients:
  - url: BASE/ingest/loki/api/v1/push?source=SOURCE
    bearer_token: TOKEN`},
	{ID: "otlp", Text: `exporters:
  otlphttp:
    logs_endpoint: BASE/ingest/otlp/v1/logs?source=SOURCE
    headers: {Authorization: "Bearer ${env:TOKEN}"}`},
	{ID: "github", Text: `binnacle secret set github-SOURCE
# GitHub → Settings → Webhooks: BASE/ingest/github/SOURCE, application/json, the same secret`},
}
