package alerts

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Verb is what somebody does with an alert.
type Verb string

// The verbs.
const (
	Acknowledge Verb = "acknowledge" // I have seen it; it is mine when it is nobody's
	Take        Verb = "take"        // it is mine, and seen
	Assign      Verb = "assign"      // it is another's
	Start       Verb = "start"       // somebody works on it
	Close       Verb = "close"       // it is settled: it needs a disposition and a reason
	Reopen      Verb = "reopen"
	Move        Verb = "move"    // into a case, or out of one
	Comment     Verb = "comment" // somebody says something about it; it stays as it is
)

// Verbs lists the verbs.
var Verbs = []Verb{Acknowledge, Take, Assign, Start, Close, Reopen, Move, Comment}

// Act is what somebody does with alerts.
type Act struct {
	Do          Verb
	To          string // of Assign, a person: a reference or a name; of Move, the name of a case, "" for none
	Disposition Disposition
	Reason      string // of Comment, what is said
}

// longestReason bounds what is said of an alert, in characters.
const longestReason = 2000

// Resource is what authorisation is asked about for alerts.
var Resource = auth.Resource{Room: auth.Security, Kind: "Alert"}

// most is how many alerts are changed in one go.
const most = 1000

// check refuses an act that says too little, whichever alert it is for.
func (a *Act) check() error {
	a.To, a.Reason = strings.TrimSpace(a.To), strings.TrimSpace(a.Reason)
	switch {
	case !slices.Contains(Verbs, a.Do):
		return fault.New(fault.Invalid, "%q is nothing that is done to an alert", a.Do).Coded("alerts.act")
	case a.Do == Assign && (a.To == "" || a.To == NoOne):
		return fault.Bad("nobody is named to assign the alert to", fault.Problem{Field: "to", Code: "required", Msg: "is required"}).Coded("alerts.to")
	case a.Do == Close && !slices.Contains(Dispositions, a.Disposition):
		return fault.Bad("closing an alert asks what it was: true, false or benign", fault.Problem{Field: "disposition", Code: "required", Msg: "is required"}).Coded("alerts.disposition")
	case a.Do == Close && a.Reason == "":
		return fault.Bad("closing an alert asks for a reason", fault.Problem{Field: "reason", Code: "required", Msg: "is required"}).Coded("alerts.reason")
	case a.Do == Comment && a.Reason == "":
		return fault.Bad("a comment needs words", fault.Problem{Field: "reason", Code: "required", Msg: "is required"}).Coded("alerts.comment")
	case utf8.RuneCountInString(a.Reason) > longestReason:
		return fault.New(fault.TooLarge, "what is said of an alert has at most %d characters", longestReason).Coded("alerts.long")
	}
	return nil
}

// Do does something with alerts: with all of them, or, when one cannot be, with
// none. Alerts that are so already are left alone. It returns those that changed.
func (d *Desk) Do(ctx context.Context, caller catalog.Caller, nos []int64, act Act) ([]*Alert, error) {
	if err := caller.Can(auth.Write, Resource); err != nil {
		return nil, err
	}
	if err := act.check(); err != nil {
		return nil, err
	}
	if err := notTooMany(nos); err != nil {
		return nil, err
	}
	var out []*Alert
	err := d.catalog.DB().Tx(ctx, func(tx *sqldb.Tx) (err error) {
		out, err = d.do(ctx, tx, caller, nos, act)
		return err
	})
	if err == nil {
		d.Notify()
	}
	return out, err
}

func notTooMany(nos []int64) error {
	if len(nos) > most {
		return fault.New(fault.TooLarge, "%d alerts are too many for one go; %d are the most", len(nos), most).Coded("alerts.many")
	}
	return nil
}

// do is Do inside a transaction.
func (d *Desk) do(ctx context.Context, tx *sqldb.Tx, caller catalog.Caller, nos []int64, act Act) ([]*Alert, error) {
	if act.Do == Move && act.To != "" {
		if _, err := d.takes(ctx, tx, caller.Org, act.To); err != nil {
			return nil, err
		}
	}
	at := d.catalog.Now().UTC()
	var out []*Alert
	var entries []*feed.Entry
	var moves []move
	var records []*audit.Record
	slices.Sort(nos)
	for _, no := range slices.Compact(nos) {
		a, err := get(ctx, tx, caller.Org, no)
		if err != nil {
			return nil, err
		}
		before := a.Standing
		if err := a.settled(act); err != nil {
			return nil, err
		}
		c, ok := a.apply(caller, act, at)
		if !ok {
			continue
		}
		if err := a.save(ctx, tx); err != nil {
			return nil, err
		}
		if err := a.log(ctx, tx, c); err != nil {
			return nil, err
		}
		out = append(out, a)
		if before.Case != a.Case {
			moves = append(moves, move{a, before.Case})
		}
		entries = append(entries, a.entry(c.Act, at, caller.Account, act.Reason))
		records = append(records, a.record(caller, act, before, at))
	}
	for _, m := range moves {
		told, err := d.logMove(ctx, tx, caller, m, at)
		if err != nil {
			return nil, err
		}
		entries = append(entries, told...)
	}
	if err := feed.Append(ctx, tx, entries...); err != nil {
		return nil, err
	}
	return out, audit.Append(ctx, tx, records...)
}

