// Package morning gathers what a reader has to know first: what waits for them,
// what is red and whose it is, what changed since they last looked, how the
// instruments stand, what falls due, and which numbers are not to be trusted
// today. It knows no page: the web, the API, the command line, the assistants'
// tools and the digest all show the same.
//
// Rooms add to it by listing: a Waiter finds what waits for a reader, News tells
// of what happened beside claims that turned.
package morning

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Config is what a Desk works with. DB, Catalog, Claims and Feed are required.
type Config struct {
	DB      *sqldb.DB
	Catalog *catalog.Catalog
	Claims  *claim.Engine
	Feed    *feed.Feed
	Waiters []Waiter // beside those of claims, exceptions and dates
	News    []News
	Now     func() time.Time // nil: the time
	Log     *slog.Logger     // nil: none
}

// Room is a room of the house as the overview names it.
type Room struct {
	ID    string
	Title lang.Text
	Icon  string
}

// houseRooms are the rooms in the order of the navigation. Claims name them
// whether or not the program brings pages of theirs.
var houseRooms = []Room{
	{auth.Strategy, lang.T("Strategy", "Estrategia"), "strategy"}, {auth.People, lang.T("People", "Personas"), "people"}, {auth.Delivery, lang.T("Delivery", "Entrega"), "delivery"},
	{auth.Operations, lang.T("Operations", "Operaciones"), "operations"}, {auth.Security, lang.T("Security", "Seguridad"), "security"},
	{auth.Governance, lang.T("Governance", "Gobierno"), "governance"}, {auth.Review, lang.T("Reviews", "Revisiones"), "reviews"},
}

// Desk answers readers. It is safe for concurrent use.
type Desk struct {
	Config
	waiters []Waiter

	mu     sync.Mutex
	counts map[reader]kept
}

// New returns a desk over a migrated database.
func New(cfg Config) *Desk {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	d := &Desk{Config: cfg, counts: map[reader]kept{}}
	d.waiters = append(ownWaiters(), cfg.Waiters...)
	slices.SortStableFunc(d.waiters, func(a, b Waiter) int { return a.Order - b.Order })
	return d
}

// Look is one reader's look at one moment. Waiters and News read with it.
type Look struct {
	Ctx     context.Context
	Caller  catalog.Caller
	Now     time.Time      // in Zone
	Zone    *time.Location // of the organisation
	Mine    []string       // the reader, the groups they belong to, and those below groups they lead: full references
	Catalog *catalog.Catalog
	Claims  *claim.Engine
	DB      *sqldb.DB

	d       *Desk
	glances []claim.Glance
	read    bool
	titles  map[string]string
}

// look begins a look.
func (d *Desk) look(ctx context.Context, caller catalog.Caller) (*Look, error) {
	zone, err := auth.Zone(ctx, d.DB, caller.Org)
	if err != nil {
		return nil, err
	}
	l := &Look{Ctx: ctx, Caller: caller, Now: d.Now().In(zone), Zone: zone, Catalog: d.Catalog, Claims: d.Claims, DB: d.DB, d: d, titles: map[string]string{}}
	l.Mine, err = d.mine(ctx, caller)
	return l, err
}

// Midnight returns the beginning of the day that lies some days from today.
func (l *Look) Midnight(days int) time.Time {
	return time.Date(l.Now.Year(), l.Now.Month(), l.Now.Day()+days, 0, 0, 0, 0, l.Zone)
}

// Is reports whether a full reference names the reader or a group of theirs.
func (l *Look) Is(ref string) bool { return ref != "" && slices.Contains(l.Mine, ref) }

// Glances returns the claims the reader may read, read once.
func (l *Look) Glances() ([]claim.Glance, error) {
	if l.read {
		return l.glances, nil
	}
	var err error
	l.glances, err = l.Claims.Glances(l.Ctx, l.Caller)
	l.read = err == nil
	return l.glances, err
}

// Names completes the titles of what some full references name. Name then gives
// them.
func (l *Look) Names(refs ...string) error {
	var ask []entity.Ref
	for _, text := range refs {
		if _, ok := l.titles[text]; ok || text == "" {
			continue
		}
		if ref, err := entity.ParseRef(text, "", ""); err == nil {
			ask = append(ask, ref)
		}
	}
	if len(ask) == 0 {
		return nil
	}
	found, err := l.Catalog.Titles(l.Ctx, l.Caller, ask)
	for ref, title := range found {
		l.titles[ref] = title
	}
	return err
}

// Name returns what people call the thing of a full reference: its title, or
// what the reference itself says.
func (l *Look) Name(text string) string {
	if title := l.titles[text]; title != "" {
		return title
	}
	if ref, err := entity.ParseRef(text, "", ""); err == nil {
		return ref.Name
	}
	return text
}

// mine returns the reader and their groups.
func (d *Desk) mine(ctx context.Context, caller catalog.Caller) ([]string, error) {
	if caller.UserRef == "" {
		return nil, nil
	}
	groups, err := sqldb.Values[string](ctx, d.DB, `WITH RECURSIVE me(id) AS (SELECT id FROM entities WHERE org = ? AND ref = ? AND deleted = 0),
		leads(id) AS (SELECT l.target_id FROM relations l JOIN me ON me.id = l.id WHERE l.type = 'leaderOf' UNION SELECT l.id FROM relations l JOIN me ON me.id = l.target_id WHERE l.type = 'ledBy'),
		below(id, up) AS (SELECT id, target_id FROM relations WHERE org = ? AND type = 'childOf' UNION SELECT target_id, id FROM relations WHERE org = ? AND type = 'parentOf'),
		led(id) AS (SELECT id FROM leads UNION SELECT b.id FROM led JOIN below b ON b.up = led.id)
		SELECT e.ref FROM entities e WHERE e.org = ? AND e.deleted = 0 AND e.id IN (SELECT id FROM led
			UNION SELECT l.target_id FROM relations l JOIN me ON me.id = l.id WHERE l.type = 'memberOf' UNION SELECT l.id FROM relations l JOIN me ON me.id = l.target_id WHERE l.type = 'hasMember') ORDER BY e.ref`,
		caller.Org, caller.UserRef, caller.Org, caller.Org, caller.Org)
	return append([]string{caller.UserRef}, groups...), err
}

// lens is how a role looks at the whole.
type lens struct {
	first    []string // rooms that stand before the others
	mine     bool     // one's own before the others'
	evidence bool     // evidence and exceptions before decisions
}

func lensOf(role auth.Role) lens {
	switch role {
	case auth.RoleCISO, auth.RoleVCISO:
		return lens{first: []string{auth.Security, auth.Governance}}
	case auth.RoleAuditor:
		return lens{first: []string{auth.Governance, auth.Security}, evidence: true}
	case auth.RoleLead, auth.RoleMember:
		return lens{mine: true}
	}
	return lens{}
}

// rooms returns the rooms in the order of a lens.
func (v lens) rooms() []Room {
	out := slices.Clone(houseRooms)
	place := func(r Room) int {
		if i := slices.Index(v.first, r.ID); i >= 0 {
			return i
		}
		return len(v.first)
	}
	slices.SortStableFunc(out, func(a, b Room) int { return cmp.Compare(place(a), place(b)) })
	return out
}

// ownFirst puts what is the reader's own before the rest, where a role looks so.
func ownFirst[T any](l *Look, v lens, list []T, owner func(T) string) {
	if !v.mine {
		return
	}
	slices.SortStableFunc(list, func(a, b T) int {
		x, y := l.Is(owner(a)), l.Is(owner(b))
		switch {
		case x == y:
			return 0
		case x:
			return -1
		}
		return 1
	})
}
