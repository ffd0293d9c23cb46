package objectives

import (
	"context"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okr"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// CheckIn is what somebody said of a key result at a moment. It is written once;
// a later one puts right what was wrong.
type CheckIn struct {
	KeyResult  string   `json:"keyResult" en:"Key result" es:"Resultado clave" req:"1" ref:"keyresult" rel:"checksIn,hasCheckIn" col:"1" filter:"1" help:"The key result it is about." ayuda:"El resultado clave del que trata." example:"payments-first-attempt"`
	At         string   `json:"at,omitempty" en:"At" es:"El" type:"datetime" col:"2" help:"The moment it is about. Left empty: now. Not in the future." ayuda:"El momento del que trata. Vacío: ahora. No en el futuro." example:"2026-09-14T09:00:00Z"`
	Value      *float64 `json:"value,omitempty" en:"Value" es:"Valor" col:"3" help:"The number now, of a key result without a measure. Of steps 0 to 3; of milestones how many are reached." ayuda:"El número actual, de un resultado clave sin medida. De pasos, de 0 a 3; de hitos, cuántos se han alcanzado." example:"93.8"`
	Confidence *int     `json:"confidence,omitempty" en:"Confidence" es:"Confianza" col:"4" min:"0" max:"10" help:"How sure you are that it will be reached, 0 to 10. It is never part of the progress." ayuda:"Lo seguro que estás de que se alcanzará, de 0 a 10. Nunca forma parte del progreso." example:"6"`
	Note       string   `json:"note,omitempty" en:"Note" es:"Nota" type:"text" search:"1" help:"What moved, what is in the way." ayuda:"Qué se ha movido, qué lo impide." example:"The retry is live in two countries." ejemplo:"El reintento funciona ya en dos países."`
	Author     string   `json:"author,omitempty" en:"By" es:"Por" ro:"1" col:"5" help:"Set by the program: who wrote it." ayuda:"Lo pone el programa: quién lo escribió."`
}

func checkInKind() *catalog.Kind {
	k := catalog.Of(catalog.Kind{
		Name: auth.KindCheckIn, Plural: "check-ins", Room: Room, Icon: "comment", Order: 10, Once: true,
		Title: lang.T("Check-in", "Seguimiento"), Titles: lang.T("Check-ins", "Seguimientos"),
		Doc: lang.T("What somebody said of a key result at a moment: the number where it is typed, how sure they are, and a note. It is written once and never changed; another one puts right what was wrong.",
			"Lo que alguien dijo de un resultado clave en un momento: el número cuando se escribe a mano, lo seguro que está y una nota. Se escribe una vez y no se cambia; otro corrige lo que estuviera mal."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: CheckIn
metadata:
  name: second-acquirer-2026-09-14
spec:
  keyResult: second-acquirer
  at: "2026-09-14T09:00:00Z"
  value: 1
  confidence: 6
  note: The contract is signed; the first country waits for decision 0067.
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: CheckIn\nmetadata: {name: x}\nspec: {value: 1}\n", Want: "spec.keyResult: is required"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: CheckIn\nmetadata: {name: x}\nspec: {keyResult: a, confidence: 11}\n", Want: "at most 10"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: CheckIn\nmetadata: {name: x}\nspec: {keyResult: a}\n", Want: "says nothing"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: CheckIn\nmetadata: {name: x}\nspec: {keyResult: a, note: x, at: yesterday}\n", Want: "is not a moment"},
		},
	}, checkCheckIn)
	k.Guard = guardCheckIn
	return k
}

func checkCheckIn(_ *entity.Entity, s *CheckIn) []fault.Problem {
	if s.Value == nil && s.Confidence == nil && s.Note == "" {
		return []fault.Problem{problem("spec", "checkin-empty", "says nothing: give a value, a confidence or a note")}
	}
	return nil
}

// guardCheckIn completes a check-in with who writes it and when, and refuses
// one about the future or about a key result whose cycle is closed.
func guardCheckIn(g *catalog.Guarded) error {
	if g.After == nil || g.Follows {
		return nil
	}
	s, err := catalog.Spec[CheckIn](g.After)
	if err != nil {
		return err
	}
	if s.At == "" {
		s.At = g.At.Truncate(time.Second).Format(time.RFC3339)
	}
	at, err := time.Parse(time.RFC3339, s.At)
	if err == nil && at.After(g.At.Add(time.Minute)) {
		return fault.Bad("a check-in is about what is or was", problem("spec.at", "checkin-future", "lies in the future")).Coded("checkin.future")
	}
	if s.Author == "" || g.Caller.Account != audit.System {
		s.Author = g.Caller.Identity()
	}
	if err := s.fits(g); err != nil {
		return err
	}
	return catalog.SetSpec(g.After, s)
}

