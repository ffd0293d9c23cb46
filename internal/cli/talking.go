package cli

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/blob"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/talk"
)

// talking is what people say, attach and watch, and the webhooks. Shapes are
// those of the API.
type talking interface {
	Comments(ctx context.Context, ref entity.Ref) ([]commentLine, error)
	Comment(ctx context.Context, ref entity.Ref, d talk.Draft) (commentLine, error)
	// ChangeComment does one of edit, correct, withdraw, resolve and reopen; body
	// goes with the first two.
	ChangeComment(ctx context.Context, id, act, body string) (commentLine, error)
	Attachments(ctx context.Context, ref entity.Ref) ([]fileLine, error)
	Attach(ctx context.Context, ref entity.Ref, name string, content io.Reader) (fileLine, error)
	Download(ctx context.Context, id string, w io.Writer) error
	Detach(ctx context.Context, id string) error
	Watch(ctx context.Context, ref entity.Ref, state string) (watchLine, error) // "" only asks
	Hooks(ctx context.Context, own bool) ([]hookLine, error)
	CreateHook(ctx context.Context, own bool, k hookLine) (hookLine, error)
	// ChangeHook does one of test, disable, enable, rotate and remove.
	ChangeHook(ctx context.Context, own bool, id, act string) (hookLine, error)
	Deliveries(ctx context.Context, own bool, id string) ([]deliveryLine, error)
}

// commentLine is a comment.
type commentLine struct {
	ID          string        `json:"id"`
	Thread      string        `json:"thread,omitempty"`
	Kind        string        `json:"kind"`
	Body        string        `json:"body"`
	By          string        `json:"by"`
	Created     time.Time     `json:"created"`
	Edited      time.Time     `json:"edited,omitzero"`
	Corrects    string        `json:"corrects,omitempty"`
	Closed      time.Time     `json:"closed,omitzero"`
	ClosedBy    string        `json:"closedBy,omitempty"`
	Withdrawn   time.Time     `json:"withdrawn,omitzero"`
	WithdrawnBy string        `json:"withdrawnBy,omitempty"`
	Open        bool          `json:"open,omitempty"`
	Replies     []commentLine `json:"replies,omitempty"`
}

func commentFrom(c talk.Comment) commentLine {
	return commentLine{ID: c.ID, Thread: c.Thread, Kind: string(c.Kind), Body: c.Body, By: c.By, Created: c.Created, Edited: c.Edited, Corrects: c.Corrects, Closed: c.Closed, ClosedBy: c.ClosedBy,
		Withdrawn: c.Withdrawn, WithdrawnBy: c.WithdrawnBy, Open: c.Open()}
}

// fileLine is an attachment.
type fileLine struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Type      string    `json:"type"`
	Size      int64     `json:"size"`
	SHA256    string    `json:"sha256"`
	By        string    `json:"by"`
	Created   time.Time `json:"created"`
	Removed   time.Time `json:"removed,omitzero"`
	RemovedBy string    `json:"removedBy,omitempty"`
}

func fileFrom(a blob.Attachment) fileLine {
	return fileLine{a.ID, a.Name, a.Type, a.Size, a.SHA256, a.By, a.Created, a.Removed, a.RemovedBy}
}

// watchLine is how one watches a record.
type watchLine struct {
	On    bool   `json:"on"`
	State string `json:"state,omitempty"`
	Why   string `json:"why,omitempty"`
}

// hookLine is a webhook; Secret is there when it was just made.
type hookLine struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	URL      string    `json:"url"`
	Types    []string  `json:"types"`
	Disabled time.Time `json:"disabled,omitzero"`
	Reason   string    `json:"reason,omitempty"`
	Created  time.Time `json:"created"`
	OldUntil time.Time `json:"oldSecretUntil,omitzero"`
	Secret   string    `json:"secret,omitempty"`
}

func hookFrom(k action.Hook, secret string) hookLine {
	types := k.Types
	if types == nil {
		types = []string{}
	}
	return hookLine{k.ID, k.Name, k.URL, types, k.Disabled, k.Reason, k.Created, k.OldUntil, secret}
}

// deliveryLine is something sent to a webhook, or to be sent.
type deliveryLine struct {
	ID       string    `json:"id"`
	State    string    `json:"state"`
	Attempts int       `json:"attempts"`
	Next     time.Time `json:"next,omitzero"`
	Error    string    `json:"error,omitempty"`
	Created  time.Time `json:"created"`
	Ended    time.Time `json:"ended,omitzero"`
}

func (l *local) Comments(ctx context.Context, ref entity.Ref) ([]commentLine, error) {
	e, err := l.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	list, err := l.Talk.List(ctx, l.who, e, time.Time{}, 0)
	var out []commentLine
	for _, t := range list {
		line := commentFrom(t.Comment)
		for _, r := range t.Replies {
			line.Replies = append(line.Replies, commentFrom(r))
		}
		out = append(out, line)
	}
	return out, err
}

