package strategy

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/forecast"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/web"
)

// forecastMigrations makes the table of forecasts made. Days are those of the
// distribution; what was shown is widened.
func forecastMigrations() []sqldb.Migration {
	return []sqldb.Migration{{Name: "strategy/001-forecasts", SQL: `
CREATE TABLE strategy_forecasts (
  org TEXT NOT NULL, uid TEXT NOT NULL, at BIGINT NOT NULL, asof BIGINT NOT NULL, ref TEXT NOT NULL,
  items_open BIGINT NOT NULL, items_done BIGINT NOT NULL, remaining DOUBLE PRECISION NOT NULL, days TEXT NOT NULL, widen DOUBLE PRECISION NOT NULL,
  want_by BIGINT NOT NULL, chance DOUBLE PRECISION NOT NULL, critical DOUBLE PRECISION NOT NULL, simulated BIGINT NOT NULL,
  why TEXT NOT NULL, why_of TEXT NOT NULL, teams TEXT NOT NULL, cdf TEXT NOT NULL, hash TEXT NOT NULL, seed TEXT NOT NULL, rule TEXT NOT NULL,
  finished BIGINT NOT NULL, PRIMARY KEY (org, uid, at))
;;
CREATE INDEX strategy_forecasts_finished ON strategy_forecasts (org, finished)
`}}
}

// Made is a forecast as it was made and kept.
type Made struct {
	UID, Ref string
	At       time.Time
	Outlook
	Days     [4]int // ahead of AsOf at each of forecast.Levels, before they were widened; -1 for none
	WantBy   time.Time
	Chance   float64 // of being done by WantBy; -1 without one
	Rule     string
	Finished time.Time // the day it was done; zero while it is not
}

// made returns an outlook as it is kept.
func made(in *initiative, at time.Time) Made {
	m := Made{UID: in.Metadata.UID, Ref: in.Ref().String(), At: at.UTC().Truncate(time.Microsecond), Outlook: *in.outlook, WantBy: dayOfText(in.Spec.WantBy), Chance: -1, Rule: forecastRule}
	for i, p := range forecast.Levels {
		m.Days[i] = -1
		if day, ok := m.Dist.Day(p); ok && m.Known() {
			m.Days[i] = day
		}
	}
	if m.Known() && !m.WantBy.IsZero() {
		m.Chance = math.Round(m.By(m.WantBy)*1e6) / 1e6
	}
	return m
}

// same reports whether a forecast says what an earlier one said, from the same
// inputs. That there is none is said once.
func (m Made) same(o Made) bool {
	if m.Why != "" && m.Why == o.Why && m.WhyOf == o.WhyOf {
		return true
	}
	return m.AsOf.Equal(o.AsOf) && m.Hash == o.Hash && m.Why == o.Why && m.WhyOf == o.WhyOf && m.WantBy.Equal(o.WantBy) && m.Open == o.Open && m.Done == o.Done && m.Rule == o.Rule
}

const madeColumns = `uid, at, asof, ref, items_open, items_done, remaining, days, widen, want_by, chance, critical, simulated, why, why_of, teams, cdf, hash, seed, rule, finished`

func (m Made) insert(ctx context.Context, tx *sqldb.Tx, org string) error {
	days, err := json.Marshal(m.Days)
	if err != nil {
		return err
	}
	teams, err := json.Marshal(m.Teams)
	if err != nil {
		return err
	}
	simulated := 0
	if m.Simulated {
		simulated = 1
	}
	_, err = tx.Exec(ctx, `INSERT INTO strategy_forecasts (org, `+madeColumns+`) VALUES `+sqldb.In(22),
		org, m.UID, sqldb.Micros(m.At), sqldb.Micros(m.AsOf), m.Ref, m.Open, m.Done, m.Remaining, string(days), m.Widen, sqldb.Micros(m.WantBy), m.Chance, m.Critical, simulated,
		m.Why, m.WhyOf, string(teams), packDist(m.Dist), m.Hash, strconv.FormatUint(m.Seed, 16), m.Rule, sqldb.Micros(m.Finished))
	return err
}

