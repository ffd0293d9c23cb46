package action

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Hook is an address that is told what happens. Those of an organisation
// (Account "") get entries of the feed, those of a person their notifications.
type Hook struct {
	ID        string
	Org       string
	Account   string // whose notifications it gets; "" for the organisation's
	Name      string
	URL       string
	Types     []string // of the feed, as "entity.updated" or "comment.*"; none means every type
	Disabled  time.Time
	Reason    string // why it was disabled, when the program did it
	Created   time.Time
	CreatedBy string
	OldUntil  time.Time // until when the secret before the present one signs too

	secret, oldSecret string // sealed
}

// Sealer seals secrets that must be read back; auth.Keyring is one.
type Sealer interface {
	Seal(ctx context.Context, secret []byte, context string) (string, error)
	Open(ctx context.Context, sealed, context string) ([]byte, error)
}

// Hooks keeps webhooks and sends to them. It is the Sender of kind Webhook.
type Hooks struct {
	db     *sqldb.DB
	keys   Sealer
	client *http.Client
	now    func() time.Time
}

// NewHooks returns the webhooks of a database. The client is the guarded one;
// redirects are not followed.
func NewHooks(db *sqldb.DB, keys Sealer, client *http.Client) *Hooks {
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	own.Timeout = hookTimeout
	return &Hooks{db: db, keys: keys, client: &own, now: time.Now}
}

const (
	hookTimeout = 20 * time.Second
	maxHooks    = 50             // of an organisation, and of a person 5
	maxOwnHooks = 5              //
	rotateTerm  = 24 * time.Hour // how long the secret before the present one goes on signing
)

func hookContext(id string) string { return "action/hook/" + id }

// Sealed returns the columns that hold the secrets of webhooks.
func Sealed() []auth.Sealed {
	what := lang.T("secrets of webhooks (each is off until it is given a new one)", "secretos de webhooks (cada uno queda apagado hasta que se le dé otro)")
	return []auth.Sealed{
		{Table: "action_hooks", Column: "secret", Name: "name", Context: hookContext, What: what, Forget: forgetSecret},
		{Table: "action_hooks", Column: "old_secret", Name: "name", Context: hookContext, What: what, Forget: forgetSecret},
	}
}

// forgetSecret disables a webhook whose secrets nobody can read any more.
func forgetSecret(ctx context.Context, tx *sqldb.Tx, p auth.Principal, id string) (*audit.Record, error) {
	r := &audit.Record{Actor: p.Account, ActorName: p.Name, Action: "webhook.off", Target: "webhook:" + id, IP: p.IP, Via: p.Via, Detail: json.RawMessage(`{"by":"key.reset"}`)}
	err := tx.QueryRow(ctx, `UPDATE action_hooks SET secret = '', old_secret = '', old_until = 0, disabled = ?, reason = ? WHERE id = ? RETURNING org`,
		sqldb.Micros(time.Now()), "its secret was lost with the key: give it a new one", id).Scan(&r.Org)
	return r, err
}

// may asks for the right to see and change the hooks of an organisation, or
// one's own.
func may(p auth.Principal, account string) error {
	if account != "" && account == p.Account {
		return p.Can(auth.Self, auth.Resource{})
	}
	return p.Can(auth.Admin, auth.Resource{Kind: auth.KindWebhook})
}

const hookColumns = `id, org, account, name, url, types, secret, old_secret, old_until, disabled, reason, created, created_by`

func (h *Hooks) query(ctx context.Context, q sqldb.Querier, where string, args ...any) ([]Hook, error) {
	out, err := sqldb.All(ctx, q, func(r sqldb.Row) (k Hook, err error) {
		var types string
		var old, disabled, created int64
		err = r.Scan(&k.ID, &k.Org, &k.Account, &k.Name, &k.URL, &types, &k.secret, &k.oldSecret, &old, &disabled, &k.Reason, &created, &k.CreatedBy)
		k.Types, k.OldUntil, k.Disabled, k.Created = strings.Fields(types), sqldb.Time(old), sqldb.Time(disabled), sqldb.Time(created)
		return k, err
	}, `SELECT `+hookColumns+` FROM action_hooks WHERE `+where+` ORDER BY created, id`, args...)
	if err != nil {
		return nil, fmt.Errorf("action: webhooks: %w", err)
	}
	return out, nil
}

// List returns the webhooks of p's organisation, or p's own.
func (h *Hooks) List(ctx context.Context, p auth.Principal, own bool) ([]Hook, error) {
	account := ""
	if own {
		account = p.Account
	}
	if err := may(p, account); err != nil {
		return nil, err
	}
	return h.query(ctx, h.db, `org = ? AND account = ?`, p.Org, account)
}

