package alerts

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Desk takes findings and makes alerts of them, and does to alerts what people
// decide. It is safe for concurrent use.
type Desk struct {
	Config
	catalog *catalog.Catalog
}

// NewDesk returns a desk over a migrated database.
func NewDesk(c *catalog.Catalog, cfg Config) *Desk {
	if cfg.Window == 0 {
		cfg.Window = 24 * time.Hour
	}
	if cfg.Notify == nil {
		cfg.Notify = func() {}
	}
	return &Desk{cfg, c}
}

// chunk is how many findings are taken in one transaction.
const chunk = 50

// Take makes alerts of findings. A finding is known by its name: taken again, it
// adds what it has more than before and changes nothing else. A new one joins
// the open alert of the same rule and group that is at most Config.Window away;
// without one it opens an alert, unless somebody suppressed it.
func (d *Desk) Take(ctx context.Context, findings []detect.Finding) error {
	for part := range slices.Chunk(findings, chunk) {
		orgs := map[string][]*detect.Finding{}
		for i := range part {
			f := &part[i]
			if f.Org == "" || f.Name == "" || f.Rule.ID == "" {
				return fault.New(fault.Invalid, "the finding %q of the rule %q is incomplete: it needs an organisation, a name and a rule", f.Name, f.Rule.ID).Coded("alerts.finding")
			}
			orgs[f.Org] = append(orgs[f.Org], f)
		}
		for org, list := range orgs {
			if err := d.take(ctx, org, list); err != nil {
				return fmt.Errorf("alerts: take: %w", err)
			}
		}
	}
	return nil
}

func (d *Desk) take(ctx context.Context, org string, findings []*detect.Finding) error {
	var opened bool
	err := d.catalog.DB().Tx(ctx, func(tx *sqldb.Tx) error {
		t := &taking{d: d, ctx: ctx, tx: tx, org: org, at: d.catalog.Now().UTC(), findings: map[string]*known{}, alerts: map[int64]*target{}}
		if _, err := next(ctx, tx, org, "alert", 0); err != nil { // findings of an organisation are taken one after the other
			return err
		}
		if err := t.all(findings); err != nil {
			return err
		}
		opened = len(t.entries) > 0
		return feed.Append(ctx, tx, t.entries...)
	})
	if err == nil && opened {
		d.Notify()
	}
	return err
}

// Bounds of what is kept of a finding. Senders write what they like: texts are
// made such that every database takes them, and long ones are cut.
const (
	longestText = 1000 // bytes
	mostFields  = 100
)

// tidy makes a text storable.
func tidy(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "�")
	if len(s) > longestText {
		s = strings.ToValidUTF8(s[:longestText], "") + "…"
	}
	return s
}

// complete returns a finding that says at least what its rule is called and how
// grave it is, in texts that can be stored.
func complete(f *detect.Finding) *detect.Finding {
	c := *f
	c.Name, c.Rule.ID, c.Rule.Title = tidy(c.Name), tidy(c.Rule.ID), tidy(cmp.Or(c.Rule.Title, c.Rule.ID))
	if !slices.Contains(Levels, c.Rule.Level) {
		c.Rule.Level = "medium"
	}
	c.Group = slices.Clone(f.Group)
	for i, g := range c.Group {
		c.Group[i] = detect.GroupField{Name: tidy(g.Name), Value: tidy(g.Value)}
	}
	c.Events = slices.Clone(f.Events)
	for i, e := range c.Events {
		c.Events[i].ID, c.Events[i].Source = tidy(e.ID), tidy(e.Source)
	}
	c.About = slices.Clone(f.About)
	for i, g := range c.About {
		c.About[i] = detect.GroupField{Name: tidy(g.Name), Value: tidy(g.Value)}
	}
	c.Fields = map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(f.Fields)) {
		if len(c.Fields) == mostFields {
			break
		}
		var values []string
		for _, s := range texts(f.Fields[name]) {
			if len(values) < mostFields {
				values = append(values, tidy(s))
			}
		}
		if c.Fields[tidy(name)] = values; len(values) == 1 {
			c.Fields[tidy(name)] = values[0]
		}
	}
	return &c
}

// next returns the next number of what an organisation counts; with an add of 0
// it only holds the others up.
func next(ctx context.Context, tx *sqldb.Tx, org, what string, add int) (no int64, err error) {
	err = tx.QueryRow(ctx, `INSERT INTO alert_heads (org, what, no) VALUES (?, ?, ?) ON CONFLICT (org, what) DO UPDATE SET no = alert_heads.no + excluded.no RETURNING no`, org, what, add).Scan(&no)
	return no, err
}

// span is from the first to the last event of a finding, as far as they are
// known.
func span(f *detect.Finding) (since, until time.Time) {
	for _, e := range f.Events {
		since, until = earlier(since, e.Time), later(until, e.Time)
	}
	if since.IsZero() || f.More > 0 {
		since = earlier(since, f.Start)
	}
	if until.IsZero() {
		until = f.End
	}
	return since, until
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// groupKey is the same for the same group, in whatever order its fields come.
func groupKey(group []detect.GroupField) string {
	list := slices.Clone(group)
	slices.SortFunc(list, func(a, b detect.GroupField) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
	})
	sum := sha256.Sum256([]byte(encode(list)))
	return hex.EncodeToString(sum[:12])
}

// entry is what the feed tells of an alert; note is what somebody said with it.
func (a *Alert) entry(act string, at time.Time, account, note string) *feed.Entry {
	data, _ := json.Marshal(told{Alert: a.ID(), Title: a.Rule.Title, Rule: a.Rule.ID, Level: a.Rule.Level, Severity: a.Severity, Risk: a.Risk, State: a.State, Asset: a.Asset,
		Assignee: a.Assignee, Disposition: a.Disposition, Case: a.Case, Path: a.Path(), Note: note})
	return &feed.Entry{Org: a.Org, At: at, Type: "alert." + act, UID: "alert/" + a.ID(), Actor: account, Data: data}
}

// told is what entries of the feed and webhooks hold of an alert.
type told struct {
	Alert       string      `json:"alert"`
	Title       string      `json:"title"`
	Rule        string      `json:"rule"`
	Level       string      `json:"level"`
	Severity    string      `json:"severity"`
	Risk        int         `json:"risk"`
	State       State       `json:"state"`
	Asset       string      `json:"asset,omitempty"`
	Assignee    string      `json:"assignee,omitempty"`
	Disposition Disposition `json:"disposition,omitempty"`
	Case        string      `json:"case,omitempty"`
	Path        string      `json:"path"`
	Note        string      `json:"note,omitempty"`
}
