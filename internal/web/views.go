package web

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Migrations returns the tables of this package: the saved views of lists.
func Migrations() []sqldb.Migration {
	return []sqldb.Migration{{Name: "web/001-views", SQL: `
CREATE TABLE views (
  id TEXT PRIMARY KEY, org TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, query TEXT NOT NULL,
  account TEXT NOT NULL, shared INTEGER NOT NULL, created BIGINT NOT NULL)
;;
CREATE INDEX views_kind ON views (org, kind)`}}
}

// viewLink is a saved view of a list.
type viewLink struct {
	ID, Name, Href        string
	Shared, Mine, Current bool
}

// mostViews is how many views one person may keep for a kind.
const mostViews = 50

// stateQuery is the part of an address that a view keeps: neither the place in
// the list nor what is empty.
func stateQuery(q url.Values) string {
	kept := url.Values{}
	for name, values := range q {
		if name == "cursor" || name == "from" || name == "more" {
			continue
		}
		if v := nonEmpty(values); len(v) > 0 {
			kept[name] = v
		}
	}
	return kept.Encode()
}

// views lists the reader's own views of a kind and the shared ones.
func (c *Ctx) views(k *catalog.Kind, now url.Values) ([]viewLink, error) {
	state := stateQuery(now)
	return sqldb.All(c.R.Context(), c.Catalog().DB(), func(r sqldb.Row) (v viewLink, err error) {
		var query, account string
		var shared int
		err = r.Scan(&v.ID, &v.Name, &query, &account, &shared)
		v.Href, v.Shared, v.Mine, v.Current = "/"+k.Plural, shared != 0, account == c.Caller.Account, query == state
		if query != "" {
			v.Href += "?" + query
		}
		return v, err
	}, `SELECT id, name, query, account, shared FROM views WHERE org = ? AND kind = ? AND (account = ? OR shared = 1) ORDER BY lower(name), id`,
		c.Caller.Org, k.Name, c.Caller.Account)
}

// saveView keeps the state of a list under a name. Sharing one is for those who
// may write the kind.
func saveView(c *Ctx, k *catalog.Kind) (any, error) {
	name, shared := c.Form("name"), c.Form("shared") != ""
	if name == "" || len(name) > 80 {
		return nil, c.refuse(fault.Invalid, "view.name.bad")
	}
	if shared {
		if err := c.Caller.Can(auth.Write, k.Resource()); err != nil {
			return nil, err
		}
	}
	q, err := url.ParseQuery(c.R.PostFormValue("query"))
	if err != nil {
		return nil, fault.New(fault.Invalid, "the view's address cannot be read").Coded("view-address")
	}
	state := stateQuery(q)
	if err := c.storeView(c.R.Context(), k, name, state, shared); err != nil {
		return nil, err
	}
	to := "/" + k.Plural
	if state != "" {
		to += "?" + state
	}
	return Redirect{To: to, Toast: &Toast{Key: "toast.view.saved", Args: []string{name}}}, nil
}

// storeView writes a view; the same name of the same person is replaced.
func (c *Ctx) storeView(ctx context.Context, k *catalog.Kind, name, state string, shared bool) error {
	flag := 0
	if shared {
		flag = 1
	}
	return c.Catalog().DB().Tx(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM views WHERE org = ? AND kind = ? AND account = ? AND name = ?`, c.Caller.Org, k.Name, c.Caller.Account, name); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM views WHERE org = ? AND kind = ? AND account = ?`, c.Caller.Org, k.Name, c.Caller.Account).Scan(&n); err != nil {
			return err
		}
		if n >= mostViews {
			return fault.New(fault.Conflict, "there are already %d views of this list", mostViews).Coded("views").WithHint("delete one first")
		}
		_, err := tx.Exec(ctx, `INSERT INTO views (id, org, kind, name, query, account, shared, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			strings.ToLower(rand.Text()), c.Caller.Org, k.Name, name, state, c.Caller.Account, flag, sqldb.Micros(c.Now))
		return err
	})
}

// deleteView takes away a view of the reader's own, or a shared one when the
// reader may delete in the kind.
func deleteView(c *Ctx, k *catalog.Kind) (any, error) {
	ctx, cond, args := c.R.Context(), ` AND account = ?`, []any{c.Form("id"), c.Caller.Org, k.Name}
	if c.CanKind(auth.Delete, k) {
		cond = ` AND (account = ? OR shared = 1)`
	}
	res, err := c.Catalog().DB().Exec(ctx, `DELETE FROM views WHERE id = ? AND org = ? AND kind = ?`+cond, append(args, c.Caller.Account)...)
	if err != nil {
		return nil, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return nil, fault.New(fault.NotFound, "there is no such view of yours").Coded("no-view")
	}
	return Redirect{To: "/" + k.Plural, Toast: &Toast{Key: "toast.view.deleted"}}, nil
}
