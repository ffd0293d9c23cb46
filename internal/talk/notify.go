package talk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Notification is something somebody was told of.
type Notification struct {
	ID        string // computed from the organisation, the account and the cause
	Org       string
	Account   string
	Cause     string // "entry/SEQ", or "change/MOMENT/ACTOR" for all that one did in one go
	N         int    // records that changed in one go
	At        time.Time
	Type      string
	Why       Why
	Direct    bool
	UID, Ref  string // of the record, or of the first of several
	Actor     string
	ActorName string
	Data      json.RawMessage
	Seen      time.Time // zero: not yet

	first, last int64 // entries of the feed it tells of
}

// Watch writes the notifications. It begins where the feed ends when it is first
// started: nobody is told of the past.
func (s *Service) Watch() feed.Watch {
	types := []string{}
	for _, n := range s.Notices {
		types = append(types, n.Type)
	}
	slices.Sort(types)
	return feed.Watch{Name: "talk/notify", Types: slices.Compact(types), FromNow: true, Batch: 200, Handle: s.notify}
}

// notify tells people of a batch. An entry that was told of already, as after a
// replay, changes nothing: what is written is named after its cause, and a
// notification of several entries knows the last of them.
func (s *Service) notify(ctx context.Context, tx *sqldb.Tx, batch []feed.Entry) error {
	orgs := map[string][]feed.Entry{}
	for _, e := range batch {
		if e.Org != "" && e.UID != "" {
			orgs[e.Org] = append(orgs[e.Org], e)
		}
	}
	for org, entries := range orgs {
		t := &teller{s: s, tx: tx, org: org}
		if err := t.tell(ctx, entries); err != nil {
			return fmt.Errorf("talk: notify: %w", err)
		}
	}
	return nil
}

// teller tells the people of one organisation of one batch.
type teller struct {
	s        *Service
	tx       *sqldb.Tx
	org      string
	dir      *directory
	settings map[string]Settings
	known    map[string]*catalog.Known
	chosen   map[string]map[string]Watch
	hooks    map[string][]action.Hook // by account

	order []string
	made  map[string]*Notification // by id
}

// on is what a notification is about.
func (t *teller) on(n *Notification) *subject { return t.s.subject(n.Type, n.Data, t.known[n.UID]) }

func (t *teller) tell(ctx context.Context, entries []feed.Entry) (err error) {
	var uids []string
	for _, e := range entries {
		uids = append(uids, e.UID)
	}
	slices.Sort(uids)
	uids = slices.Compact(uids)
	if t.dir, err = t.s.directory(ctx, t.tx, t.org); err != nil {
		return err
	}
	if t.settings, err = settingsOf(ctx, t.tx, t.org); err != nil {
		return err
	}
	if t.known, err = t.s.Catalog.Known(ctx, t.tx, t.org, uids...); err != nil {
		return err
	}
	if t.chosen, err = watchers(ctx, t.tx, t.org, uids); err != nil {
		return err
	}
	t.made = map[string]*Notification{}
	for _, e := range entries {
		if err := t.entry(ctx, e); err != nil {
			return err
		}
	}
	for _, id := range t.order {
		if err := t.write(ctx, t.made[id]); err != nil {
			return err
		}
	}
	return nil
}

// entry finds who is told of an entry.
func (t *teller) entry(ctx context.Context, e feed.Entry) error {
	notice, on := t.s.notice(e.Type), t.s.subject(e.Type, e.Data, t.known[e.UID])
	if notice == nil || on == nil {
		return nil
	}
	who, err := t.audience(ctx, notice, on, e)
	if err != nil {
		return err
	}
	for _, p := range t.dir.people {
		why, told := who[p.Account]
		if !told || p.Account == e.Actor || notice.Only != nil && !notice.Only(why) || p.Principal().Can(auth.Read, on.resource()) != nil {
			continue
		}
		t.add(notice, p, why, e)
	}
	return nil
}

