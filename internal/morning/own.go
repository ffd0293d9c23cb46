package morning

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// soon is how many days before its end something that runs out comes up.
const soon = 7

// ownWaiters are those of the kernel: exceptions, disputes, words, and dates of
// every kind.
func ownWaiters() []Waiter {
	return []Waiter{
		{ID: "exceptions", Order: 10, Decides: true, Title: lang.T("Exceptions to decide on", "Excepciones por decidir"), Find: askedExceptions, Done: decidedExceptions},
		{ID: "disputes", Order: 20, Decides: true, Title: lang.T("Disputes to answer", "Objeciones por contestar"), Find: openDisputes},
		{ID: "words", Order: 50, Title: lang.T("Your word is asked for", "Se pide tu palabra"), Find: wantedWords, Done: givenWords},
		{ID: "dates", Order: 60, Title: lang.T("Dates of what you answer for", "Fechas de aquello de lo que respondes"), Find: ownDates},
	}
}

// exceptions lists those in some states, the last changed first.
func (l *Look) exceptions(states ...string) ([]*entity.Entity, error) {
	return l.list(auth.KindException, catalog.Query{Fields: map[string][]string{"spec.state": states}, Sort: "updated", Desc: true})
}

// askedExceptions are requests that the reader may decide on: another's, on a
// claim of a room in which they write.
func askedExceptions(l *Look) ([]Item, error) {
	list, err := l.exceptions("requested")
	if err != nil || len(list) == 0 {
		return nil, err
	}
	glances, err := l.Glances()
	if err != nil {
		return nil, err
	}
	room := map[string]claim.Glance{}
	for _, g := range glances {
		room[g.Ref] = g
	}
	var out []Item
	for _, e := range list {
		s, err := catalog.Spec[claim.ExceptionSpec](e)
		if err != nil {
			return nil, err
		}
		ref, err := entity.ParseRef(s.Claim, "claim", e.Metadata.Namespace)
		g, known := room[ref.String()]
		if err != nil || !known || s.RequestedBy == l.Caller.Identity() || l.Caller.Can(auth.Write, l.resource(g)) != nil {
			continue
		}
		it := Item{Ref: e.Ref().String(), Title: e.DisplayTitle(), From: s.RequestedBy, Why: lang.T("On “"+g.Title+"”: "+s.Reason, "Sobre «"+g.Title+"»: "+s.Reason)}
		if e.Metadata.Created != nil {
			it.Since = *e.Metadata.Created
		}
		it.Acts = []Act{
			{Name: "approve", Primary: true, Label: lang.T("Approve", "Aprobar"), Said: lang.T("“{0}” is approved", "«{0}» está aprobada"), Do: decideException(e, "approved")},
			{Name: "refuse", Label: lang.T("Refuse", "Denegar"), Said: lang.T("“{0}” is refused", "«{0}» está denegada"), Do: decideException(e, "refused")},
		}
		out = append(out, it)
	}
	return out, nil
}

// resource is what authorisation is asked about on a claim.
func (l *Look) resource(g claim.Glance) auth.Resource {
	k := l.Catalog.Kinds().Get(g.Kind)
	if k != nil && k.Room != auth.House {
		return k.Resource()
	}
	return auth.Resource{Room: g.Room, Kind: g.Kind}
}

func decideException(e *entity.Entity, state string) func(*Look) error {
	return func(l *Look) error { return l.Set(e, map[string]any{"state": state}) }
}

// Set changes some fields of the spec of an entity as it was read; a change by
// another hand in between is a conflict.
func (l *Look) Set(e *entity.Entity, fields map[string]any) error {
	patch, err := json.Marshal(map[string]any{"spec": fields})
	if err != nil {
		return err
	}
	base, err := strconv.ParseInt(e.Metadata.ResourceVersion, 10, 64)
	if err != nil {
		return err
	}
	_, err = l.Catalog.Patch(l.Ctx, l.Caller, e.Ref(), patch, catalog.UpdateOptions{Base: base})
	return err
}

// decidedExceptions are those the reader decided on.
func decidedExceptions(l *Look, since time.Time) ([]Did, error) {
	list, err := l.exceptions("approved", "refused")
	if err != nil {
		return nil, err
	}
	said := map[string]lang.Text{"approved": lang.T("Approved", "Aprobada"), "refused": lang.T("Refused", "Denegada")}
	var out []Did
	for _, e := range list {
		s, err := catalog.Spec[claim.ExceptionSpec](e)
		if err != nil {
			return nil, err
		}
		if at, err := time.Parse(time.RFC3339, s.DecidedAt); err == nil && !at.Before(since) && s.DecidedBy == l.Caller.Identity() {
			out = append(out, Did{Ref: e.Ref().String(), Title: e.DisplayTitle(), What: said[s.State], At: at})
		}
	}
	return out, nil
}

// openDisputes are claims that somebody disputes and the reader may answer for:
// their own, and those of groups they belong to or lead. Those of groups further
// down wait for the people there.
func openDisputes(l *Look) ([]Item, error) {
	glances, err := l.Glances()
	if err != nil {
		return nil, err
	}
	var out []Item
	for _, g := range glances {
		if !g.Disputed || !l.Is(g.Owner) {
			continue
		}
		answers, err := l.answersFor(g.Ref)
		if err != nil {
			return nil, err
		}
		if answers {
			out = append(out, Item{Ref: g.Ref, Title: g.Title, Since: g.Since,
				Why: lang.T("Somebody disputes it. Until you answer, it stands as disputed.", "Alguien la objeta. Hasta que contestes, queda en disputa.")})
		}
	}
	return out, nil
}