// Get returns one webhook that p may see.
func (h *Hooks) Get(ctx context.Context, p auth.Principal, id string) (Hook, error) {
	list, err := h.query(ctx, h.db, `org = ? AND id = ?`, p.Org, id)
	if err != nil {
		return Hook{}, err
	}
	if len(list) == 0 || list[0].Account != "" && list[0].Account != p.Account {
		if err := p.Can(auth.Whoami, auth.Resource{}); err != nil {
			return Hook{}, err
		}
		return Hook{}, noHook()
	}
	return list[0], may(p, list[0].Account)
}

func noHook() error {
	return auth.Refuse(fault.NotFound, "no-hook", lang.T("There is no such webhook.", "Ese webhook no existe."))
}

func badHook(field, code, en, es string, args ...any) error {
	return auth.BadField(field, code, lang.T(en, es), args...)
}

var typePattern = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*(\.\*)?$`)

func (k *Hook) check() error {
	k.Name, k.URL = strings.TrimSpace(k.Name), strings.TrimSpace(k.URL)
	if k.Name == "" || len(k.Name) > 100 || !utf8.ValidString(k.Name) || strings.ContainsFunc(k.Name, func(r rune) bool { return r < ' ' }) {
		return badHook("name", "hook-name", "Write a name of 1 to 100 characters.", "Escribe un nombre de 1 a 100 caracteres.")
	}
	u, err := url.Parse(k.URL)
	if err != nil || len(k.URL) > 2000 || CheckURL(u) != nil {
		return badHook("url", "hook-url", "Write an address that begins with https://, without user and password in it.", "Escribe una dirección que empiece por https://, sin usuario ni contraseña.")
	}
	if len(k.Types) > 50 {
		return badHook("types", "hook-types-many", "Name at most 50 types.", "Nombra como mucho 50 tipos.")
	}
	for _, t := range k.Types {
		if !typePattern.MatchString(t) || len(t) > 100 {
			return badHook("types", "hook-types", "{0} is not a type of what happens: write entity.updated, or comment.* for all of a sort.", "{0} no es un tipo de suceso: escribe entity.updated, o comment.* para todos los de una clase.", t)
		}
	}
	return nil
}

// Create makes a webhook and returns it with its secret, which is shown this
// once.
func (h *Hooks) Create(ctx context.Context, p auth.Principal, k Hook) (Hook, string, error) {
	if k.Account != "" {
		k.Account = p.Account
	}
	if err := may(p, k.Account); err != nil {
		return Hook{}, "", err
	}
	if err := k.check(); err != nil {
		return Hook{}, "", err
	}
	secret := newHookSecret()
	k.ID, k.Org, k.CreatedBy, k.Created = strings.ToLower(rand.Text()), p.Org, p.Name, h.now().UTC().Truncate(time.Microsecond)
	sealed, err := h.keys.Seal(ctx, []byte(secret), hookContext(k.ID))
	if err != nil {
		return Hook{}, "", err
	}
	err = h.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if err := h.room(ctx, tx, k); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO action_hooks (`+hookColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, '', 0, 0, '', ?, ?)`,
			k.ID, k.Org, k.Account, k.Name, k.URL, strings.Join(k.Types, " "), sealed, sqldb.Micros(k.Created), k.CreatedBy)
		if err != nil {
			return err
		}
		return h.audit(ctx, tx, p, "webhook.create", k)
	})
	return k, secret, err
}

// room refuses more webhooks than anybody needs.
func (h *Hooks) room(ctx context.Context, tx *sqldb.Tx, k Hook) error {
	most := maxHooks
	if k.Account != "" {
		most = maxOwnHooks
	}
	var n int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM action_hooks WHERE org = ? AND account = ?`, k.Org, k.Account).Scan(&n)
	if err == nil && n >= most {
		err = auth.Refuse(fault.Conflict, "hooks-many", lang.T("There are {0} webhooks already, which is the limit.", "Ya hay {0} webhooks, que es el límite."), strconv.Itoa(most))
	}
	return err
}

func (h *Hooks) audit(ctx context.Context, tx *sqldb.Tx, p auth.Principal, action string, k Hook) error {
	u, _ := url.Parse(k.URL)
	detail := map[string]any{"name": k.Name, "types": k.Types, "personal": k.Account != ""}
	if u != nil {
		detail["host"] = u.Host // the path of an address is often its secret
	}
	r := &audit.Record{Org: p.Org, Actor: p.Account, ActorName: p.Name, Action: action, Target: "webhook:" + k.ID, IP: p.IP, Via: p.Via}
	r.Detail, _ = json.Marshal(detail)
	return audit.Append(ctx, tx, r)
}