// audience returns the accounts that an entry concerns, and why. Whoever muted
// the record hears of it only when they are mentioned.
func (t *teller) audience(ctx context.Context, notice *Notice, on *subject, e feed.Entry) (map[string]Why, error) {
	who := map[string]Why{}
	if k := on.kind(); k != nil {
		var err error
		if who, err = t.s.concerned(ctx, t.dir, k, on.Entity); err != nil {
			return nil, err
		}
	}
	for account, w := range t.chosen[e.UID] {
		if w.Set == Watching && w.since <= sqldb.Micros(e.At) { // else it began later
			why := w.Why
			if why == Mentioned || why == Began {
				why = Commented // that was earlier
			}
			who[account] = stronger(who[account], why)
		}
	}
	told := Told{Data: e.Data}
	if began := told.Field("began"); began != "" && t.dir.person(began) != nil {
		who[began] = Began
	}
	if notice.To != nil {
		more, err := notice.To(ctx, t.tx, e)
		if err != nil {
			return nil, err
		}
		for name, why := range more {
			accounts, err := t.dir.named(ctx, name)
			if err != nil {
				return nil, err
			}
			for _, a := range accounts {
				who[a] = stronger(who[a], why)
			}
		}
	}
	for account, w := range t.chosen[e.UID] {
		if w.Set == Muted {
			delete(who, account)
		}
	}
	for _, ref := range told.list("mentions") {
		accounts, err := t.dir.accounts(ctx, ref)
		if err != nil {
			return nil, err
		}
		for _, a := range accounts {
			who[a] = Mentioned
		}
	}
	return who, nil
}

// add notes that a person is told of an entry.
func (t *teller) add(notice *Notice, p auth.Person, why Why, e feed.Entry) {
	n := &Notification{Org: t.org, Account: p.Account, Cause: "entry/" + strconv.FormatInt(e.Seq, 10), N: 1, At: e.At, Type: e.Type, Why: why,
		UID: e.UID, Ref: e.Ref, Actor: e.Actor, ActorName: t.actorName(e.Actor), Data: e.Data, first: e.Seq, last: e.Seq}
	if !notice.Alone {
		n.Cause = fmt.Sprintf("change/%d/%s", sqldb.Micros(e.At), e.Actor)
	}
	n.Direct = notice.Direct != nil && notice.Direct(why)
	sum := sha256.Sum256([]byte(n.Org + "\x00" + n.Account + "\x00" + n.Cause))
	n.ID = hex.EncodeToString(sum[:13])
	if had := t.made[n.ID]; had != nil {
		had.N, had.last = had.N+1, n.last
		return
	}
	t.made[n.ID] = n
	t.order = append(t.order, n.ID)
}

// actorName is the name of who did something, as it is now.
func (t *teller) actorName(account string) string {
	if p := t.dir.person(account); p != nil {
		return p.Name
	}
	return "Binnacle"
}

// write stores a notification, and logs what goes out at once when it is new. A
// batch ends between two entries of one go where it likes: the rest is added to
// the notification, without another mail.
func (t *teller) write(ctx context.Context, n *Notification) error {
	var had int
	var last int64
	err := t.tx.QueryRow(ctx, `SELECT n, last FROM notifications WHERE id = ?`, n.ID).Scan(&had, &last)
	switch {
	case errors.Is(err, sqldb.ErrNoRows):
		return t.fresh(ctx, n)
	case err != nil || n.first <= last:
		return err
	}
	_, err = t.tx.Exec(ctx, `UPDATE notifications SET n = ?, last = ? WHERE id = ?`, had+n.N, n.last, n.ID)
	return err
}

