package strategy

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/morning"
)

// waiters find the proposed decisions that wait for a decider.
func waiters() []morning.Waiter {
	return []morning.Waiter{{ID: "decisions", Order: 15, Decides: true, Title: lang.T("Decisions you take part in", "Decisiones en las que participas"), Find: waitingDecisions, Done: takenDecisions}}
}

// decidedBy reports whether the reader is one of those who decide, by reference
// or by name.
func (d *Decision) decidedBy(l *morning.Look, e *entity.Entity) bool {
	return slices.ContainsFunc(d.Deciders, func(text string) bool {
		ref, err := entity.ParseRef(text, "", e.Metadata.Namespace)
		return err == nil && l.Is(ref.String()) || err != nil && text != "" && (text == l.Caller.Name || l.Caller.UserRef != "" && text == l.Name(l.Caller.UserRef))
	})
}

func waitingDecisions(l *morning.Look) ([]morning.Item, error) {
	may := l.Caller.Can(auth.Write, auth.Resource{Room: Room, Kind: "Decision"}) == nil
	if err := l.Names(l.Caller.UserRef); err != nil {
		return nil, err
	}
	var out []morning.Item
	err := morning.Each(l, "Decision", catalog.Query{Fields: map[string][]string{"spec.status": {"proposed"}}}, func(e *entity.Entity, d Decision) {
		if !d.decidedBy(l, e) {
			return
		}
		it := morning.Item{Ref: e.Ref().String(), Title: e.DisplayTitle(), Why: lang.T("It is proposed, and you are one of those who decide.", "Está propuesta, y eres de quienes deciden.")}
		if ref, err := entity.ParseRef(e.Metadata.Owner, "group", e.Metadata.Namespace); err == nil {
			it.From = ref.String()
		}
		if e.Metadata.Created != nil {
			it.Since = *e.Metadata.Created
		}
		if may {
			it.Acts = []morning.Act{
				{Name: "accept", Primary: true, Label: lang.T("Accept", "Aceptar"), Said: lang.T("“{0}” is accepted", "«{0}» está aceptada"), Do: settle(e, "accepted")},
				{Name: "reject", Label: lang.T("Reject", "Rechazar"), Said: lang.T("“{0}” is rejected", "«{0}» está rechazada"), Do: settle(e, "rejected")},
			}
		}
		out = append(out, it)
	})
	return out, err
}

func settle(e *entity.Entity, status string) func(*morning.Look) error {
	return func(l *morning.Look) error {
		return l.Set(e, map[string]any{"status": status, "date": l.Now.Format(time.DateOnly)})
	}
}

// takenDecisions are those the reader took part in that were settled.
func takenDecisions(l *morning.Look, since time.Time) ([]morning.Did, error) {
	words := map[string]lang.Text{"accepted": lang.T("Accepted", "Aceptada"), "rejected": lang.T("Rejected", "Rechazada")}
	var out []morning.Did
	q := catalog.Query{Fields: map[string][]string{"spec.status": {"accepted", "rejected"}}, Sort: "updated", Desc: true}
	err := morning.Each(l, "Decision", q, func(e *entity.Entity, d Decision) {
		if e.Metadata.Updated != nil && !e.Metadata.Updated.Before(since) && d.Date == since.Format(time.DateOnly) && d.decidedBy(l, e) {
			out = append(out, morning.Did{Ref: e.Ref().String(), Title: e.DisplayTitle(), What: words[d.Status], At: *e.Metadata.Updated})
		}
	})
	return out, err
}

var added = lang.T("new", "nuevas")

// news are decisions that were settled and technologies that moved.
func news() []morning.News {
	return []morning.News{
		{Kind: "Decision", Path: "spec.status", Tell: tellDecision, Many: func(n string) *morning.Line {
			return &morning.Line{Head: lang.T(n+" decisions were recorded", "Se registraron "+n+" decisiones"), State: "info", Word: added, Room: Room, Href: "/decisions"}
		}},
		{Kind: "Technology", Path: "spec.entries", Tell: tellTechnology, Many: func(n string) *morning.Line {
			return &morning.Line{Head: lang.T(n+" technologies are new on the radar", n+" tecnologías son nuevas en el radar"), State: "info", Word: added, Room: Room, Href: "/radar"}
		}},
	}
}

func tellDecision(l *morning.Look, ev morning.Event) *morning.Line {
	now, err := catalog.Spec[Decision](ev.After)
	if err != nil || now.Status == "draft" {
		return nil
	}
	was := Decision{}
	if ev.Before != nil {
		if was, err = catalog.Spec[Decision](ev.Before); err != nil || was.Status == now.Status {
			return nil
		}
	}
	if ev.Before == nil && now.Date != "" && now.Date < ev.Entry.At.AddDate(0, 0, -30).Format(time.DateOnly) {
		return nil // an old decision that was imported
	}
	line := &morning.Line{State: "info", Room: Room, Is: statusText(l, now.Status), Word: statusText(l, now.Status)}
	if was.Status != "" {
		line.Was = statusText(l, was.Status)
	}
	if now.Status == "accepted" {
		line.State = "ok"
	}
	return line
}

// statusText is what people call the status of a decision, inside a sentence.
func statusText(l *morning.Look, status string) lang.Text {
	if e := l.Catalog.Kinds().Get("Decision").Field("spec.status").EnumFor(status); e != nil {
		return lang.T(strings.ToLower(e.Label.En), strings.ToLower(e.Label.Es))
	}
	return lang.T(status, status)
}

// tellTechnology tells of a technology that came to another ring, or onto the
// radar.
func tellTechnology(_ *morning.Look, ev morning.Event) *morning.Line {
	now := standingOf(ev.After)
	if now == nil || now.Ring == "" {
		return nil
	}
	line := &morning.Line{State: "info", Room: Room, Is: lang.T(now.Ring, now.Ring), Word: lang.T("Radar: "+now.Ring, "Radar: "+now.Ring), More: lang.T("On the radar", "En el radar")}
	if ev.Before == nil {
		return line
	}
	was := standingOf(ev.Before)
	if was != nil && was.Ring == now.Ring {
		return nil
	}
	if was != nil {
		line.Was = lang.T(was.Ring, was.Ring)
	}
	return line
}

// standingOf reads the standing that was kept with a revision.
func standingOf(e *entity.Entity) *Standing {
	var s Standing
	if len(e.Status) == 0 || json.Unmarshal(e.Status, &s) != nil {
		return nil
	}
	return &s
}
