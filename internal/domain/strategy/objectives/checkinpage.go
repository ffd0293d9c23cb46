package objectives

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okr"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/web"
)

// checkInPage holds a form for each key result one answers for.
type checkInPage struct {
	web.Shell
	Forms  []checkInForm
	All    bool   // those of everybody are shown
	Linked bool   // the account is linked to a person
	Other  string // address of the other choice
	One    bool   // a single key result was asked for
	Empty  bool
}

// checkInForm is the form of one key result.
type checkInForm struct {
	ID, Ref, Title, Href string
	Objective            string
	State, Word, Note    string
	Line                 krLine
	Typed                bool
	Steps                []choice // of steps and milestones; none for a number
	Unit, Now            string
	Measure              string // what measures it, where nobody types
	Confidence           []choice
	Last                 string // the last confidence, and when
	Value, Text          string // as they were sent
	Blocker, Next        string
	Blockers             []blockerLine
	Types                []choice
	Problem, Field       string
}

type blockerLine struct {
	Ref, Title, Href, Type, Next, Owner string
	Opened                              time.Time
	Resolved                            bool
}

func showCheckIns(c *web.Ctx) (any, error) { return checkInsOf(c, "") }

// checkInsOf is the page; sent is the key result whose form was sent and could
// not be taken.
func checkInsOf(c *web.Ctx, sent string) (*checkInPage, error) {
	b, err := loadBoard(c.R.Context(), c.Catalog(), c.Caller)
	if err != nil {
		return nil, err
	}
	p := &checkInPage{Linked: c.Caller.UserRef != "", All: c.Param("all") != ""}
	p.Title = c.T("okr.checkin.title")
	p.Crumbs = []web.Crumb{{Href: "/objectives", Label: c.T("okr.title")}}
	chosen, spans, err := p.choose(c, b, cmp.Or(sent, c.Param("kr")))
	if err != nil {
		return nil, err
	}
	l, err := look(c, chosen, spans, c.Now.AddDate(0, 0, -120))
	if err != nil {
		return nil, err
	}
	p.Empty = len(chosen) == 0
	for _, kr := range chosen {
		p.Forms = append(p.Forms, l.form(kr))
	}
	return p, nil
}

// choose finds the key results in cycles that run: the one asked for, those one
// answers for, or all.
func (p *checkInPage) choose(c *web.Ctx, b *board, one string) ([]*result, map[entity.Ref]*okr.Span, error) {
	by, err := mine(c)
	if err != nil {
		return nil, nil, err
	}
	var all, own []*result
	spans := map[entity.Ref]*okr.Span{}
	for _, x := range b.Cycles {
		for _, o := range x.Objectives {
			for _, kr := range o.Results {
				spans[kr.Ref()] = x.span
				switch {
				case one != "" && shortOf(kr.Ref()) == one:
					p.One = true
					p.Other = "/objectives/check-in"
					return []*result{kr}, spans, nil
				case kr.Final != nil || x.State != Running && x.State != InReview || o.State != Active:
				default:
					all = append(all, kr)
					if kr.answered(by) {
						own = append(own, kr)
					}
				}
			}
		}
	}
	if one != "" {
		return nil, nil, fault.New(fault.NotFound, "there is no key result %q", one).Coded("kr.none")
	}
	if p.All = p.All || !p.Linked; p.All {
		p.Other = "/objectives/check-in"
		return all, spans, nil
	}
	p.Other = "/objectives/check-in?all=1"
	return own, spans, nil
}

func blockerTypes(c *web.Ctx, on string) []choice {
	var out []choice
	for _, e := range c.Catalog().Kinds().Get(auth.KindBlocker).Field("spec.type").Enum {
		out = append(out, choice{Value: e.Value, Label: c.In(e.Label), On: e.Value == on})
	}
	return out
}