func (t *teller) fresh(ctx context.Context, n *Notification) error {
	_, err := t.tx.Exec(ctx, `INSERT INTO notifications (id, org, account, cause, first, last, n, at, type, why, direct, uid, ref, actor, actor_name, data, seen)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`, n.ID, n.Org, n.Account, n.Cause, n.first, n.last, n.N, sqldb.Micros(n.At), n.Type, n.Why, flag(n.Direct),
		n.UID, n.Ref, n.Actor, n.ActorName, string(n.Data))
	if err != nil {
		return err
	}
	set, chose := t.settings[n.Account]
	if !chose {
		set = DefaultSettings
	}
	p := t.dir.person(n.Account)
	if set.Mail.takes(n.Direct) && t.s.Outbox.Can(action.Mail) && !t.s.notice(n.Type).Mailed {
		if err := t.mail(ctx, *p, n); err != nil {
			return err
		}
	}
	if set.Hook.takes(n.Direct) && t.s.Hooks != nil {
		return t.hook(ctx, *p, n)
	}
	return nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// mail logs the mail that tells of one notification.
func (t *teller) mail(ctx context.Context, p auth.Person, n *Notification) error {
	on := t.on(n)
	text, title, link := t.s.says(on, *n).In(p.Lang), on.title(n.Ref), t.s.link(on)
	body := text + ".\n\n" + title + "\n" + link + "\n"
	if quote, err := t.quote(ctx, n); err != nil {
		return err
	} else if quote != "" {
		body = text + ":\n\n" + quoted(quote) + "\n\n" + title + "\n" + link + "\n"
	}
	settings := t.s.Base + settingsPath
	body += "\n-- \n" + because(n.Why).In(p.Lang) + "\n" + lang.T("Change what you are told: ", "Cambia lo que recibes: ").In(p.Lang) + settings + "\n"
	payload, err := json.Marshal(action.Message{Name: p.Name, Subject: title + ": " + text, Text: body, List: "notification", Thread: n.Org + "/" + n.UID, Unsubscribe: settings})
	if err != nil {
		return err
	}
	return action.Log(ctx, t.tx, action.Act{Org: n.Org, Key: "notify/" + n.ID, Kind: action.Mail, Target: p.Email, Payload: payload})
}

// settingsPath is where people choose how they are told.
const settingsPath = "/account/notifications"

const quoteMost = 2000 // bytes

// quote returns what a comment says, for its mail.
func (t *teller) quote(ctx context.Context, n *Notification) (string, error) {
	id := Told{Data: n.Data}.Field("comment")
	if id == "" {
		return "", nil
	}
	var body string
	err := t.tx.QueryRow(ctx, `SELECT body FROM comments WHERE org = ? AND id = ?`, n.Org, id).Scan(&body)
	if errors.Is(err, sqldb.ErrNoRows) {
		return "", nil
	}
	if len(body) > quoteMost {
		body = strings.ToValidUTF8(body[:quoteMost], "") + " …"
	}
	return body, err
}

// quoted marks each line as a quotation.
func quoted(text string) string { return "> " + strings.ReplaceAll(text, "\n", "\n> ") }

var becauses = map[Why]lang.Text{
	Mentioned: lang.T("You get this because you were mentioned.", "Lo recibes porque te mencionaron."),
	Called:    lang.T("You get this because you are called when an alert is opened.", "Lo recibes porque se te avisa cuando se abre una alerta."),
	Began:     lang.T("You get this because you began the thread.", "Lo recibes porque empezaste el hilo."),
	Assigned:  lang.T("You get this because it is assigned to you.", "Lo recibes porque está asignado a ti."),
	Owner:     lang.T("You get this because you answer for it.", "Lo recibes porque respondes de ello."),
	Tasked:    lang.T("You get this because you have a task in it.", "Lo recibes porque tienes una tarea en ello."),
	Commented: lang.T("You get this because you took part.", "Lo recibes porque participaste."),
	Chose:     lang.T("You get this because you watch it.", "Lo recibes porque lo sigues."),
}

func because(w Why) lang.Text { return becauses[w] }

// Because says in a sentence why somebody is told.
func (n Notification) Because() lang.Text { return because(n.Why) }

// hook logs the deliveries that tell a person's own webhooks.
func (t *teller) hook(ctx context.Context, p auth.Person, n *Notification) error {
	if t.hooks == nil {
		all, err := t.s.Hooks.Own(ctx, t.tx, t.org)
		if err != nil {
			return err
		}
		t.hooks = all
	}
	on := t.on(n)
	for _, h := range t.hooks[p.Account] {
		body, err := json.Marshal(action.Event{Type: "notification", Timestamp: n.At, Data: map[string]any{
			"id": n.ID, "about": n.Type, "why": n.Why, "ref": n.Ref, "title": on.title(n.Ref), "text": t.s.says(on, *n).In(p.Lang), "url": t.s.link(on)}})
		if err != nil {
			return err
		}
		if err := action.Log(ctx, t.tx, action.Act{Org: n.Org, Key: "webhook/" + h.ID + "/notify/" + n.ID, Kind: action.Webhook, Target: h.ID, Payload: body}); err != nil {
			return err
		}
	}
	return nil
}

// says writes a notification in one sentence.
func (s *Service) says(on *subject, n Notification) lang.Text {
	t := Told{Type: n.Type, Actor: n.ActorName, Why: n.Why, N: n.N, Data: n.Data, Kind: on.kind()}
	return s.notice(n.Type).says(t)
}

// titleOf names the record of a notification.
func titleOf(on *catalog.Known, ref string) string {
	if on != nil {
		return strings.Join(strings.Fields(on.Entity.DisplayTitle()), " ")
	}
	return ref
}

// link is the address of what a notification is about.
func (s *Service) link(on *subject) string {
	switch {
	case on.gone():
		return s.Base + "/notifications"
	case on.thing != nil:
		return s.Base + on.thing.Path
	}
	return s.Base + s.Path(on.Entity.Ref())
}
