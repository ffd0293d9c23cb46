package sources

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// migrations are the tables of what sources sent: by the hour, and in all. Each
// node writes rows of its own. They are no table of package observe, which keeps
// what a thing was until a report says otherwise: these are sums that are added to.
func migrations() []sqldb.Migration {
	return []sqldb.Migration{{Name: "sources/001", SQL: `
CREATE TABLE source_hours (
  org TEXT NOT NULL, source TEXT NOT NULL, hour BIGINT NOT NULL, node TEXT NOT NULL,
  accepted BIGINT NOT NULL, stored BIGINT NOT NULL, duplicate BIGINT NOT NULL, rejected BIGINT NOT NULL, dropped BIGINT NOT NULL,
  evaluated BIGINT NOT NULL, matched BIGINT NOT NULL, bytes BIGINT NOT NULL, seen BIGINT NOT NULL, happened BIGINT NOT NULL,
  lag TEXT NOT NULL, skew TEXT NOT NULL, PRIMARY KEY (org, source, hour, node))
;;
CREATE INDEX source_hours_hour ON source_hours (org, hour)
;;
CREATE TABLE source_totals (
  org TEXT NOT NULL, source TEXT NOT NULL, node TEXT NOT NULL, counts TEXT NOT NULL, samples TEXT NOT NULL, updated BIGINT NOT NULL, PRIMARY KEY (org, source, node))`}}
}

// Recorder writes what an Intake counts to the database.
type Recorder struct {
	DB     *sqldb.DB
	Intake *ingest.Intake
	Log    *slog.Logger

	told map[string]string // what source_totals has, by org and source
}

const recordEvery = 15 * time.Second

// Run records until ctx ends, and then once more.
func (r *Recorder) Run(ctx context.Context) {
	for {
		select {
		case <-time.After(recordEvery):
			r.try(ctx)
		case <-ctx.Done():
			last, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer stop()
			r.try(last)
			return
		}
	}
}

func (r *Recorder) try(ctx context.Context) {
	if err := r.Record(ctx); err != nil && ctx.Err() == nil {
		r.Log.Error("what sources sent could not be recorded; this is tried again", "error", err)
	}
}