// answersFor reports whether the reader answers for a claim.
func (l *Look) answersFor(ref string) (bool, error) {
	r, err := entity.ParseRef(ref, "", "")
	if err != nil {
		return false, err
	}
	x, err := l.Catalog.Get(l.Ctx, l.Caller, r)
	if fault.Is(err, fault.NotFound) {
		return false, nil // deleted in the meantime
	}
	if err != nil {
		return false, err
	}
	return l.Claims.Accountable(l.Ctx, l.Caller, x, &claim.Probe{})
}

// wantedWords are typed numbers and attestations that the reader owes.
func wantedWords(l *Look) ([]Item, error) {
	list, err := l.Claims.Wanted(l.Ctx, l.Caller, l.Mine, l.Midnight(soon+1))
	if err != nil {
		return nil, err
	}
	var out []Item
	for _, a := range list {
		if l.Claims.MayAnswer(l.Ctx, l.Caller, a.View) != nil {
			continue
		}
		it := Item{Ref: a.View.Ref, Part: a.Evidence.Probe.Name, Title: a.View.Statement, Due: a.Until, Timed: true, Why: whyAsked(a, l.Now)}
		if a.Until.IsZero() {
			it.Timed, it.Since = false, a.View.Since
		}
		if a.Evidence.Probe.Attest != nil {
			it.Acts = []Act{{Name: "attest", Primary: true, Label: lang.T("It holds", "Se cumple"), Said: lang.T("“{0}” is attested", "«{0}» está atestada"), Do: attest(a)}}
		}
		out = append(out, it)
	}
	return out, nil
}

// whyAsked says what word is asked for.
func whyAsked(a claim.Asked, now time.Time) lang.Text {
	typed := a.Evidence.Probe.Typed != nil
	switch {
	case a.Until.IsZero() && typed:
		return lang.T("Nobody has typed its number yet.", "Nadie ha escrito aún su número.")
	case a.Until.IsZero():
		return lang.T("Nobody has attested it yet: "+a.Evidence.Probe.Label()+".", "Nadie la ha atestado aún: "+a.Evidence.Probe.Label()+".")
	case typed && now.Before(a.Until):
		return lang.T("The typed number runs out.", "El número escrito caduca.")
	case typed:
		return lang.T("The typed number has run out.", "El número escrito ha caducado.")
	case now.Before(a.Until):
		return lang.T("The attestation runs out: "+a.Evidence.Probe.Label()+".", "La atestación caduca: "+a.Evidence.Probe.Label()+".")
	}
	return lang.T("The attestation has run out: "+a.Evidence.Probe.Label()+".", "La atestación ha caducado: "+a.Evidence.Probe.Label()+".")
}

func attest(a claim.Asked) func(*Look) error {
	return func(l *Look) error {
		_, err := l.Claims.Say(l.Ctx, l.Caller, a.View.Entity.Ref(), claim.Word{Test: a.Evidence.Probe.Name, Holds: true})
		return err
	}
}

// givenWords are the numbers and attestations the reader gave.
func givenWords(l *Look, since time.Time) ([]Did, error) {
	return sqldb.All(l.Ctx, l.DB, func(r sqldb.Row) (did Did, err error) {
		var at int64
		var verdict string
		var value *float64
		err = r.Scan(&did.Ref, &did.Title, &at, &verdict, &value)
		did.At, did.What = sqldb.Time(at), lang.T("Attested", "Atestada")
		switch {
		case value != nil:
			did.What = lang.T("Typed "+lang.Float(lang.English, *value, -1), "Escrito "+lang.Float(lang.Spanish, *value, -1))
		case verdict != string(claim.Pass):
			did.What = lang.T("Denied", "Negada")
		}
		return did, err
	}, `SELECT s.ref, s.title, r.at, r.verdict, r.value FROM feed f JOIN claim_runs r ON r.org = f.org AND r.claim = f.uid AND r.at = f.at JOIN claim_states s ON s.org = r.org AND s.claim = r.claim
		WHERE f.org = ? AND f.at >= ? AND f.type = 'claim.run' AND f.actor = ? AND r.by_whom = f.actor ORDER BY r.at`, l.Caller.Org, sqldb.Micros(since), l.Caller.Identity())
}

// late is how long a date that has passed comes up.
const late = 366

// ownDates are the dates of what the reader answers for, a week before they
// come and as long as they are not met. What only ends does not wait after its
// end.
func ownDates(l *Look) ([]Item, error) {
	if len(l.Mine) == 0 {
		return nil, nil
	}
	list, err := l.Catalog.Due(l.Ctx, l.Caller, catalog.DueQuery{From: l.Midnight(-late), To: l.Midnight(soon + 1), Who: l.Mine})
	if err != nil {
		return nil, err
	}
	var handled []string
	for _, w := range l.d.waiters {
		handled = append(handled, w.Kinds...)
	}
	var out []Item
	for _, x := range list {
		passed := x.Day(l.Zone).Before(l.Midnight(0))
		if slices.Contains(handled, x.Kind) || passed && (x.What.How == catalog.Expire || x.What.How == catalog.Ends || x.What.How == catalog.Meet) {
			continue
		}
		it := Item{Ref: x.Ref, Part: x.Path, Title: x.Title, Why: lang.T(x.What.Label.En+".", x.What.Label.Es+"."), Due: x.Day(l.Zone), Timed: x.Timed}
		if x.Timed {
			it.Due = x.At.In(l.Zone)
		}
		out = append(out, it)
	}
	return out, nil
}