// form makes the form of a key result, with what was sent where it was this one.
func (l *lens) form(kr *result) checkInForm {
	c, line := l.c, l.line(kr)
	f := checkInForm{ID: "f-" + kr.Metadata.UID, Ref: shortOf(kr.Ref()), Title: line.Title, Href: line.Href, State: line.State, Word: line.Word, Note: line.Note, Line: line.bare(),
		Typed: kr.typed(), Unit: kr.Unit, Now: line.At, Types: blockerTypes(c, c.Form("type"))}
	if kr.of != nil {
		f.Objective = kr.of.DisplayTitle()
	}
	if !f.Typed && len(line.Evidence) > 0 {
		f.Measure = line.Evidence[0].Name
	}
	sent := c.R.Method == http.MethodPost && c.Form("kr") == f.Ref
	confidence := ""
	if sent {
		f.Value, f.Text, f.Blocker, f.Next, confidence = c.Form("value"), c.Form("note"), c.Form("blocker"), c.Form("action"), c.Form("confidence")
	}
	f.steps(c, kr)
	for i := range 11 {
		f.Confidence = append(f.Confidence, choice{Value: strconv.Itoa(i), Label: strconv.Itoa(i), On: confidence == strconv.Itoa(i)})
	}
	for _, x := range l.checks[kr.Ref()] {
		if x.Confidence != nil {
			f.Last = c.T("okr.checkin.last", *x.Confidence, sinceText(c, x.when()))
			break
		}
	}
	resolved := c.R.PostForm["resolved"]
	for _, b := range l.blockers[kr.Ref()] {
		f.Blockers = append(f.Blockers, l.blocker(b, sent && slices.Contains(resolved, shortOf(b.Ref()))))
	}
	return f
}

func (l *lens) blocker(b blocker, resolved bool) blockerLine {
	c := l.c
	line := blockerLine{Ref: shortOf(b.Ref()), Title: b.DisplayTitle(), Href: c.Href(b.Ref()), Next: b.NextAction, Resolved: resolved}
	line.Opened, _ = time.Parse(time.DateOnly, b.Opened) // a day, by the schema
	if e := c.Catalog().Kinds().Get(auth.KindBlocker).Field("spec.type").EnumFor(b.Type); e != nil {
		line.Type = c.In(e.Label)
	}
	if b.Metadata.Owner != "" {
		line.Owner = l.who(b.Metadata.Owner)
	}
	if day, err := time.Parse(time.DateOnly, b.NextBy); err == nil {
		line.Next = strings.TrimSpace(line.Next + " " + c.T("okr.blocker.by", lang.Date(c.Lang, day, c.Here())))
	}
	return line
}

func (f *checkInForm) steps(c *web.Ctx, kr *result) {
	most := 0
	switch okr.Kind(kr.KeyResult.Kind) {
	case okr.Ordinal:
		most = 3
	case okr.Milestone:
		most = len(kr.Milestones)
	default:
		return
	}
	for i := range most + 1 {
		label := writeValue(c, &kr.KeyResult, float64(i))
		if kr.Steps != nil && i > 0 {
			label += ": " + []string{kr.Steps.Commit, kr.Steps.Target, kr.Steps.Stretch}[i-1]
		}
		f.Steps = append(f.Steps, choice{Value: strconv.Itoa(i), Label: label, On: f.Value == strconv.Itoa(i)})
	}
}

// takeCheckIn keeps a check-in with the number it carries, new blockers and
// those that are resolved, all together.
func takeCheckIn(c *web.Ctx) (any, error) {
	ref, err := entity.ParseRef(c.Form("kr"), "keyresult", "")
	if err != nil {
		return nil, fault.New(fault.Invalid, "the form does not say which key result it is about").Coded("checkin.which")
	}
	kr, err := c.Catalog().Get(c.R.Context(), c.Caller, ref)
	if err != nil {
		return nil, err
	}
	said, problem := readCheckIn(c, kr)
	if problem == nil {
		problem = c.Catalog().DB().Tx(c.R.Context(), func(tx *sqldb.Tx) error { return said.keep(c, tx) })
	}
	if problem == nil {
		c.App.Feed.Notify()
		return web.Redirect{To: c.Next("/objectives/check-in"), Toast: &web.Toast{Key: "okr.toast.checkedin", Args: []string{kr.DisplayTitle()}}}, nil
	}
	if kind := fault.KindOf(problem); kind != fault.Invalid && kind != fault.Conflict {
		return nil, problem
	}
	p, err := checkInsOf(c, shortOf(kr.Ref()))
	if err != nil {
		return nil, err
	}
	p.Status = fault.KindOf(problem).Status()
	for i := range p.Forms {
		p.Forms[i].Problem, p.Forms[i].Field = sayProblem(c, problem)
	}
	return p, nil
}

// sayProblem writes what is wrong with a form, and with which field of it.
func sayProblem(c *web.Ctx, err error) (text, field string) {
	for _, p := range fault.ProblemsOf(err) {
		text = strings.TrimSpace(text + " " + c.Problem(p))
		field = cmp.Or(field, strings.TrimPrefix(p.Field, "spec."))
	}
	return cmp.Or(text, c.Say(err)), field
}

// said is what a form says of a key result.
type said struct {
	kr       *entity.Entity
	checkIn  *entity.Entity // nil: nothing but blockers
	blocker  *entity.Entity
	resolved []entity.Ref
}

