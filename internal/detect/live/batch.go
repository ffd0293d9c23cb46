package live

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/sigma/correlate"
)

// FieldCanary is a field of events of CanarySource, which are sent to prove that
// a rule finds them: the key of the rule. Nothing else is told of them. Of other
// sources it says nothing, for whoever writes a log could hide in it.
const FieldCanary = "binnacle.canary"

// mostSeen is how many events a finding names.
const mostSeen = 50

// batch is some events on their way through the rules of an organisation.
type batch struct {
	engine     *Engine // nil: nothing is counted
	org        *organisation
	rules      *Ruleset
	indicators *indicators
	late       bool // over stored events

	findings []*detect.Finding
	by       map[string]*detect.Finding // by key
	group    []detect.GroupField        // of the last match
	key      []byte                     // of its finding
	followed []followed
	canaries []canaryMatch
	failed   []time.Time // of events that could not be looked at
}

// followed is a match that correlations follow.
type followed struct {
	rule string
	id   string // of the event, with its time and source
	at   time.Time
	line []byte
}

// quiet reports whether there is nothing to tell.
func (b *batch) quiet() bool {
	return len(b.findings)+len(b.followed)+len(b.canaries)+len(b.failed) == 0
}

// look sets the Rules of events.
func (b *batch) look(events []event.Event) {
	s := b.rules.scan()
	for i := range events {
		if !b.one(s, &events[i]) {
			s = b.rules.scan() // what failed is in no known state
		}
	}
	b.rules.scans.Put(s)
}

// one looks at an event. A mistake of the matcher costs no more than this one.
func (b *batch) one(s *scan, ev *event.Event) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			b.fail(ev, r)
			ok = false
		}
	}()
	rules, err := s.s.MatchMembers(ev.Line, ev.Members)
	if err != nil {
		b.fail(ev, err)
		return true
	}
	if b.engine != nil && !s.s.Routed() {
		b.engine.counts.strays.Add(1)
	}
	var v *fastjson.Value
	if len(rules) > 0 || b.indicators != nil {
		if v, err = s.parser.ParseBytes(ev.Line); err != nil {
			b.fail(ev, err)
			return true
		}
	}
	ev.Rules = nil
	if len(rules) > 0 {
		if mark := canaryOf(ev, v); mark != "" {
			for _, r := range rules {
				b.canaries = append(b.canaries, canaryMatch{mark, b.follow(r.ID, ev)})
			}
			return true
		}
	}
	for n, r := range rules {
		e := b.rules.entries[r.ID]
		if e == nil {
			continue
		}
		ev.Rules = append(ev.Rules, e.Key)
		if b.rules.follow[e.Key] {
			b.followed = append(b.followed, b.follow(e.Key, ev))
		}
		if e.On && !e.under && b.rules.full.Alone(e.Key) {
			b.take(e.Told, e.Group, e.Window, ev, b.rules.fieldsOf(e, v), func() map[string]any { return detect.Found(s.s.Findings(n)) })
		}
	}
	if b.indicators != nil {
		b.indicated(ev, v)
	}
	slices.Sort(ev.Rules)
	return true
}

func (b *batch) fail(ev *event.Event, why any) {
	b.failed = append(b.failed, ev.Time)
	if b.engine == nil {
		return
	}
	b.engine.counts.failed.Add(1)
	b.engine.Log.Error("an event could not be looked at", "organisation", b.org.name, "event", ev.ID, "source", ev.Source, "error", why)
}

// canaryOf is the rule that a canary is for; "" of other events.
func canaryOf(ev *event.Event, v *fastjson.Value) string {
	if ev.Source != CanarySource {
		return ""
	}
	text, _ := correlate.JSON(v)(FieldCanary)
	return text
}

// follow copies what a correlator needs to know of a match.
func (b *batch) follow(rule string, ev *event.Event) followed {
	return followed{rule: rule, id: seenID(ev), at: ev.Time, line: slices.Clone(ev.Line)}
}

// unit parts what is packed into the id of an event for correlators.
const unit = "\x1f"

// seenID is the id of an event with its source and time, so that a hit can say
// them.
func seenID(ev *event.Event) string {
	return ev.ID + unit + ev.Source + unit + strconv.FormatInt(ev.Time.UnixNano(), 36)
}

func seenOf(id string) detect.Seen {
	parts := strings.Split(id, unit)
	if len(parts) != 3 {
		return detect.Seen{ID: id}
	}
	nanos, _ := strconv.ParseInt(parts[2], 36, 64) // written by seenID
	return detect.Seen{ID: parts[0], Source: parts[1], Time: time.Unix(0, nanos).UTC()}
}

// grouping is the fields that findings are grouped by unless the rule is tuned,
// each with what events call it, also where no parser gave it its name.
var grouping = []struct {
	name  string
	names []string
}{
	{event.Host, []string{event.Host, "Computer", "Hostname", "hostname", "agent.hostname", "winlog.computer_name"}},
	{event.User, []string{event.User, "TargetUserName", "User", "SubjectUserName", "userIdentity.userName", "userIdentity.arn", "actor.alternateId", "actor", "user.username"}},
	{event.SourceIP, []string{event.SourceIP, "IpAddress", "SourceIp", "sourceIPAddress", "client.ipAddress", "src_ip", "id.orig_h", "sourceIPs"}},
}