// Record writes what was counted since the last time.
func (r *Recorder) Record(ctx context.Context) error {
	node := strconv.FormatUint(r.Intake.State().Node, 16)
	hours := r.Intake.Hours()
	err := r.DB.Tx(ctx, func(tx *sqldb.Tx) error {
		for _, h := range hours {
			if err := addHour(ctx, tx, node, h); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		r.Intake.Return(hours)
		return err
	}
	return r.totals(ctx, node)
}

// addHour adds to an hour, whose row only this node writes.
func addHour(ctx context.Context, tx *sqldb.Tx, node string, h ingest.Hour) error {
	var lag, skew string
	err := tx.QueryRow(ctx, `SELECT lag, skew FROM source_hours WHERE org = ? AND source = ? AND hour = ? AND node = ?`, h.Org, h.Source, sqldb.Micros(h.Start), node).Scan(&lag, &skew)
	if err != nil && !errors.Is(err, sqldb.ErrNoRows) {
		return err
	}
	h.Lag.Add(spread(lag))
	h.Skew.Add(spread(skew))
	c := h.Counts
	_, err = tx.Exec(ctx, `INSERT INTO source_hours (org, source, hour, node, accepted, stored, duplicate, rejected, dropped, evaluated, matched, bytes, seen, happened, lag, skew) VALUES `+sqldb.In(16)+`
		ON CONFLICT (org, source, hour, node) DO UPDATE SET accepted = source_hours.accepted + excluded.accepted, stored = source_hours.stored + excluded.stored, duplicate = source_hours.duplicate + excluded.duplicate,
		rejected = source_hours.rejected + excluded.rejected, dropped = source_hours.dropped + excluded.dropped, evaluated = source_hours.evaluated + excluded.evaluated, matched = source_hours.matched + excluded.matched,
		bytes = source_hours.bytes + excluded.bytes, seen = CASE WHEN source_hours.seen > excluded.seen THEN source_hours.seen ELSE excluded.seen END,
		happened = CASE WHEN source_hours.happened > excluded.happened THEN source_hours.happened ELSE excluded.happened END, lag = excluded.lag, skew = excluded.skew`,
		h.Org, h.Source, sqldb.Micros(h.Start), node, c.Accepted, c.Stored, c.Duplicate, c.Refused(), c.Dropped, c.Evaluated, c.Matched, c.Bytes, sqldb.Micros(c.Last), sqldb.Micros(c.LastEvent),
		encode(h.Lag), encode(h.Skew))
	return err
}

func encode(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return "" // numbers always have a form
	}
	return string(data)
}

func spread(text string) (s ingest.Spread) {
	if text != "" {
		_ = json.Unmarshal([]byte(text), &s) // written by encode
	}
	return s
}

// totals writes the counts of the sources that have changed.
func (r *Recorder) totals(ctx context.Context, node string) error {
	if r.told == nil {
		r.told = map[string]string{}
	}
	return r.DB.Tx(ctx, func(tx *sqldb.Tx) error {
		for _, s := range r.Intake.Sources("") {
			counts := encode(s.Counts)
			if key := s.Org + "\x00" + s.Name; r.told[key] != counts {
				if _, err := tx.Exec(ctx, `INSERT INTO source_totals (org, source, node, counts, samples, updated) VALUES (?, ?, ?, ?, ?, ?)
					ON CONFLICT (org, source, node) DO UPDATE SET counts = excluded.counts, samples = excluded.samples, updated = excluded.updated`,
					s.Org, s.Name, node, counts, encode(s.Samples), sqldb.Micros(time.Now())); err != nil {
					return err
				}
				r.told[key] = counts
			}
		}
		return nil
	})
}

// knownSource is what is known of a source over all nodes.
type knownSource struct {
	Name    string
	Counts  ingest.Counts
	Rate    float64
	Samples []ingest.Sample

	Hourly    [24]float64 // events of the last 24 hours, the oldest first
	Lag, Skew ingest.Spread
	Day       ingest.Counts // of the last 24 hours
}

// known reads what is known of the sources of an organisation, by name.
func (c Config) known(ctx context.Context, org string, now time.Time) (map[string]*knownSource, error) {
	out := map[string]*knownSource{}
	at := func(name string) *knownSource {
		if out[name] == nil {
			out[name] = &knownSource{Name: name}
		}
		return out[name]
	}
	own := ""
	if in := c.intake(); in != nil {
		own = strconv.FormatUint(in.State().Node, 16)
		for _, s := range in.Sources(org) {
			k := at(s.Name)
			k.Counts.Add(s.Counts)
			k.Rate, k.Samples = s.Rate, s.Samples
		}
	}
	if c.DB == nil {
		return out, nil
	}
	err := sqldb.Each(ctx, c.DB, func(r sqldb.Row) error {
		var name, counts, samples string
		if err := r.Scan(&name, &counts, &samples); err != nil {
			return err
		}
		var x ingest.Counts
		var list []ingest.Sample
		if err := errors.Join(json.Unmarshal([]byte(counts), &x), json.Unmarshal([]byte(samples), &list)); err != nil {
			return err
		}
		k := at(name)
		k.Counts.Add(x)
		k.Samples = append(k.Samples, list...)
		return nil
	}, `SELECT source, counts, samples FROM source_totals WHERE org = ? AND node <> ?`, org, own)
	if err != nil {
		return nil, err
	}
	return out, c.hours(ctx, org, now, at)
}

// hours adds the last 24 hours.
func (c Config) hours(ctx context.Context, org string, now time.Time, at func(string) *knownSource) error {
	first := now.UTC().Truncate(time.Hour).Add(-23 * time.Hour)
	add := func(h ingest.Hour) {
		i := int(h.Start.Sub(first) / time.Hour)
		if h.Start.Before(first) || i > 23 {
			return
		}
		k := at(h.Source)
		k.Hourly[i] += float64(h.Counts.Accepted - h.Counts.Dropped)
		k.Day.Add(h.Counts)
		k.Lag.Add(h.Lag)
		k.Skew.Add(h.Skew)
	}
	return eachHour(ctx, c.DB, org, first, now, add)
}

// eachHour reads hours that began in a stretch of time.
func eachHour(ctx context.Context, q sqldb.Querier, org string, from, to time.Time, f func(ingest.Hour)) error {
	return sqldb.Each(ctx, q, func(r sqldb.Row) error {
		h := ingest.Hour{Org: org}
		var hour, rejected, seen, happened int64
		var lag, skew string
		c := &h.Counts
		if err := r.Scan(&h.Source, &hour, &c.Accepted, &c.Stored, &c.Duplicate, &rejected, &c.Dropped, &c.Evaluated, &c.Matched, &c.Bytes, &seen, &happened, &lag, &skew); err != nil {
			return err
		}
		if rejected != 0 {
			c.Rejected = map[string]int64{"": rejected}
		}
		h.Start, c.Last, c.LastEvent, h.Lag, h.Skew = sqldb.Time(hour), sqldb.Time(seen), sqldb.Time(happened), spread(lag), spread(skew)
		f(h)
		return nil
	}, `SELECT source, hour, accepted, stored, duplicate, rejected, dropped, evaluated, matched, bytes, seen, happened, lag, skew FROM source_hours WHERE org = ? AND hour >= ? AND hour <= ? ORDER BY source, hour`,
		org, sqldb.Micros(from), sqldb.Micros(to))
}
