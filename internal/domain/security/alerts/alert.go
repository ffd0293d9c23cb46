package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// State is how far people are with an alert.
type State string

// The states, in their order. An alert that is closed can be opened again.
const (
	New          State = "new"
	Acknowledged State = "acknowledged"
	InWork       State = "work"
	Closed       State = "closed"
)

// States lists the states in their order.
var States = []State{New, Acknowledged, InWork, Closed}

// Disposition is what an alert turned out to be.
type Disposition string

// The dispositions. Benign is what truly happened and was meant to.
const (
	True   Disposition = "true"
	False  Disposition = "false"
	Benign Disposition = "benign"
)

// Dispositions lists the dispositions.
var Dispositions = []Disposition{True, False, Benign}

// Levels lists levels and severities, the lowest first.
var Levels = []string{"informational", "low", "medium", "high", "critical"}

// rank is the place of a level among Levels; that of medium for one that is not
// known.
func rank(level string) int {
	if i := slices.Index(Levels, level); i >= 0 {
		return i
	}
	return slices.Index(Levels, "medium")
}

// atLeast lists the levels from one on.
func atLeast(level string) []string { return Levels[rank(level):] }

// Alert is what one or more findings of a rule about one group of things say
// together.
type Alert struct {
	Org  string
	No   int64
	Name string // of the finding that opened it
	Rule detect.Told

	GroupKey string // the same for the same group
	Group    []detect.GroupField
	Fields   map[string]any
	Value    float64
	Late     bool // opened by what was found in stored events

	Severity string // follows from Risk
	Risk     int    // 0 to 100
	Reasons  []Reason
	Asset    string   // reference of the thing of the catalog that was hit; "" when none is known
	Tier     int      // of the asset, 1 to 4; 0: not known
	People   []string // references of the people of the catalog that are in it

	Events    int  // that count
	Exact     bool // else there are at least as many
	FirstSeen time.Time
	LastSeen  time.Time

	Created      time.Time
	Acknowledged time.Time // zero: not yet
	Closed       time.Time // zero while it is open

	Standing
}

// Standing is what people decide about an alert.
type Standing struct {
	State       State
	Assignee    string // reference of a person, or a name; "": nobody
	Disposition Disposition
	Reason      string // why it was closed
	Case        string // name of the case it belongs to
}

// ID is what people call an alert: AL-2291.
func (a *Alert) ID() string { return idOf(a.No) }

func idOf(no int64) string { return "AL-" + strconv.FormatInt(no, 10) }

// ParseID reads AL-2291 or 2291.
func ParseID(s string) (int64, error) {
	text := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(s)), "AL-")
	no, err := strconv.ParseInt(text, 10, 64)
	if err != nil || no < 1 {
		return 0, fault.New(fault.Invalid, "%q is no number of an alert", s).Coded("alerts.number").WithHint("write it as AL-12")
	}
	return no, nil
}

// ParseIDs reads the numbers of alerts; there is at least one.
func ParseIDs(list []string) ([]int64, error) {
	if len(list) == 0 {
		return nil, fault.Bad("no alert is named", fault.Problem{Field: "alerts", Code: "required", Msg: "is required"}).Coded("alerts.which")
	}
	out := make([]int64, len(list))
	for i, s := range list {
		no, err := ParseID(s)
		if err != nil {
			return nil, err
		}
		out[i] = no
	}
	return out, nil
}

// Path is the address of an alert's page.
func (a *Alert) Path() string { return "/alerts/" + a.ID() }

// Open reports whether somebody has still to do something.
func (a *Alert) Open() bool { return a.State != Closed }

const columns = `org, no, name, told, group_key, grouped, fields, value, late, severity, risk, reasons, asset, tier, people, events, exact, first_seen, last_seen,
	created, acknowledged, closed, state, assignee, disposition, reason, case_name`

func scanAlert(r sqldb.Row) (*Alert, error) {
	a := &Alert{}
	var told, group, fields, reasons, people string
	var late, exact, first, last, created, acknowledged, closed int64
	err := r.Scan(&a.Org, &a.No, &a.Name, &told, &a.GroupKey, &group, &fields, &a.Value, &late, &a.Severity, &a.Risk, &reasons, &a.Asset, &a.Tier, &people,
		&a.Events, &exact, &first, &last, &created, &acknowledged, &closed, &a.State, &a.Assignee, &a.Disposition, &a.Reason, &a.Case)
	if err != nil {
		return nil, err
	}
	a.Late, a.Exact = late != 0, exact != 0
	a.FirstSeen, a.LastSeen, a.Created, a.Acknowledged, a.Closed = sqldb.Time(first), sqldb.Time(last), sqldb.Time(created), sqldb.Time(acknowledged), sqldb.Time(closed)
	return a, errors.Join(decode(told, &a.Rule), decode(group, &a.Group), decode(fields, &a.Fields), decode(reasons, &a.Reasons), decode(people, &a.People))
}

func decode(text string, to any) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), to)
}

func encode(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return "null" // what was decoded from JSON, or is of our own types
	}
	return string(data)
}