// keptPoints is how many chances of a distribution are kept. A longer one is
// kept by every second, third, … day: what is years away need not be told apart
// by days.
const keptPoints = 500

// packDist writes a distribution with five decimals: after how many days it
// begins, how many days lie between its chances, and these.
func packDist(d forecast.Dist) string {
	first := 0
	for first <= d.Last() && d.By(first) < 5e-6 {
		first++
	}
	step := max(1, (d.Last()-first+keptPoints)/keptPoints)
	list := []float64{float64(first), float64(step)}
	for day := first; day < d.Last()+step && d.Known(); day += step {
		list = append(list, math.Round(d.By(day)*1e5)/1e5)
	}
	data, _ := json.Marshal(list) // numbers
	return string(data)
}

// unpackDist reads one. Between two days that were kept the chance is that of
// the first, so that nothing is promised that was not.
func unpackDist(s string) (forecast.Dist, error) {
	var list []float64
	if err := json.Unmarshal([]byte(s), &list); err != nil || len(list) < 2 || list[0] < 0 || list[1] < 1 || list[0]+list[1]*float64(len(list)) > 4*forecast.MaxDays {
		return forecast.Dist{}, fmt.Errorf("a kept distribution cannot be read: %.40q", s)
	}
	if len(list) == 2 {
		return forecast.Dist{}, nil
	}
	byDay := make([]float64, int(list[0]))
	for i, p := range list[2:] {
		byDay = append(byDay, p)
		for day := 1; day < int(list[1]) && i < len(list)-3; day++ {
			byDay = append(byDay, p)
		}
	}
	return forecast.FromChances(byDay), nil
}

// readMade reads forecasts.
func readMade(ctx context.Context, q sqldb.Querier, where string, args ...any) ([]Made, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (m Made, err error) {
		var at, asof, wantBy, finished, simulated int64
		var days, teams, cdf, seed string
		if err := r.Scan(&m.UID, &at, &asof, &m.Ref, &m.Open, &m.Done, &m.Remaining, &days, &m.Widen, &wantBy, &m.Chance, &m.Critical, &simulated, &m.Why, &m.WhyOf, &teams, &cdf, &m.Hash, &seed, &m.Rule, &finished); err != nil {
			return m, err
		}
		m.At, m.AsOf, m.WantBy, m.Finished, m.Simulated = sqldb.Time(at), sqldb.Time(asof), sqldb.Time(wantBy), sqldb.Time(finished), simulated != 0
		if err := cmp.Or(json.Unmarshal([]byte(days), &m.Days), json.Unmarshal([]byte(teams), &m.Teams)); err != nil {
			return m, err
		}
		if m.Dist, err = unpackDist(cdf); err != nil {
			return m, err
		}
		m.Seed, err = strconv.ParseUint(seed, 16, 64)
		return m, err
	}, `SELECT `+madeColumns+` FROM strategy_forecasts `+where, args...)
}

// newest returns the last forecast of each initiative, by its identity.
func newest(ctx context.Context, q sqldb.Querier, org string) (map[string]Made, error) {
	list, err := readMade(ctx, q, `f WHERE org = ? AND at = (SELECT MAX(at) FROM strategy_forecasts l WHERE l.org = f.org AND l.uid = f.uid)`, org)
	out := map[string]Made{}
	for _, m := range list {
		out[m.UID] = m
	}
	return out, err
}

// unlikelyCount counts the initiatives that are unlikely to meet their day.
func unlikelyCount(c *web.Ctx) (web.Count, error) {
	var n int
	err := c.Catalog().DB().QueryRow(c.R.Context(), `SELECT count(*) FROM strategy_forecasts f WHERE org = ? AND finished = 0 AND chance >= 0 AND chance < ?
		AND at = (SELECT MAX(at) FROM strategy_forecasts l WHERE l.org = f.org AND l.uid = f.uid)
		AND EXISTS (SELECT 1 FROM entities e WHERE e.org = f.org AND e.uid = f.uid AND e.deleted = 0)`, c.Caller.Org, unlikely).Scan(&n)
	if n == 0 {
		return web.Count{}, err
	}
	return web.Count{N: n, State: "warn"}, err
}

