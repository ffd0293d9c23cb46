package live

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/eventfile"
)

// canaryMatch is a rule that a canary matched.
type canaryMatch struct {
	mark string
	followed
}

// canary is what was matched by the canaries of one rule.
type canary struct {
	began   time.Time
	matches []followed
}

const (
	// CanarySource is the source that canaries come from.
	CanarySource = event.CanarySource
	// canaryLife is how long the canaries of a correlation may take to come in.
	canaryLife = 10 * time.Minute
	mostCanary = 10_000
)

// Canaries are the examples of the rules of an organisation that are on, as
// events that prove them, and the rules that have none.
func (e *Engine) Canaries(ctx context.Context, org string) (batch ingest.Batch, without []string, err error) {
	rules, err := e.Ruleset(ctx, org)
	if err != nil {
		return batch, nil, err
	}
	lib, err := e.Library()
	if err != nil {
		return batch, nil, err
	}
	batch = ingest.Batch{Org: org, Source: CanarySource, Format: "json"}
	now := e.Now().UTC()
	rules.Entries(func(x *Entry) {
		if err != nil || !x.On || x.under {
			return
		}
		hits := lib.Hits(x.Document)
		if len(hits) == 0 {
			without = append(without, x.Key)
			return
		}
		var records []ingest.Record
		if records, err = marked(hits, x.Key, now); err == nil {
			batch.Records = append(batch.Records, records...)
		}
	})
	return batch, without, err
}

// Sting sends the canaries of an organisation through the door that all events
// come in by, and returns how many rules they are for. What becomes of them,
// Proven tells when they have passed.
func (e *Engine) Sting(ctx context.Context, org string, door ingest.Taker) (rules int, without []string, err error) {
	all, without, err := e.Canaries(ctx, org)
	if err != nil {
		return 0, nil, err
	}
	seen := map[string]bool{}
	for _, r := range all.Records {
		key, _, _ := strings.Cut(r.ID, "/")
		if !seen[key] {
			seen[key] = true
			if err := e.tables.prove(ctx, org, Proof{Rule: key, At: e.Now(), Detail: "sent"}); err != nil {
				return 0, nil, err
			}
		}
	}
	for part := range slices.Chunk(all.Records, 500) {
		b := all
		b.Records = part
		receipt, err := door.Take(ctx, b)
		if err != nil {
			return 0, nil, err
		}
		for _, r := range receipt.Rejected {
			return 0, nil, fmt.Errorf("a canary was refused: %s: %s", r.Reason, r.Detail)
		}
	}
	return len(seen), without, nil
}

// marked makes canaries of examples: each bears the key of the rule, and their
// times are moved so that the newest is of now.
func marked(examples []byte, key string, now time.Time) ([]ingest.Record, error) {
	var list []map[string]json.RawMessage
	var newest time.Time
	err := eventfile.Read(bytes.NewReader(examples), func(ev eventfile.Event) error {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(ev.JSON, &fields); err != nil {
			return err
		}
		list = append(list, fields)
		if t := timeOf(fields); t.After(newest) {
			newest = t
		}
		return nil
	}, func(eventfile.Problem) {})
	if err != nil {
		return nil, err
	}
	var out []ingest.Record
	for i, fields := range list {
		at := now
		if t := timeOf(fields); !t.IsZero() {
			at = now.Add(t.Sub(newest))
		}
		moved := maps.Clone(fields)
		moved["@timestamp"], _ = json.Marshal(at.Format(time.RFC3339Nano)) // a text
		moved[FieldCanary], _ = json.Marshal(key)
		for _, name := range idNames {
			var id string
			if json.Unmarshal(moved[name], &id) == nil && id != "" {
				moved[name], _ = json.Marshal(id + "-" + strconv.FormatInt(now.UnixNano(), 36) + "-" + strconv.Itoa(i))
			}
		}
		data, err := json.Marshal(moved)
		if err != nil {
			return nil, err
		}
		out = append(out, ingest.Record{Data: data, ID: key + "/" + strconv.FormatInt(now.UnixNano(), 36) + "/" + strconv.Itoa(i), Time: at})
	}
	return out, nil
}

// idNames are what events call themselves: another canary is another event.
var idNames = []string{"eventID", "auditID", "uuid", "_document_id", "uid", "event.id"}

// timeNames are where examples say when they were.
var timeNames = []string{"@timestamp", "eventTime", "published", "requestReceivedTimestamp", "stageTimestamp", "TimeCreated", "UtcTime", "timestamp", "ts", "created_at"}

func timeOf(fields map[string]json.RawMessage) time.Time {
	for _, name := range timeNames {
		var text string
		if json.Unmarshal(fields[name], &text) == nil {
			if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
				return t
			}
		}
	}
	return time.Time{}
}

// prove takes what canaries matched. A rule is proven when it matched its own, and
// a correlation when it holds over what its own matched.
func (e *Engine) prove(ctx context.Context, o *organisation, rules *Ruleset, list []canaryMatch) error {
	passed := map[string]bool{}
	o.mu.Lock()
	for _, m := range list {
		entry := rules.entries[m.mark]
		switch {
		case entry == nil:
		case entry.Rule != nil:
			passed[m.mark] = passed[m.mark] || m.rule == m.mark
		case o.collect(m, e.Now()):
			passed[m.mark] = true
		}
	}
	for key, c := range o.canary {
		if passed[key] {
			passed[key] = rules.holds(key, c.matches)
			if passed[key] {
				delete(o.canary, key)
			}
		}
	}
	o.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(passed)) {
		if !passed[key] {
			continue
		}
		if err := e.tables.prove(ctx, o.name, Proof{Rule: key, At: e.Now(), Passed: true, Detail: "found"}); err != nil {
			return err
		}
	}
	return nil
}

// collect keeps what a canary of a correlation matched. The caller holds the lock.
func (o *organisation) collect(m canaryMatch, now time.Time) bool {
	c := o.canary[m.mark]
	if c == nil || now.Sub(c.began) > canaryLife || len(c.matches) > mostCanary {
		c = &canary{began: now}
		o.canary[m.mark] = c
	}
	c.matches = append(c.matches, m.followed)
	return true
}

// holds reports whether a correlation holds over matches.
func (r *Ruleset) holds(key string, matches []followed) bool {
	return slices.ContainsFunc(r.replay(matches, nil, true), func(h hit) bool { return h.Correlation.ID == key })
}