// change runs a change of one webhook that p may make.
func (h *Hooks) change(ctx context.Context, p auth.Principal, id, action string, do func(*sqldb.Tx, *Hook) error) (Hook, error) {
	k, err := h.Get(ctx, p, id)
	if err != nil {
		return k, err
	}
	return k, h.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if err := do(tx, &k); err != nil {
			return err
		}
		return h.audit(ctx, tx, p, action, k)
	})
}

// Update changes name, address and types.
func (h *Hooks) Update(ctx context.Context, p auth.Principal, id string, to Hook) (Hook, error) {
	return h.change(ctx, p, id, "webhook.change", func(tx *sqldb.Tx, k *Hook) error {
		k.Name, k.URL, k.Types = to.Name, to.URL, to.Types
		if err := k.check(); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE action_hooks SET name = ?, url = ?, types = ? WHERE id = ?`, k.Name, k.URL, strings.Join(k.Types, " "), k.ID)
		return err
	})
}

// SetDisabled stops a webhook, with what still waits for it, or starts it again.
func (h *Hooks) SetDisabled(ctx context.Context, p auth.Principal, id string, disabled bool) (Hook, error) {
	action := "webhook.enable"
	if disabled {
		action = "webhook.disable"
	}
	return h.change(ctx, p, id, action, func(tx *sqldb.Tx, k *Hook) error {
		k.Reason, k.Disabled = "", time.Time{}
		if disabled {
			k.Disabled = h.now().UTC().Truncate(time.Microsecond)
			if err := h.drop(ctx, tx, *k, "the webhook was disabled"); err != nil {
				return err
			}
		} else if k.secret == "" {
			return auth.Refuse(fault.Conflict, "hook-secret", lang.T("The secret of this webhook was lost; give it a new one first.", "El secreto de este webhook se perdió; dale antes otro."))
		}
		_, err := tx.Exec(ctx, `UPDATE action_hooks SET disabled = ?, reason = '' WHERE id = ?`, sqldb.Micros(k.Disabled), k.ID)
		return err
	})
}

// drop ends what still waits for a webhook.
func (h *Hooks) drop(ctx context.Context, tx *sqldb.Tx, k Hook, why string) error {
	_, err := tx.Exec(ctx, `UPDATE action_outbox SET state = ?, error = ?, ended = ? WHERE org = ? AND lane = ? AND state = ?`,
		Failed, why, sqldb.Micros(h.now()), k.Org, Act{Kind: Webhook, Target: k.ID}.lane(), Waiting)
	return err
}

// Remove removes a webhook, with what still waits for it.
func (h *Hooks) Remove(ctx context.Context, p auth.Principal, id string) error {
	_, err := h.change(ctx, p, id, "webhook.remove", func(tx *sqldb.Tx, k *Hook) error {
		if err := h.drop(ctx, tx, *k, "the webhook was removed"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM action_hooks WHERE id = ?`, k.ID)
		return err
	})
	return err
}

// Rotate gives a webhook a new secret, which is shown this once. The one before
// signs beside it for a day, so that the receiver can change over without
// refusing anything.
func (h *Hooks) Rotate(ctx context.Context, p auth.Principal, id string) (Hook, string, error) {
	secret := newHookSecret()
	sealed, err := h.keys.Seal(ctx, []byte(secret), hookContext(id))
	if err != nil {
		return Hook{}, "", err
	}
	k, err := h.change(ctx, p, id, "webhook.rotate", func(tx *sqldb.Tx, k *Hook) error {
		k.OldUntil = h.now().Add(rotateTerm).UTC().Truncate(time.Microsecond)
		_, err := tx.Exec(ctx, `UPDATE action_hooks SET old_secret = secret, secret = ?, old_until = ? WHERE id = ?`,
			sealed, sqldb.Micros(k.OldUntil), k.ID)
		return err
	})
	return k, secret, err
}