func (l *local) Comment(ctx context.Context, ref entity.Ref, d talk.Draft) (commentLine, error) {
	e, err := l.Get(ctx, ref)
	if err != nil {
		return commentLine{}, err
	}
	c, err := l.Talk.Add(ctx, l.caller(hand{manager: "cli"}), e, d)
	return commentFrom(c), err
}

func (l *local) ChangeComment(ctx context.Context, id, act, body string) (commentLine, error) {
	caller := l.caller(hand{manager: "cli"})
	var c talk.Comment
	var err error
	switch act {
	case "edit":
		c, err = l.Talk.Edit(ctx, caller, id, body)
	case "correct":
		c, err = l.Talk.Correct(ctx, caller, id, body)
	case "withdraw":
		c, err = l.Talk.Withdraw(ctx, caller, id)
	default:
		c, err = l.Talk.Resolve(ctx, caller, id, act == "resolve")
	}
	return commentFrom(c), err
}

func (l *local) Attachments(ctx context.Context, ref entity.Ref) ([]fileLine, error) {
	e, err := l.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	list, err := l.Files.List(ctx, l.who, e)
	var out []fileLine
	for _, a := range list {
		out = append(out, fileFrom(a))
	}
	return out, err
}

func (l *local) Attach(ctx context.Context, ref entity.Ref, name string, content io.Reader) (fileLine, error) {
	e, err := l.Get(ctx, ref)
	if err != nil {
		return fileLine{}, err
	}
	a, err := l.Files.Add(ctx, l.caller(hand{manager: "cli"}), e, name, content)
	return fileFrom(a), err
}

func (l *local) Download(ctx context.Context, id string, w io.Writer) error {
	_, content, err := l.Files.Open(ctx, l.caller(hand{}), id)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, content)
	return errors.Join(err, content.Close())
}

func (l *local) Detach(ctx context.Context, id string) error {
	_, err := l.Files.Remove(ctx, l.caller(hand{manager: "cli"}), id)
	return err
}

// Watch needs an account, which whoever holds the folder is not.
func (l *local) Watch(context.Context, entity.Ref, string) (watchLine, error) {
	return watchLine{}, usage("only a person with an account can watch something", "solo una persona con cuenta puede seguir algo").
		hinting("act on the server: binnacle login URL, then binnacle watch", "actúa sobre el servidor: binnacle login URL, y después binnacle watch")
}

func (l *local) Hooks(ctx context.Context, own bool) ([]hookLine, error) {
	if own {
		return nil, l.notOwn()
	}
	list, err := l.Ground.Hooks.List(ctx, l.who, false)
	var out []hookLine
	for _, k := range list {
		out = append(out, hookFrom(k, ""))
	}
	return out, err
}

func (l *local) notOwn() error {
	return usage("whoever holds a data folder has no webhooks of their own", "quien tiene una carpeta de datos no tiene webhooks propios").
		hinting("leave --mine out for the organisation's, or act on the server", "omite --mine para los de la organización, o actúa sobre el servidor")
}

func (l *local) CreateHook(ctx context.Context, own bool, k hookLine) (hookLine, error) {
	if own {
		return k, l.notOwn()
	}
	made, secret, err := l.Ground.Hooks.Create(ctx, l.who, action.Hook{Name: k.Name, URL: k.URL, Types: k.Types})
	return hookFrom(made, secret), err
}

func (l *local) ChangeHook(ctx context.Context, own bool, id, act string) (hookLine, error) {
	if own {
		return hookLine{}, l.notOwn()
	}
	var k action.Hook
	var secret string
	var err error
	switch hooks := l.Ground.Hooks; act {
	case "test":
		if k, err = hooks.Get(ctx, l.who, id); err == nil {
			_, err = hooks.Test(ctx, l.who, id)
		}
	case "rotate":
		k, secret, err = hooks.Rotate(ctx, l.who, id)
	case "remove":
		if k, err = hooks.Get(ctx, l.who, id); err == nil {
			err = hooks.Remove(ctx, l.who, id)
		}
	default:
		k, err = hooks.SetDisabled(ctx, l.who, id, act == "disable")
	}
	return hookFrom(k, secret), err
}

func (l *local) Deliveries(ctx context.Context, own bool, id string) ([]deliveryLine, error) {
	if own {
		return nil, l.notOwn()
	}
	list, err := l.Ground.Hooks.Deliveries(ctx, l.who, id, 50)
	var out []deliveryLine
	for _, a := range list {
		d := deliveryLine{ID: "msg_" + a.ID(), State: string(a.State), Attempts: a.Attempts, Error: a.Error, Created: a.Created, Ended: a.Ended}
		if a.State == action.Waiting {
			d.Next = a.Next
		}
		out = append(out, d)
	}
	return out, err
}

