package cli

import (
	"context"
	"encoding/base64"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
)

// settle takes in what was written to a folder and runs what is due, so that
// what is shown of claims is so.
func (l *local) settle(ctx context.Context) error {
	_, err := l.Ground.Claims.Settle(ctx)
	return err
}

func (l *local) Claims(ctx context.Context, f claim.Filter) ([]claim.Told, error) {
	if err := l.settle(ctx); err != nil {
		return nil, err
	}
	views, err := l.Ground.Claims.Views(ctx, l.caller(hand{}), f)
	var out []claim.Told
	for _, v := range views {
		out = append(out, v.Tell(l.lang))
	}
	return out, err
}

func (l *local) Claim(ctx context.Context, ref entity.Ref) (*claim.Told, error) {
	if err := l.settle(ctx); err != nil {
		return nil, err
	}
	v, err := l.Ground.Claims.Get(ctx, l.caller(hand{}), ref)
	if err != nil {
		return nil, err
	}
	t := v.Tell(l.lang)
	return &t, nil
}

func (l *local) Runs(ctx context.Context, ref entity.Ref, test string, limit int) ([]*claim.Run, error) {
	if err := l.settle(ctx); err != nil {
		return nil, err
	}
	return l.Ground.Claims.Runs(ctx, l.caller(hand{}), ref, test, 0, limit)
}

func (l *local) Run(ctx context.Context, ref entity.Ref, seq int64) (*claim.ToldRun, error) {
	return l.Ground.Claims.TellRun(ctx, l.caller(hand{}), ref, seq, l.lang)
}

func (l *local) TestClaim(ctx context.Context, ref entity.Ref, test string) ([]*claim.Run, error) {
	if err := l.settle(ctx); err != nil {
		return nil, err
	}
	return l.Ground.Claims.Test(ctx, l.caller(hand{}), ref, test)
}

func (l *local) Say(ctx context.Context, ref entity.Ref, w claim.Word) (*claim.Run, error) {
	return l.Ground.Claims.Say(ctx, l.caller(hand{}), ref, w)
}

func (l *local) Replay(ctx context.Context, ref entity.Ref, asOf time.Time) ([]claim.ToldReplay, error) {
	list, err := l.Ground.Claims.Replay(ctx, l.caller(hand{}), ref, asOf)
	return claim.TellReplays(list), err
}

func (l *local) VerifyClaims(ctx context.Context, ref *entity.Ref) (*claim.Verification, error) {
	uid := ""
	if ref != nil {
		v, err := l.Ground.Claims.Get(ctx, l.caller(hand{}), *ref)
		if err != nil {
			return nil, err
		}
		uid = v.UID
	}
	return l.Ground.Claims.Verify(ctx, l.who.Org, uid)
}

func (l *local) Pack(ctx context.Context, o claim.PackOptions, w io.Writer) error {
	if err := l.settle(ctx); err != nil {
		return err
	}
	_, err := l.Ground.Claims.Pack(ctx, l.caller(hand{}), o, w)
	return err
}

func (l *local) SigningKeys(ctx context.Context) ([]signingKey, error) {
	keys, err := l.Ground.Claims.PublicKeys(ctx)
	var out []signingKey
	for _, k := range keys {
		raw, err := base64.StdEncoding.DecodeString(k)
		if err != nil {
			return nil, err
		}
		out = append(out, signingKey{claim.Fingerprint(raw), k})
	}
	return out, err
}

func (r *remote) Claims(ctx context.Context, f claim.Filter) ([]claim.Told, error) {
	q := url.Values{"kind": f.Kinds}
	for _, st := range f.States {
		q.Add("state", string(st))
	}
	for name, value := range map[string]string{"room": f.Room, "owner": f.Owner, "subject": f.Subject} {
		if value != "" {
			q.Set(name, value)
		}
	}
	var out struct{ Items []claim.Told }
	return out.Items, r.get(ctx, "/evidence", q, &out)
}

func (r *remote) Claim(ctx context.Context, ref entity.Ref) (*claim.Told, error) {
	var out claim.Told
	return &out, r.get(ctx, r.address(ref)+"/evidence", nil, &out)
}

func (r *remote) Runs(ctx context.Context, ref entity.Ref, test string, limit int) ([]*claim.Run, error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	if test != "" {
		q.Set("test", test)
	}
	var out struct{ Items []*claim.Run }
	err := r.get(ctx, r.address(ref)+"/runs", q, &out)
	return out.Items, err
}

func (r *remote) Run(ctx context.Context, ref entity.Ref, seq int64) (*claim.ToldRun, error) {
	var out claim.ToldRun
	return &out, r.get(ctx, r.address(ref)+"/runs/"+strconv.FormatInt(seq, 10), nil, &out)
}

func (r *remote) TestClaim(ctx context.Context, ref entity.Ref, test string) ([]*claim.Run, error) {
	var out struct{ Items []*claim.Run }
	body := map[string]string{}
	if test != "" {
		body["test"] = test
	}
	err := r.send(ctx, "POST", r.address(ref)+"/test", nil, body, &out)
	return out.Items, err
}

func (r *remote) Say(ctx context.Context, ref entity.Ref, w claim.Word) (*claim.Run, error) {
	body := map[string]any{}
	if w.Test != "" {
		body["test"] = w.Test
	}
	if w.Note != "" {
		body["note"] = w.Note
	}
	if !w.AsOf.IsZero() {
		body["asOf"] = w.AsOf
	}
	path := "/attest"
	if w.Form == "typed" {
		path, body["value"] = "/type", w.Value
	} else {
		body["holds"] = w.Holds
	}
	var out claim.Run
	return &out, r.send(ctx, "POST", r.address(ref)+path, nil, body, &out)
}

func (r *remote) Replay(ctx context.Context, ref entity.Ref, asOf time.Time) ([]claim.ToldReplay, error) {
	var out struct{ Items []claim.ToldReplay }
	err := r.get(ctx, r.address(ref)+"/replay", url.Values{"asOf": {asOf.UTC().Format(time.RFC3339Nano)}}, &out)
	return out.Items, err
}

func (r *remote) VerifyClaims(ctx context.Context, ref *entity.Ref) (*claim.Verification, error) {
	q := url.Values{}
	if ref != nil {
		q.Set("ref", ref.String())
	}
	var out claim.Verification
	return &out, r.get(ctx, "/evidence/verify", q, &out)
}

func (r *remote) Pack(ctx context.Context, o claim.PackOptions, w io.Writer) error {
	q := url.Values{"from": {o.From.UTC().Format(time.RFC3339)}, "to": {o.To.UTC().Format(time.RFC3339)}}
	for _, ref := range o.Refs {
		q.Add("ref", ref.String())
	}
	return r.copy(ctx, "/evidence/pack", q, w)
}

func (r *remote) SigningKeys(ctx context.Context) ([]signingKey, error) {
	var out struct{ Items []signingKey }
	err := r.get(ctx, "/evidence/keys", nil, &out)
	return out.Items, err
}
