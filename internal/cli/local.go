package cli

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// local is a data folder seen by a principal.
type local struct {
	*Ground
	program Program
	who     auth.Principal
	lang    lang.Code // in which sentences are written
}

func newLocal(s *session, g *Ground, who auth.Principal) *installation {
	l := &local{g, s.Program, who, s.code}
	return &installation{entities: l, people: l, ledger: l, proofs: l, overview: l, talking: l, events: l, where: s.place.Data, local: l}
}

func (l *local) caller(h hand) catalog.Caller {
	return catalog.Caller{Principal: l.who, Manager: h.manager, Reason: h.reason}
}

func (l *local) Get(ctx context.Context, ref entity.Ref) (*entity.Entity, error) {
	return l.Catalog.Get(ctx, l.caller(hand{}), ref)
}

// Each stops at q.Limit when there is one.
func (l *local) Each(ctx context.Context, q catalog.Query, f func(*entity.Entity) error) error {
	return upTo(q.Limit, f, func(f func(*entity.Entity) error) error { return l.Catalog.Each(ctx, l.caller(hand{}), q, f) })
}

// errEnough stops a visit that has seen what it wanted.
var errEnough = errors.New("enough")

// upTo visits at most limit entities; 0 is all of them.
func upTo(limit int, f func(*entity.Entity) error, visit func(func(*entity.Entity) error) error) error {
	n := 0
	err := visit(func(e *entity.Entity) error {
		if err := f(e); err != nil {
			return err
		}
		if n++; n == limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func (l *local) Search(ctx context.Context, text string, kinds []string, limit int) ([]catalog.Hit, error) {
	return l.Catalog.Search(ctx, l.caller(hand{}), text, kinds, limit)
}

func (l *local) Relations(ctx context.Context, ref entity.Ref) ([]catalog.Relation, error) {
	return l.Catalog.Relations(ctx, l.caller(hand{}), ref)
}

func (l *local) History(ctx context.Context, ref entity.Ref, limit int) ([]catalog.Revision, error) {
	return l.Catalog.History(ctx, l.caller(hand{}), ref, 0, limit)
}

func (l *local) Revision(ctx context.Context, ref entity.Ref, rev int64) (*catalog.Revision, error) {
	return l.Catalog.Revision(ctx, l.caller(hand{}), ref, rev)
}

// Apply applies all files or, when any of them has a problem, none.
func (l *local) Apply(ctx context.Context, files []catalog.File, opts catalog.ApplyOptions, h hand) (*catalog.ApplyResult, error) {
	docs, err := decodeAll(l.Catalog.Kinds(), files)
	if err != nil {
		return nil, err
	}
	return l.Catalog.ApplyWith(ctx, l.caller(h), docs, opts, h.progress)
}

// decodeAll reads the documents of all files. The error lists the problems of
// all of them; the good documents come beside it.
func decodeAll(kinds *catalog.Kinds, files []catalog.File) ([]catalog.Document, error) {
	var docs []catalog.Document
	var problems []fault.Problem
	for _, f := range files {
		good, err := kinds.Decode(f.Name, f.Data)
		docs = append(docs, good...)
		if err != nil && !fault.Is(err, fault.Invalid) {
			return docs, err
		}
		problems = append(problems, fault.ProblemsOf(err)...)
	}
	if len(problems) == 0 {
		return docs, nil
	}
	return docs, (&fault.Error{Kind: fault.Invalid, Msg: "nothing was applied: the files have problems", Problems: problems}).
		WithHint(`correct them and apply again; "binnacle explain KIND" describes the fields`)
}

func (l *local) Update(ctx context.Context, e *entity.Entity, base int64, h hand) (*catalog.Change, error) {
	return l.Catalog.Update(ctx, l.caller(h), e, catalog.UpdateOptions{Base: base})
}

func (l *local) Delete(ctx context.Context, ref entity.Ref, h hand) (*catalog.Change, error) {
	return l.Catalog.Delete(ctx, l.caller(h), ref, 0)
}

func (l *local) Rename(ctx context.Context, ref entity.Ref, name string, h hand) (*catalog.Change, error) {
	return l.Catalog.Rename(ctx, l.caller(h), ref, name)
}

func (l *local) Restore(ctx context.Context, ref entity.Ref, rev int64, h hand) (*catalog.Change, error) {
	return l.Catalog.Restore(ctx, l.caller(h), ref, rev)
}

func (l *local) Import(ctx context.Context, format string, files []catalog.File, opts catalog.ImportOptions, h hand) (*catalog.ImportReport, error) {
	var names []string
	for _, i := range l.program.Importers {
		if i.Name == format {
			h.manager, opts.Progress = "import/"+format, h.progress
			return i.Import(ctx, l.Catalog, l.caller(h), files, opts)
		}
		names = append(names, i.Name)
	}
	return nil, noFormat(format, names)
}

func noFormat(name string, known []string) error {
	f := failed(exitNotFound, "there is no format %q", "no hay un formato %q", name)
	if near := catalog.Nearest(name, known); near != "" {
		return f.hinting("did you mean %q?", "¿querías decir %q?", near)
	}
	list := strings.Join(known, ", ")
	return f.hinting("there is %s", "hay %s", list)
}

func (l *local) Export(ctx context.Context, name string, opts catalog.ExportOptions) ([]catalog.File, error) {
	var names []string
	for _, e := range l.program.Exporters {
		if e.Name == name {
			if opts.Format != "" && !slices.Contains(e.Formats, opts.Format) {
				return nil, noForm(name, opts.Format, e.Formats)
			}
			return e.Export(ctx, l.Catalog, l.caller(hand{}), opts)
		}
		names = append(names, e.Name)
	}
	return nil, noFormat(name, names)
}

// noForm says that a format has no such form.
func noForm(format, form string, known []string) error {
	f := usage("%s has no form %q", "%s no tiene la forma %q", format, form)
	if near := catalog.Nearest(form, known); near != "" {
		return f.hinting("did you mean --as %s?", "¿querías decir --as %s?", near)
	}
	list := strings.Join(known, ", ")
	return f.hinting("there is %s", "hay %s", list)
}

// Follow reads on from the present end of the feed.
func (l *local) Follow(ctx context.Context, types []string, ready func() error, f func(feed.Entry) error) error {
	head, err := l.Feed.OrgHead(ctx, l.who.Org)
	if err == nil {
		err = ready()
	}
	r := l.Feed.Reader(l.who.Org, head, types...)
	for err == nil {
		var entries []feed.Entry
		var more bool
		if entries, more, err = r.Next(ctx, 500); err != nil {
			break
		}
		for _, e := range entries {
			if err := f(e); err != nil {
				return err
			}
		}
		if !more {
			err = r.Wait(ctx)
		}
	}
	return err
}

func (l *local) Whoami(context.Context) (auth.Principal, error) { return l.who, nil }

func (l *local) Members(ctx context.Context) ([]auth.Member, error) {
	return l.Auth.Members(ctx, l.who)
}

func (l *local) AddMember(ctx context.Context, m newMember) (added, error) {
	account := auth.NewAccount{Email: m.email, Name: m.name, Password: m.password}
	done, err := l.Auth.SetUp(ctx)
	if err != nil {
		return added{}, err
	}
	if !done {
		if m.role != auth.RoleOwner {
			return added{}, usage("the first person must be an owner", "la primera persona debe ser propietaria").
				hinting("add the owner first: --role owner", "añade antes al propietario: --role owner")
		}
		err = l.firstOwner(ctx, account, m.orgTitle)
		if err != nil {
			return added{}, err
		}
		return l.letIn(ctx, m, added{first: true})
	}
	membership := auth.Membership{Role: m.role, UserRef: m.userRef, Expires: m.expires}
	if _, err := l.Auth.CreateAccount(ctx, l.who, account, membership); err != nil {
		return added{}, err
	}
	return l.letIn(ctx, m, added{})
}

// signInTerm is how long a sign-in link made on the command line lasts.
const signInTerm = time.Hour

// letIn gives a new member without a password another way in.
func (l *local) letIn(ctx context.Context, m newMember, a added) (added, error) {
	if m.password != "" {
		return a, nil
	}
	var err error
	a.link, err = l.SignInLink(ctx, m.email)
	return a, err
}

func (l *local) SetRole(ctx context.Context, m auth.Member, role auth.Role, expires time.Time) error {
	m.Role, m.Expires = role, expires
	return l.Auth.SetMembership(ctx, l.who, m.Membership)
}

func (l *local) SetDisabled(ctx context.Context, account string, disabled bool) error {
	return l.Auth.SetDisabled(ctx, l.who, account, disabled)
}

func (l *local) RemoveMember(ctx context.Context, account string) error {
	return l.Auth.RemoveMember(ctx, l.who, account)
}

func (l *local) ResetLink(ctx context.Context, account string) (link, error) {
	made, err := l.Auth.ResetLink(ctx, l.who, account)
	return link{l.program.Path("reset", made.Secret), made.Expires}, err
}

func (l *local) SignInLink(ctx context.Context, email string) (link, error) {
	made, err := l.Auth.SignInLink(ctx, l.who, email, signInTerm)
	return link{l.program.Path("sign-in", made.Secret), made.Expires}, err
}

func (l *local) CreateToken(ctx context.Context, n newToken) (auth.Token, string, error) {
	if n.ingest {
		return l.Auth.CreateIngestToken(ctx, l.who, n.name, n.expires)
	}
	t := auth.NewToken{Name: n.name, Scopes: n.scopes, Cap: n.cap, Expires: n.expires}
	if n.owner == "" {
		return auth.Token{}, "", usage("a token in a data folder needs its owner", "un token en una carpeta de datos necesita su propietario").
			hinting("add --owner EMAIL, or --ingest for a machine that only writes events", "añade --owner CORREO, o --ingest para una máquina que solo escribe eventos")
	}
	return l.Auth.CreateTokenFor(ctx, l.who, n.owner, t)
}

func (l *local) Tokens(ctx context.Context, _ bool) ([]auth.Token, error) {
	return l.Auth.OrgTokens(ctx, l.who)
}

func (l *local) RevokeToken(ctx context.Context, id string) error {
	return l.Auth.RevokeToken(ctx, l.who, id)
}

func (l *local) SearchAudit(ctx context.Context, q audit.Query) ([]audit.Record, int64, error) {
	return l.Audit.Search(ctx, l.who.Org, q)
}

func (l *local) ExportAudit(ctx context.Context, w io.Writer, format string, q audit.Query) error {
	return l.Audit.Export(ctx, l.who.Org, w, format, q)
}

func (l *local) VerifyAudit(ctx context.Context, anchors []audit.Anchor) (audit.Report, error) {
	return l.Audit.Verify(ctx, l.who.Org, anchors...)
}

// firstOwner makes the first owner and ends the session that begins with it,
// since nobody at a terminal could use it.
func (g *Ground) firstOwner(ctx context.Context, owner auth.NewAccount, title string) error {
	visitor := auth.Visitor{Via: "cli"}
	session, err := g.Auth.CreateFirstOwner(ctx, owner, title, visitor)
	if err != nil {
		return err
	}
	return g.Auth.SignOut(ctx, session.Secret, visitor)
}