// groupOf appends what a finding is about. Names are those it is grouped by, if
// its rule is tuned so.
func groupOf(out []detect.GroupField, names []string, of func(string) (string, bool)) []detect.GroupField {
	if len(names) > 0 {
		for _, name := range names {
			if v, ok := of(name); ok && v != "" {
				out = append(out, detect.GroupField{Name: name, Value: v})
			}
		}
		return out
	}
	for _, g := range grouping {
		for _, name := range g.names {
			if v, ok := of(name); ok && v != "" && v != "-" {
				out = append(out, detect.GroupField{Name: g.name, Value: v})
				break
			}
		}
	}
	return out
}

// take takes a match into its finding, which is grouped by the fields of some names.
// It asks for what else is to be told of the first alone.
func (b *batch) take(told detect.Told, names []string, window time.Duration, ev *event.Event, of func(string) (string, bool), fields func() map[string]any) {
	b.group = groupOf(b.group[:0], names, of)
	began := ev.Time.UTC().Truncate(window)
	b.key = appendKey(b.key[:0], told.Kind, told.ID, b.group, began)
	f := b.by[string(b.key)]
	if f == nil {
		if b.by == nil {
			b.by = map[string]*detect.Finding{}
		}
		group := append([]detect.GroupField(nil), b.group...) // none is nil
		f = &detect.Finding{Org: b.org.name, Name: nameOf(told.Kind, told.ID, group, began), Rule: told, Group: group, Start: ev.Time, End: ev.Time, Value: 1, Fields: fields(), Late: b.late, About: about(of)}
		b.by[string(b.key)] = f
		b.findings = append(b.findings, f)
	}
	if ev.Time.Before(f.Start) {
		f.Start = ev.Time
	}
	if ev.Time.After(f.End) {
		f.End = ev.Time
	}
	f.Events = append(f.Events, detect.Seen{ID: ev.ID, Time: ev.Time, Source: ev.Source})
}

// about reads what an event happened to.
func about(of func(string) (string, bool)) []detect.GroupField {
	var out []detect.GroupField
	for _, name := range detect.AssetFields {
		if v, ok := of(name); ok && v != "" && v != "-" {
			out = append(out, detect.GroupField{Name: name, Value: v})
		}
	}
	return out
}

// nameOf names a finding by rule, group and window. Of a correlation the window
// is known by the second it ends in.
func nameOf(kind, rule string, group []detect.GroupField, window time.Time) string {
	h := sha256.New()
	for _, text := range []string{kind, rule, groupText(group), window.UTC().Format(time.RFC3339)} {
		h.Write([]byte(strconv.Itoa(len(text)) + ":" + text))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// appendKey appends what is the same for what nameOf gives the same name, and
// sooner known.
func appendKey(key []byte, kind, rule string, group []detect.GroupField, window time.Time) []byte {
	text := func(s string) {
		key = append(append(strconv.AppendInt(key, int64(len(s)), 10), ':'), s...)
	}
	key = append(strconv.AppendInt(key, window.Unix(), 10), ' ') // names tell seconds
	text(kind)
	text(rule)
	for _, g := range group {
		text(g.Name)
		text(g.Value)
	}
	return key
}

// groupText is a group as one text.
func groupText(group []detect.GroupField) string {
	var b strings.Builder
	for _, g := range group {
		b.WriteString(strconv.Quote(g.Name) + "=" + strconv.Quote(g.Value) + " ")
	}
	return strings.TrimSpace(b.String())
}

// finish puts the events of findings in order and leaves out what is too much.
func (b *batch) finish() []detect.Finding {
	out := make([]detect.Finding, 0, len(b.findings))
	for _, f := range b.findings {
		slices.SortStableFunc(f.Events, func(x, y detect.Seen) int { return cmp.Or(x.Time.Compare(y.Time), strings.Compare(x.ID, y.ID)) })
		if n := len(f.Events) - mostSeen; n > 0 {
			f.More, f.Events = n, slices.Clone(f.Events[n:])
		}
		out = append(out, *f)
	}
	return out
}

// tell hands on what was found.
func (b *batch) tell(ctx context.Context) error {
	e, o := b.engine, b.org
	e.counts.matches.Add(int64(len(b.findings) + len(b.followed)))
	if len(b.failed) > 0 {
		if err := e.noteFailed(ctx, o.name, b.failed); err != nil {
			return err
		}
	}
	if len(b.canaries) > 0 {
		if err := e.prove(ctx, o, b.rules, b.canaries); err != nil {
			return err
		}
	}
	if len(b.followed) > 0 {
		if err := e.correlate(ctx, o, b.rules, b.followed); err != nil {
			return err
		}
	}
	return e.deliver(ctx, o, b.finish())
}