// Record is how good the forecasts were whose end is known.
type Record struct {
	forecast.Calibration
	Shown [4]float64 // hits of the dates as they were shown, widened
}

// calibrated scores the forecasts of an organisation's finished initiatives.
// What was made on the day it was finished or later, or gave no date, is none.
func calibrated(ctx context.Context, q sqldb.Querier, org string) (Record, error) {
	list, err := readMade(ctx, q, `WHERE org = ? AND finished > 0 AND why = '' ORDER BY uid, at`, org)
	if err != nil {
		return Record{}, err
	}
	var raw, shown []forecast.Outcome
	for _, m := range list {
		o := forecast.Outcome{Of: m.UID, Promised: m.Days, Took: daysBetween(m.AsOf, m.Finished), Wanted: !m.WantBy.IsZero(), Chance: m.Chance, Met: !m.Finished.After(m.WantBy)}
		if o.Took <= 0 {
			continue
		}
		raw = append(raw, o)
		for i, day := range o.Promised {
			if day >= 0 {
				o.Promised[i] = int(math.Ceil(float64(day)*m.Widen - 1e-9))
			}
		}
		shown = append(shown, o)
	}
	r := Record{Calibration: forecast.Calibrate(raw)}
	r.Shown = forecast.Calibrate(shown).Hits
	return r, nil
}

// The falls that the morning page tells: below one half, or by more than fifteen
// points since the forecast before.
const (
	unlikely = 0.50
	fall     = 0.15
)

// Unlikely is what the entry "forecast.unlikely" of the feed says: an initiative
// became unlikely to be done by the day it is wanted.
type Unlikely struct {
	Before float64 `json:"before"` // the chance the forecast before gave
	After  float64 `json:"after"`
	WantBy string  `json:"wantBy"`
	Likely string  `json:"likely,omitempty"` // the day of 85 %, when there is one
}

// fell tells whether a chance fell so far that somebody must know.
func fell(before, after Made) (Unlikely, bool) {
	if before.Chance < 0 || after.Chance < 0 || after.Chance >= before.Chance {
		return Unlikely{}, false
	}
	fell := before.Chance-after.Chance > fall && before.WantBy.Equal(after.WantBy) // another day has another chance
	if crossed := before.Chance >= unlikely && after.Chance < unlikely; !crossed && !fell {
		return Unlikely{}, false
	}
	u := Unlikely{Before: before.Chance, After: after.Chance, WantBy: after.WantBy.Format(time.DateOnly)}
	if day := after.Date(forecast.Levels[2]); !day.IsZero() {
		u.Likely = day.Format(time.DateOnly)
	}
	return u, true
}

// Forecast makes the forecasts of an organisation's initiatives anew, keeps
// those that say something else than the last, and scores those of what is
// done. It returns how many were kept. To call it again changes nothing.
func Forecast(ctx context.Context, c *catalog.Catalog, tx *sqldb.Tx, org string) (int, error) {
	c = c.In(tx)
	p, err := loadPlan(ctx, c, catalog.Program(org, "forecast"))
	if err != nil {
		return 0, err
	}
	if err := score(ctx, tx, org, p); err != nil {
		return 0, err
	}
	record, err := calibrated(ctx, tx, org)
	if err != nil {
		return 0, err
	}
	p.widen = record.Widen
	if err := p.foresee(); err != nil {
		return 0, err
	}
	last, err := newest(ctx, tx, org)
	if err != nil {
		return 0, err
	}
	kept := 0
	var entries []*feed.Entry
	for _, in := range p.initiatives {
		m, before := made(in, p.now), last[in.Metadata.UID]
		if in.Spec.State == InitiativeDone || m.same(before) || !m.At.After(before.At) {
			continue
		}
		if err := m.insert(ctx, tx, org); err != nil {
			return kept, err
		}
		kept++
		if u, ok := fell(before, m); ok {
			data, err := json.Marshal(u)
			if err != nil {
				return kept, err
			}
			entries = append(entries, &feed.Entry{Org: org, At: p.now, Type: "forecast.unlikely", Ref: m.Ref, UID: m.UID, Actor: "system", Data: data})
		}
	}
	return kept, feed.Append(ctx, tx, entries...)
}