func readCheckIn(c *web.Ctx, kr *entity.Entity) (*said, error) {
	s := CheckIn{KeyResult: kr.Metadata.Name, Note: unixLines(c.R.PostFormValue("note")), At: c.Now.UTC().Truncate(time.Second).Format(time.RFC3339)}
	if text := c.Form("value"); text != "" {
		v, ok := formNumber(c.Lang, text)
		if !ok {
			return nil, fault.Bad("this is not a number", fault.Problem{Field: "spec.value", Code: "checkin-number", Args: []string{text}, Msg: fmt.Sprintf("%q is not a number that is read in one way only", text)}).Coded("checkin.number")
		}
		s.Value = &v
	}
	if text := c.Form("confidence"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fault.New(fault.Invalid, "the confidence is a number from 0 to 10").Coded("checkin.confidence")
		}
		s.Confidence = &n
	}
	out := &said{kr: kr}
	stamp := c.Now.UTC().Format("20060102-150405")
	if title := c.Form("blocker"); title != "" {
		out.blocker = &entity.Entity{APIVersion: entity.APIVersion, Kind: auth.KindBlocker, Metadata: entity.Metadata{Name: cut(kr.Metadata.Name, 90) + "-blocker-" + stamp, Namespace: kr.Metadata.Namespace, Title: title, Owner: c.Caller.UserRef}}
		out.blocker.Spec = encode(Blocker{Blocks: kr.Metadata.Name, Type: c.Form("type"), NextAction: c.Form("action")})
	}
	for _, text := range c.R.PostForm["resolved"] {
		if ref, err := entity.ParseRef(text, "blocker", ""); err == nil {
			out.resolved = append(out.resolved, ref)
		}
	}
	if s.Value == nil && s.Confidence == nil && strings.TrimSpace(s.Note) == "" {
		if out.blocker == nil && len(out.resolved) == 0 {
			return nil, fault.Bad("it says nothing", fault.Problem{Field: "spec", Code: "checkin-empty", Msg: "says nothing: give a value, a confidence or a note"}).Coded("checkin.empty")
		}
		return out, nil
	}
	out.checkIn = &entity.Entity{APIVersion: entity.APIVersion, Kind: auth.KindCheckIn, Metadata: entity.Metadata{Name: cut(kr.Metadata.Name, 100) + "-" + stamp, Namespace: kr.Metadata.Namespace}}
	out.checkIn.Spec = encode(s)
	return out, nil
}

func unixLines(s string) string {
	return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
}

// keep writes what was said in one transaction: a number is never without its
// check-in.
func (s *said) keep(c *web.Ctx, tx *sqldb.Tx) error {
	ctx, in := c.R.Context(), c.Catalog().In(tx)
	if s.checkIn != nil {
		made, err := in.Create(ctx, c.Caller, s.checkIn)
		if err != nil {
			return err
		}
		if c.App.Claims != nil {
			if err := c.App.Claims.Hear(ctx, tx, c.Caller.Org, made.Entity); err != nil {
				return err
			}
		}
		if kr, err := there(in.Get(ctx, c.Caller, s.kr.Ref())); err != nil || kr == nil {
			return err
		} else if err := (&steward{ctx, in, c.Caller.Org}).restate(kr); err != nil {
			return err
		}
	}
	if s.blocker != nil {
		if _, err := in.Create(ctx, c.Caller, s.blocker); err != nil {
			return err
		}
	}
	for _, ref := range s.resolved {
		patch := encode(map[string]any{"spec": map[string]any{"resolved": c.Today()}})
		if _, err := in.Patch(ctx, c.Caller, ref, patch, catalog.UpdateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// unsureNumber is a number that fits two ways, by the sign of a language.
var unsureNumber = map[lang.Code]*regexp.Regexp{lang.English: regexp.MustCompile(`^-?[1-9]\d{0,2},\d{3}$`), lang.Spanish: regexp.MustCompile(`^-?[1-9]\d{0,2}\.\d{3}$`)}

// formNumber reads a number that somebody typed, with either decimal sign. What
// may group thousands in the reader's language is not taken for decimals.
func formNumber(code lang.Code, s string) (float64, bool) {
	s = strings.NewReplacer(" ", "", "\u00a0", "", "−", "-").Replace(strings.TrimSuffix(strings.TrimSpace(s), "%"))
	if unsureNumber[code].MatchString(s) {
		return 0, false
	}
	if strings.Count(s, ",") == 1 && !strings.Contains(s, ".") {
		s = strings.Replace(s, ",", ".", 1)
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && v == v && v < 1e15 && v > -1e15
}

// address returns a path with parameters, those that are empty left out.
func address(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if enc := q.Encode(); enc != "" {
		return path + "?" + enc
	}
	return path
}
