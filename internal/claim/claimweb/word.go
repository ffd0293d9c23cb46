package claimweb

import (
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/web"
)

// wordPage asks a person for their word: an attestation, or a number.
type wordPage struct {
	web.Shell
	Path      string
	Statement string
	Test      string
	Label     string
	Typed     bool
	Unit      string
	Target    string
	GoodFor   string
	Full      bool // the reader answers for it: their word is evidence
	Values    map[string]string
	Errors    map[string]string
	Problem   string
	Today     string
}

func wordForm(c *web.Ctx, k *catalog.Kind) (any, error) {
	o, moved, err := open(c, k)
	if err != nil || moved != nil {
		return moved, err
	}
	return wordPageOf(c, k, &o, c.Param("test"))
}

func wordPageOf(c *web.Ctx, k *catalog.Kind, o *opened, test string) (*wordPage, error) {
	if err := c.App.Claims.MayAnswer(c.R.Context(), c.Caller, o.view); err != nil {
		return nil, err
	}
	probe, err := o.view.Worded(test)
	if err != nil {
		return nil, err
	}
	p := &wordPage{Path: c.Href(o.entity.Ref()), Statement: o.view.Statement, Test: probe.Name, Label: probe.Label(), Typed: probe.Typed != nil,
		Values: map[string]string{}, Errors: map[string]string{}, Today: c.Today()}
	if p.Typed {
		ev := o.evidenceOf(probe.Name)
		p.Unit, p.Target = ev.Scale.Unit, claimed(c, probe, ev.Scale)
		p.Title = c.T("claims.type.title")
	} else {
		p.Title = c.T("claims.attest.title")
		if probe.Attest.Statement != "" {
			p.Statement = probe.Attest.Statement
		}
		if p.Full, err = c.App.Claims.Accountable(c.R.Context(), c.Caller, o.entity, probe); err != nil {
			return nil, err
		}
	}
	p.GoodFor = span(c, probe.GoodFor())
	p.Crumbs = o.crumbs(c, k)
	return p, nil
}

func sayWord(c *web.Ctx, k *catalog.Kind) (any, error) {
	o, _, err := open(c, k)
	if err != nil {
		return nil, err
	}
	p, err := wordPageOf(c, k, &o, c.Form("test"))
	if err != nil {
		return nil, err
	}
	w, err := p.read(c)
	if err == nil {
		_, err = c.App.Claims.Say(c.R.Context(), c.Caller, o.entity.Ref(), w)
	}
	if err == nil {
		key := "claims.attest.done"
		if p.Typed {
			key = "claims.type.done"
		}
		return web.Redirect{To: p.Path, Toast: &web.Toast{Key: key}}, nil
	}
	if !fault.Is(err, fault.Invalid) {
		return nil, err
	}
	p.Status = fault.Invalid.Status()
	for _, name := range []string{"value", "asOf", "note", "holds"} {
		p.Values[name] = c.Form(name)
	}
	for _, pr := range fault.ProblemsOf(err) {
		p.Errors[pr.Field] = c.Problem(pr)
	}
	if len(p.Errors) == 0 {
		p.Problem = c.Say(err)
	}
	return p, nil
}

// read takes the form.
func (p *wordPage) read(c *web.Ctx) (claim.Word, error) {
	w := claim.Word{Test: p.Test, Note: c.Form("note"), Holds: c.Form("holds") == "yes"}
	if day := c.Form("asOf"); day != "" && day != p.Today {
		t, err := time.ParseInLocation(time.DateOnly, day, c.Zone())
		if err != nil {
			return w, fault.Bad("this is not a day", fault.Problem{Field: "asOf", Code: "date", Msg: "is not a day", Args: []string{day}}).Coded("claim.word-day")
		}
		w.AsOf = t
	}
	if !p.Typed {
		if h := c.Form("holds"); h != "yes" && h != "no" {
			return w, fault.Bad("say whether it holds", fault.Problem{Field: "holds", Code: "required", Msg: "is required"}).Coded("claim.word-open")
		}
		return w, nil
	}
	// A comma is how half of the readers write the decimal sign.
	text := strings.ReplaceAll(strings.ReplaceAll(c.Form("value"), " ", ""), ",", ".")
	var err error
	if w.Value, err = strconv.ParseFloat(text, 64); err != nil {
		return w, fault.Bad("this is not a number", fault.Problem{Field: "value", Code: "typed-number", Msg: "must be a number of at most fifteen digits"}).Coded("claim.word-figure")
	}
	return w, nil
}