// score notes the day that initiatives were done on in their forecasts.
func score(ctx context.Context, tx *sqldb.Tx, org string, p *plan) error {
	for _, in := range p.initiatives {
		var day time.Time
		if in.Spec.State == InitiativeDone {
			day = dayOfText(in.Spec.End)
		}
		if _, err := tx.Exec(ctx, `UPDATE strategy_forecasts SET finished = ? WHERE org = ? AND uid = ? AND finished <> ?`, sqldb.Micros(day), org, in.Metadata.UID, sqldb.Micros(day)); err != nil {
			return err
		}
	}
	return nil
}

// forecastTypes are the entries of the feed after which forecasts are made anew.
var forecastTypes = []string{"observed." + workTable.Name, "entity.*"}

// forecastWatch makes forecasts anew when work was reported or the roadmap
// changed.
func forecastWatch(c *catalog.Catalog) feed.Watch {
	return feed.Watch{Name: "strategy/forecast", Types: forecastTypes, Batch: 1000, Handle: func(ctx context.Context, tx *sqldb.Tx, batch []feed.Entry) error {
		var orgs []string
		for _, e := range batch {
			if concerns(e) && !slices.Contains(orgs, e.Org) {
				orgs = append(orgs, e.Org)
			}
		}
		for _, org := range orgs {
			if _, err := Forecast(ctx, c, tx, org); err != nil {
				return err
			}
		}
		return nil
	}}
}

// concerns reports whether forecasts may follow from an entry.
func concerns(e feed.Entry) bool {
	if e.Type == forecastTypes[0] {
		return true
	}
	for _, kind := range []string{"initiative:", "dependency:", "blackout:"} {
		if len(e.Ref) > len(kind) && e.Ref[:len(kind)] == kind {
			return true
		}
	}
	return false
}

// forecastSchedule makes forecasts anew every day: a report that says the same
// as the one before makes no entry in the feed, and a day less is left.
func forecastSchedule(c *catalog.Catalog) feed.Schedule {
	return feed.Schedule{Name: "strategy/forecast", Every: 24 * time.Hour, Jitter: time.Hour, Run: func(ctx context.Context) error {
		orgs, err := c.Orgs(ctx, "Initiative")
		if err != nil {
			return err
		}
		for _, org := range orgs {
			err := c.DB().Tx(ctx, func(tx *sqldb.Tx) error { _, err := Forecast(ctx, c, tx, org); return err })
			if err != nil {
				return fmt.Errorf("forecasts of %s: %w", org, err)
			}
		}
		return nil
	}}
}

// Forecasts returns the forecasts made of an initiative, by its identity, the
// newest first.
func Forecasts(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, uid string) ([]Made, error) {
	if err := caller.Can(auth.Read, auth.Resource{Room: Room}); err != nil {
		return nil, err
	}
	return readMade(ctx, c.DB(), `WHERE org = ? AND uid = ? ORDER BY at DESC`, caller.Org, uid)
}

// Calibration returns how good an organisation's forecasts were.
func Calibration(ctx context.Context, c *catalog.Catalog, caller catalog.Caller) (Record, error) {
	if err := caller.Can(auth.Read, auth.Resource{Room: Room}); err != nil {
		return Record{}, err
	}
	return calibrated(ctx, c.DB(), caller.Org)
}