func (r *remote) Comments(ctx context.Context, ref entity.Ref) ([]commentLine, error) {
	var out struct{ Items []commentLine }
	err := r.get(ctx, r.address(ref)+"/comments", url.Values{"limit": {"1000"}}, &out)
	return out.Items, err
}

func (r *remote) Comment(ctx context.Context, ref entity.Ref, d talk.Draft) (commentLine, error) {
	body := struct {
		Body   string    `json:"body"`
		Kind   talk.Kind `json:"kind,omitempty"`
		Thread string    `json:"thread,omitempty"`
	}{d.Body, d.Kind, d.Thread}
	var out commentLine
	err := r.send(ctx, "POST", r.address(ref)+"/comments", nil, body, &out)
	return out, err
}

func (r *remote) ChangeComment(ctx context.Context, id, act, body string) (commentLine, error) {
	path, method := "/comments/"+url.PathEscape(id), http.MethodPost
	if act == "edit" {
		method = http.MethodPatch
	} else {
		path += "/" + act
	}
	var out commentLine
	if body == "" {
		err := r.json(ctx, ask{method: method, path: path}, &out)
		return out, err
	}
	err := r.send(ctx, method, path, nil, map[string]string{"body": body}, &out)
	return out, err
}

func (r *remote) Attachments(ctx context.Context, ref entity.Ref) ([]fileLine, error) {
	var out struct{ Items []fileLine }
	err := r.get(ctx, r.address(ref)+"/attachments", nil, &out)
	return out.Items, err
}

func (r *remote) Attach(ctx context.Context, ref entity.Ref, name string, content io.Reader) (fileLine, error) {
	var out struct{ Items []fileLine }
	err := r.json(ctx, ask{method: "POST", path: r.address(ref) + "/attachments", query: url.Values{"file": {name}}, body: content, bodyType: "application/octet-stream"}, &out)
	if err != nil || len(out.Items) == 0 {
		return fileLine{}, err
	}
	return out.Items[0], nil
}

func (r *remote) Download(ctx context.Context, id string, w io.Writer) error {
	return r.copy(ctx, "/attachments/"+url.PathEscape(id)+"/content", nil, w)
}

func (r *remote) Detach(ctx context.Context, id string) error {
	return r.json(ctx, ask{method: "DELETE", path: "/attachments/" + url.PathEscape(id)}, nil)
}

func (r *remote) Watch(ctx context.Context, ref entity.Ref, state string) (watchLine, error) {
	var out watchLine
	if state == "" {
		err := r.get(ctx, r.address(ref)+"/watch", nil, &out)
		return out, err
	}
	err := r.send(ctx, "PUT", r.address(ref)+"/watch", nil, map[string]string{"state": state}, &out)
	return out, err
}

// hookPath is where the organisation's webhooks are, or one's own.
func hookPath(own bool, more ...string) string {
	path := "/webhooks"
	if own {
		path = "/account/webhooks"
	}
	for _, m := range more {
		path += "/" + url.PathEscape(m)
	}
	return path
}

func (r *remote) Hooks(ctx context.Context, own bool) ([]hookLine, error) {
	var out struct{ Items []hookLine }
	err := r.get(ctx, hookPath(own), nil, &out)
	return out.Items, err
}

func (r *remote) CreateHook(ctx context.Context, own bool, k hookLine) (hookLine, error) {
	body := struct {
		Name  string   `json:"name"`
		URL   string   `json:"url"`
		Types []string `json:"types,omitempty"`
	}{k.Name, k.URL, k.Types}
	var out hookLine
	err := r.send(ctx, "POST", hookPath(own), nil, body, &out)
	return out, err
}

func (r *remote) ChangeHook(ctx context.Context, own bool, id, act string) (hookLine, error) {
	var out hookLine
	switch act {
	case "disable", "enable":
		err := r.send(ctx, "PUT", hookPath(own, id, "disabled"), nil, map[string]bool{"disabled": act == "disable"}, &out)
		return out, err
	case "rotate":
		err := r.json(ctx, ask{method: "POST", path: hookPath(own, id, "rotate")}, &out)
		return out, err
	}
	if err := r.get(ctx, hookPath(own, id), nil, &out); err != nil {
		return out, err
	}
	if act == "remove" {
		return out, r.json(ctx, ask{method: "DELETE", path: hookPath(own, id)}, nil)
	}
	return out, r.json(ctx, ask{method: "POST", path: hookPath(own, id, act)}, nil)
}

func (r *remote) Deliveries(ctx context.Context, own bool, id string) ([]deliveryLine, error) {
	var out struct{ Items []deliveryLine }
	err := r.get(ctx, hookPath(own, id, "deliveries"), nil, &out)
	return out.Items, err
}

// indent sets a text under the line it belongs to.
func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+by)
}
