package claimweb

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/web"
)

// packsPage is where evidence is taken out as a signed file, and the chains are
// checked.
type packsPage struct {
	web.Shell
	From, To string
	Claims   []packed
	Keys     []signingKey
	Report   *claim.Verification
	CanAudit bool
	Problem  string
}

// packed is one claim that may go into a pack.
type packed struct {
	Ref, Title, Kind string
	State            claim.State
	On               bool
}

type signingKey struct{ Fingerprint, Key string }

// mostOffered is how many claims the form offers by name; a pack of all holds
// more.
const mostOffered = 200

func packs(c *web.Ctx) (any, error) { return packsOf(c) }

func packsOf(c *web.Ctx) (*packsPage, error) {
	p := &packsPage{From: c.Param("from"), To: c.Param("to"), CanAudit: c.Can(auth.Audit, auth.Resource{})}
	p.Title = c.T("claims.packs")
	if p.From == "" {
		p.From = c.Here().AddDate(0, -3, 0).Format(time.DateOnly)
	}
	if p.To == "" {
		p.To = c.Today()
	}
	views, err := c.App.Claims.Views(c.R.Context(), c.Caller, claim.Filter{})
	if err != nil {
		return nil, err
	}
	chosen := map[string]bool{}
	for _, ref := range c.R.URL.Query()["claim"] {
		chosen[ref] = true
	}
	for _, v := range views[:min(len(views), mostOffered)] {
		p.Claims = append(p.Claims, packed{v.Ref, v.Statement, c.In(c.Catalog().Kinds().Get(v.Kind).Title), v.State, chosen[v.Ref]})
	}
	keys, err := c.App.Claims.PublicKeys(c.R.Context())
	for _, k := range keys {
		raw, err := base64.StdEncoding.DecodeString(k)
		if err != nil {
			return nil, err
		}
		p.Keys = append(p.Keys, signingKey{claim.Fingerprint(raw), k})
	}
	return p, err
}

// pack answers with the file.
func pack(c *web.Ctx) (any, error) {
	o, err := packOptions(c)
	if err != nil {
		p, pageErr := packsOf(c)
		if pageErr != nil {
			return nil, pageErr
		}
		p.Status, p.Problem = fault.Invalid.Status(), c.T("claims.packs.range")
		return p, nil
	}
	name := fmt.Sprintf("evidence-%s-%s.zip", o.From.Format("20060102"), o.To.AddDate(0, 0, -1).Format("20060102"))
	if err := c.App.Claims.Packable(c.R.Context(), c.Caller, o); err != nil {
		return nil, err // while it can still be a page
	}
	return web.File{Name: name, Type: "application/zip", Write: func(w http.ResponseWriter) error {
		_, err := c.App.Claims.Pack(c.R.Context(), c.Caller, o, w)
		return err
	}}, nil
}

func packOptions(c *web.Ctx) (claim.PackOptions, error) {
	o := claim.PackOptions{Organisation: c.Caller.OrgTitle}
	for _, text := range c.R.URL.Query()["claim"] {
		ref, err := entity.ParseRef(text, "claim", "")
		if err != nil {
			return o, err
		}
		o.Refs = append(o.Refs, ref)
	}
	var err error
	if o.From, err = time.ParseInLocation(time.DateOnly, c.Param("from"), c.Zone()); err != nil {
		return o, err
	}
	to, err := time.ParseInLocation(time.DateOnly, c.Param("to"), c.Zone())
	if err != nil {
		return o, err
	}
	o.To = to.AddDate(0, 0, 1)
	if !o.From.Before(o.To) {
		return o, fault.New(fault.Invalid, "the time is empty").Coded("claim.time-empty")
	}
	return o, nil
}

// verify checks every chain of the organisation.
func verify(c *web.Ctx) (any, error) {
	p, err := packsOf(c)
	if err != nil {
		return nil, err
	}
	p.Report, err = c.App.Claims.Verify(c.R.Context(), c.Caller.Org, "")
	return p, err
}