// Test logs a delivery that only says that it is a test.
func (h *Hooks) Test(ctx context.Context, p auth.Principal, id string) (key string, err error) {
	k, err := h.Get(ctx, p, id)
	if err != nil {
		return "", err
	}
	if !k.Disabled.IsZero() {
		return "", auth.Refuse(fault.Conflict, "hook-off", lang.T("This webhook is disabled; enable it first.", "Este webhook está desactivado; actívalo primero."))
	}
	now := h.now()
	key = "webhook/" + k.ID + "/test/" + strings.ToLower(rand.Text()[:10])
	body, err := json.Marshal(Event{Type: "test", Timestamp: now.UTC(), Data: map[string]string{"webhook": k.ID, "name": k.Name}})
	if err != nil {
		return "", err
	}
	return key, h.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if err := Log(ctx, tx, Act{Org: p.Org, Key: key, Kind: Webhook, Target: k.ID, Payload: body}); err != nil {
			return err
		}
		return h.audit(ctx, tx, p, "webhook.test", k)
	})
}

// Deliveries returns the newest deliveries of a webhook.
func (h *Hooks) Deliveries(ctx context.Context, p auth.Principal, id string, limit int) ([]Act, error) {
	k, err := h.Get(ctx, p, id)
	if err != nil {
		return nil, err
	}
	return Acts(ctx, h.db, p.Org, Webhook, k.ID, limit)
}

// Event is the body of a delivery.
type Event struct {
	Type      string    `json:"type"` // as "entity.updated"
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// Send sends one delivery.
func (h *Hooks) Send(ctx context.Context, a Act) error {
	list, err := h.query(ctx, h.db, `org = ? AND id = ?`, a.Org, a.Target)
	if err != nil {
		return err
	}
	if len(list) == 0 || !list[0].Disabled.IsZero() {
		return Permanent(errors.New("the webhook was removed or disabled"))
	}
	return h.post(ctx, list[0], a)
}

// secrets opens the secrets that sign now, the present one first.
func (h *Hooks) secrets(ctx context.Context, k Hook) ([]string, error) {
	sealed := []string{k.secret}
	if k.oldSecret != "" && h.now().Before(k.OldUntil) {
		sealed = append(sealed, k.oldSecret)
	}
	var out []string
	for _, s := range sealed {
		secret, err := h.keys.Open(ctx, s, hookContext(k.ID))
		if err != nil {
			return nil, err
		}
		out = append(out, string(secret))
	}
	return out, nil
}

func (h *Hooks) post(ctx context.Context, k Hook, a Act) error {
	secrets, err := h.secrets(ctx, k)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, k.URL, bytes.NewReader(a.Payload))
	if err != nil {
		return Permanent(err)
	}
	id, now := "msg_"+a.ID(), h.now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(headerID, id)
	req.Header.Set(headerTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(headerSignature, signatures(secrets, id, now, a.Payload))
	resp, err := h.client.Do(req)
	if err != nil {
		return explain(req.URL, err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // what it says beside its status means nothing
	return h.judge(ctx, k, resp)
}

// judge reads the status of an answer: 2xx is taken, 410 means never again, and
// anything else is tried later.
func (h *Hooks) judge(ctx context.Context, k Hook, resp *http.Response) error {
	said := fault.New(fault.Unavailable, "%s answered %s", resp.Request.URL.Host, resp.Status).Coded("answered")
	switch {
	case resp.StatusCode/100 == 2:
		return nil
	case resp.StatusCode == http.StatusGone:
		return Permanent(errors.Join(said, h.gone(ctx, k, said.Msg)))
	case resp.StatusCode/100 == 3:
		said.Msg += ": redirects are not followed"
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		said.RetryAfter = time.Duration(min(s, 86400)) * time.Second
	}
	return said
}

// gone disables a webhook whose receiver says that it is there no more.
func (h *Hooks) gone(ctx context.Context, k Hook, why string) error {
	p := auth.Local(k.Org, "Binnacle", audit.System)
	return h.db.Tx(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE action_hooks SET disabled = ?, reason = ? WHERE id = ? AND disabled = 0`, sqldb.Micros(h.now()), why, k.ID)
		if err != nil {
			return err
		}
		return h.audit(ctx, tx, p, "webhook.disable", k)
	})
}

// wants reports whether a webhook is told of entries of a type.
func (k Hook) wants(t string) bool {
	return len(k.Types) == 0 || slices.ContainsFunc(k.Types, func(want string) bool {
		prefix, all := strings.CutSuffix(want, "*")
		return want == t || all && strings.HasPrefix(t, prefix)
	})
}

// Own returns the enabled webhooks of the people of an organisation, by account,
// for work that is done for them.
func (h *Hooks) Own(ctx context.Context, q sqldb.Querier, org string) (map[string][]Hook, error) {
	list, err := h.query(ctx, q, `org = ? AND account <> '' AND disabled = 0`, org)
	out := map[string][]Hook{}
	for _, k := range list {
		out[k.Account] = append(out[k.Account], k)
	}
	return out, err
}