// fits refuses what its key result cannot take.
func (s *CheckIn) fits(g *catalog.Guarded) error {
	ref, err := entity.ParseRef(s.KeyResult, "keyresult", g.After.Metadata.Namespace)
	if err != nil {
		return nil // checked before
	}
	kr, _, err := g.Find(ref)
	if fault.Is(err, fault.NotFound) {
		return nil // it may come with the same apply
	}
	if err != nil {
		return err
	}
	spec, err := catalog.Spec[KeyResult](kr)
	switch {
	case err != nil:
		return err
	case spec.Final != nil:
		return fault.New(fault.Conflict, "the cycle of %s is closed", kr.Ref().Short()).Coded("checkin.closed").WithHint("open it again, or check in on the key result that continues it")
	case s.Value != nil && !spec.typed():
		return fault.Bad("this number is not typed", problem("spec.value", "checkin-measured", "comes from the measure %s and cannot be typed", spec.Measure)).Coded("checkin.measured")
	case s.Value != nil:
		return spec.takes(*s.Value)
	}
	return nil
}

// takes refuses a number that steps or milestones cannot have.
func (s *KeyResult) takes(v float64) error {
	most := 0
	switch okr.Kind(s.Kind) {
	case okr.Ordinal:
		most = 3
	case okr.Milestone:
		most = len(s.Milestones)
	default:
		return nil
	}
	if v == float64(int(v)) && v >= 0 && v <= float64(most) {
		return nil
	}
	return fault.Bad("this is no step", problem("spec.value", "checkin-step", "must be a whole number from 0 to %d", most)).Coded("checkin.step")
}

// words says which check-ins carry the number of a key result.
func words() claim.Words {
	return claim.Words{Kind: auth.KindCheckIn, Word: func(e *entity.Entity) (entity.Ref, claim.Word, string, bool) {
		s, err := catalog.Spec[CheckIn](e)
		ref, refErr := entity.ParseRef(s.KeyResult, "keyresult", e.Metadata.Namespace)
		at, atErr := time.Parse(time.RFC3339, s.At)
		if err != nil || refErr != nil || atErr != nil || s.Value == nil {
			return ref, claim.Word{}, "", false
		}
		return ref, claim.Word{Value: *s.Value, Note: s.Note, AsOf: at}, s.Author, true
	}}
}

// checkIn is a check-in with the entity it is of.
type checkIn struct {
	*entity.Entity
	CheckIn
}

// when is the moment it is about.
func (x *checkIn) when() time.Time {
	t, _ := time.Parse(time.RFC3339, x.At)
	return t
}

// lastCheckIns returns the last check-ins of a key result, the newest first.
func lastCheckIns(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, kr entity.Ref, n int) ([]checkIn, error) {
	q := within(auth.KindCheckIn, "spec.keyResult", kr)
	q.Sort, q.Desc, q.Limit, q.NoTotal = "spec.at", true, n, true
	page, err := c.List(ctx, caller, q)
	if err != nil {
		return nil, err
	}
	var out []checkIn
	for _, e := range page.Items {
		s, err := catalog.Spec[CheckIn](e)
		if err != nil {
			return nil, err
		}
		out = append(out, checkIn{e, s})
	}
	return out, nil
}

// present returns the number that a key result has: that of its newest check-in
// while its status does not know of it, as before a server runs, or else that of
// its status; nil for none.
func present(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, kr *entity.Entity) (*float64, error) {
	status, err := statusOf[KeyResultStatus](kr)
	if err != nil {
		return nil, err
	}
	last, err := lastCheckIns(ctx, c, caller, kr.Ref(), 50)
	if err != nil {
		return nil, err
	}
	known, _ := time.Parse(time.RFC3339, status.CheckedIn)
	for _, x := range last {
		if x.Value != nil && (status.Value == nil || x.when().After(known)) {
			return x.Value, nil
		}
	}
	return status.Value, nil
}