// query reads alerts.
func query(ctx context.Context, q sqldb.Querier, where string, args ...any) ([]*Alert, error) {
	list, err := sqldb.All(ctx, q, scanAlert, `SELECT `+columns+` FROM alerts WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	return list, nil
}

// get reads one alert; a NotFound fault when there is none.
func get(ctx context.Context, q sqldb.Querier, org string, no int64) (*Alert, error) {
	list, err := query(ctx, q, `org = ? AND no = ?`, org, no)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.NotFound, "there is no alert %s", idOf(no)).Coded("alerts.none")
	}
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// became is what of an alert changes when people act, kept with every change so
// that an alert is known as of any moment.
type became struct {
	State        State       `json:"state"`
	Assignee     string      `json:"assignee,omitempty"`
	Disposition  Disposition `json:"disposition,omitempty"`
	Reason       string      `json:"reason,omitempty"`
	Case         string      `json:"case,omitempty"`
	Acknowledged time.Time   `json:"acknowledged,omitzero"`
	Closed       time.Time   `json:"closed,omitzero"`
	Severity     string      `json:"severity"`
	Level        string      `json:"level"`
	Risk         int         `json:"risk"`
	Asset        string      `json:"asset,omitempty"`
	Tier         int         `json:"tier,omitempty"`
}

func (a *Alert) became() became {
	return became{a.State, a.Assignee, a.Disposition, a.Reason, a.Case, a.Acknowledged, a.Closed, a.Severity, a.Rule.Level, a.Risk, a.Asset, a.Tier}
}

// Change is one entry of what was done to an alert. The feed tells it to those who
// follow, and the audit log says who did it; what an alert was at a moment is read
// from here, where each change has what the alert became: an alert is no entity
// and has no revisions.
type Change struct {
	Seq     int64
	At      time.Time
	Account string
	Actor   string // the name of who did it, as it was then
	Act     string // as "closed"
	Value   string // to what
	Note    string

	became string
}

// log appends a change of an alert.
func (a *Alert) log(ctx context.Context, tx *sqldb.Tx, c Change) error {
	_, err := tx.Exec(ctx, `INSERT INTO alert_changes (org, no, seq, at, account, actor, act, value, note, became)
		SELECT ?, ?, coalesce(max(seq), 0) + 1, ?, ?, ?, ?, ?, ?, ? FROM alert_changes WHERE org = ? AND no = ?`,
		a.Org, a.No, sqldb.Micros(c.At), c.Account, c.Actor, c.Act, c.Value, c.Note, encode(a.became()), a.Org, a.No)
	if err != nil {
		return fmt.Errorf("alerts: log %s: %w", a.ID(), err)
	}
	return nil
}

// save writes what of an alert changes when people act.
func (a *Alert) save(ctx context.Context, tx *sqldb.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE alerts SET acknowledged = ?, closed = ?, state = ?, assignee = ?, disposition = ?, reason = ?, case_name = ? WHERE org = ? AND no = ?`,
		sqldb.Micros(a.Acknowledged), sqldb.Micros(a.Closed), a.State, a.Assignee, a.Disposition, a.Reason, a.Case, a.Org, a.No)
	if err != nil {
		return fmt.Errorf("alerts: save %s: %w", a.ID(), err)
	}
	return nil
}

// rate writes what of an alert changes when its rule says that it is graver.
func (a *Alert) rate(ctx context.Context, tx *sqldb.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE alerts SET told = ?, level = ?, title = ?, severity = ?, risk = ?, reasons = ? WHERE org = ? AND no = ?`,
		encode(a.Rule), a.Rule.Level, a.Rule.Title, a.Severity, a.Risk, encode(a.Reasons), a.Org, a.No)
	if err != nil {
		return fmt.Errorf("alerts: rate %s: %w", a.ID(), err)
	}
	return nil
}

func (a *Alert) insert(ctx context.Context, tx *sqldb.Tx) error {
	_, err := tx.Exec(ctx, `INSERT INTO alerts (org, no, name, rule, title, told, level, group_key, grouped, fields, value, late, severity, risk, reasons, asset, tier, people, events, exact,
		first_seen, last_seen, created, acknowledged, closed, state, assignee, disposition, reason, case_name)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.Org, a.No, a.Name, a.Rule.ID, a.Rule.Title, encode(a.Rule), a.Rule.Level, a.GroupKey, encode(a.Group), encode(a.Fields), a.Value, flag(a.Late), a.Severity, a.Risk, encode(a.Reasons),
		a.Asset, a.Tier, encode(a.People), a.Events, flag(a.Exact), sqldb.Micros(a.FirstSeen), sqldb.Micros(a.LastSeen), sqldb.Micros(a.Created), sqldb.Micros(a.Acknowledged), sqldb.Micros(a.Closed),
		a.State, a.Assignee, a.Disposition, a.Reason, a.Case)
	if err != nil {
		return fmt.Errorf("alerts: open %s: %w", a.ID(), err)
	}
	return nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// changes returns what was done to an alert, the oldest first.
func changes(ctx context.Context, q sqldb.Querier, org string, no int64) ([]Change, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (c Change, err error) {
		var at int64
		err = r.Scan(&c.Seq, &at, &c.Account, &c.Actor, &c.Act, &c.Value, &c.Note, &c.became)
		c.At = sqldb.Time(at)
		return c, err
	}, `SELECT seq, at, account, actor, act, value, note, became FROM alert_changes WHERE org = ? AND no = ? ORDER BY seq`, org, no)
}

// mostKept is how many events of an alert are kept by their ids. The events
// themselves stay in the event engine.
const mostKept = 1000

// events returns the kept events of an alert, the oldest first.
func events(ctx context.Context, q sqldb.Querier, org string, no int64) ([]detect.Seen, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (s detect.Seen, err error) {
		var at int64
		err = r.Scan(&s.ID, &at, &s.Source)
		s.Time = sqldb.Time(at)
		return s, err
	}, `SELECT event, at, source FROM alert_events WHERE org = ? AND no = ? ORDER BY at, event`, org, no)
}