// settled refuses to close an alert as something else than it was closed as:
// whoever does so has not seen what another said meanwhile.
func (a *Alert) settled(act Act) error {
	if act.Do != Close || a.Open() || a.Disposition == act.Disposition {
		return nil
	}
	return fault.New(fault.Conflict, "%s was closed already, as something else", a.ID()).Coded("alerts.settled").WithHint("see why; to change it, open the alert again first")
}

// apply changes an alert; false when it is so already.
func (a *Alert) apply(caller catalog.Caller, act Act, at time.Time) (c Change, changed bool) {
	c = Change{At: at, Account: caller.Account, Actor: caller.Name, Note: act.Reason}
	before, me := a.Standing, caller.Identity()
	seen := func() {
		if a.Acknowledged.IsZero() {
			a.Acknowledged = at
		}
		if a.State == New {
			a.State = Acknowledged
		}
	}
	switch act.Do {
	case Acknowledge:
		if c.Act = "acknowledged"; a.State != New {
			return c, false
		}
		if seen(); a.Assignee == "" {
			a.Assignee = me
		}
		c.Value = a.Assignee
	case Take, Assign:
		if c.Act = "assigned"; !a.Open() {
			return c, false
		}
		if a.Assignee = Person(act.To); act.Do == Take {
			a.Assignee = me
			seen()
		}
		c.Value = a.Assignee
	case Start:
		if c.Act = "started"; a.State == InWork || !a.Open() {
			return c, false
		}
		if seen(); a.Assignee == "" {
			a.Assignee = me
		}
		a.State, c.Value = InWork, a.Assignee
	case Close:
		if c.Act, c.Value = "closed", string(act.Disposition); !a.Open() {
			return c, false
		}
		seen()
		a.State, a.Disposition, a.Reason, a.Closed = Closed, act.Disposition, act.Reason, at
	case Reopen:
		if c.Act = "reopened"; a.Open() {
			return c, false
		}
		a.State, a.Disposition, a.Reason, a.Closed = InWork, "", "", time.Time{}
	case Move:
		if c.Act, c.Value = "moved", act.To; a.Case == act.To {
			return c, false
		}
		if a.Case = act.To; act.To != "" && a.Open() {
			seen()
			a.State = InWork
			if a.Assignee == "" {
				a.Assignee = me
			}
		}
	case Comment:
		c.Act = "commented"
		return c, true
	}
	return c, a.Standing != before
}

// Person completes the reference of a person; a name that is none stays, and
// NoOne too.
func Person(text string) string {
	if ref, err := entity.ParseRef(text, "user", ""); err == nil && text != NoOne {
		return ref.String()
	}
	return text
}

// record is what the audit log keeps of an act.
func (a *Alert) record(caller catalog.Caller, act Act, before Standing, at time.Time) *audit.Record {
	detail, _ := json.Marshal(map[string]any{"was": before.text(), "is": a.Standing.text(), "reason": act.Reason})
	return &audit.Record{Org: a.Org, At: at, Actor: caller.Account, ActorName: caller.Name, Action: "alert." + string(act.Do), Target: a.ID(), Detail: detail, IP: caller.IP, Via: caller.Via}
}

// text writes a standing on one line.
func (s Standing) text() string {
	parts := []string{string(s.State)}
	for _, p := range []string{s.Assignee, string(s.Disposition), s.Case} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ", ")
}

// Answer is what somebody found out about one of the questions of triage.
type Answer struct {
	Question, Answer string
	At               time.Time
	Actor            string
}

// Answer notes the answer to a question. An earlier one stays in the record; the
// last counts.
func (d *Desk) Answer(ctx context.Context, caller catalog.Caller, no int64, question, answer string) error {
	if err := caller.Can(auth.Write, Resource); err != nil {
		return err
	}
	question, answer = strings.TrimSpace(question), strings.TrimSpace(answer)
	if question == "" || answer == "" {
		return fault.Bad("an answer needs words", fault.Problem{Field: "answer", Code: "required", Msg: "is required"}).Coded("alerts.answer")
	}
	at := d.catalog.Now().UTC()
	return d.catalog.DB().Tx(ctx, func(tx *sqldb.Tx) error {
		a, err := get(ctx, tx, caller.Org, no)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO alert_answers (org, no, seq, question, answer, at, account, actor)
			SELECT ?, ?, coalesce(max(seq), 0) + 1, ?, ?, ?, ?, ? FROM alert_answers WHERE org = ? AND no = ?`,
			a.Org, a.No, question, answer, sqldb.Micros(at), caller.Account, caller.Name, a.Org, a.No)
		if err != nil {
			return err
		}
		detail, _ := json.Marshal(map[string]any{"question": question, "answer": answer})
		return audit.Append(ctx, tx, &audit.Record{Org: a.Org, At: at, Actor: caller.Account, ActorName: caller.Name, Action: "alert.answer", Target: a.ID(), Detail: detail, IP: caller.IP, Via: caller.Via})
	})
}

// answers returns the last answer to each question about an alert.
func answers(ctx context.Context, q sqldb.Querier, org string, no int64) (map[string]Answer, error) {
	out := map[string]Answer{}
	err := sqldb.Each(ctx, q, func(r sqldb.Row) error {
		var x Answer
		var at int64
		err := r.Scan(&x.Question, &x.Answer, &at, &x.Actor)
		x.At = sqldb.Time(at)
		out[x.Question] = x
		return err
	}, `SELECT question, answer, at, actor FROM alert_answers WHERE org = ? AND no = ? ORDER BY seq`, org, no)
	return out, err
}
