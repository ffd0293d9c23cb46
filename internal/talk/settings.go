package talk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Level is how much somebody wants by one way.
type Level string

// The levels.
const (
	None   Level = "none"
	Direct Level = "direct" // what is addressed to them: mentions, disputes of what they own, answers
	All    Level = "all"    // and what happens to all that they watch
)

// Levels lists the levels.
var Levels = []Level{None, Direct, All}

// Rhythm is how often somebody gets a digest.
type Rhythm string

// The rhythms.
const (
	Never  Rhythm = "never"
	Daily  Rhythm = "daily"
	Weekly Rhythm = "weekly"
)

// Rhythms lists the rhythms.
var Rhythms = []Rhythm{Never, Daily, Weekly}

// Settings is how somebody wants to be told, in one organisation.
type Settings struct {
	Bell    Level // counted on the bell; the list has everything
	Mail    Level // by mail at once
	Hook    Level // by their own webhooks
	Digest  Rhythm
	Hour    int          // of the digest, 0 to 23 in Zone
	Weekday time.Weekday // of the weekly one
	Zone    string       // as "Europe/Madrid"
}

// DefaultSettings are those of whoever chose nothing: mail for what is addressed
// to them, no digest.
var DefaultSettings = Settings{Bell: All, Mail: Direct, Hook: None, Digest: Never, Hour: 8, Weekday: time.Monday, Zone: "UTC"}

// check refuses settings that mean nothing.
func (t Settings) check() error {
	for field, level := range map[string]Level{"bell": t.Bell, "mail": t.Mail, "hook": t.Hook} {
		if !slices.Contains(Levels, level) {
			return auth.BadField(field, "notify-level", lang.T("Choose none, direct or all.", "Elige nada, lo directo o todo."))
		}
	}
	switch {
	case !slices.Contains(Rhythms, t.Digest):
		return auth.BadField("digest", "notify-digest", lang.T("Choose never, daily or weekly.", "Elige nunca, cada día o cada semana."))
	case t.Hour < 0 || t.Hour > 23:
		return auth.BadField("hour", "notify-hour", lang.T("The hour is a number from 0 to 23.", "La hora es un número de 0 a 23."))
	case t.Weekday < time.Sunday || t.Weekday > time.Saturday:
		return auth.BadField("weekday", "notify-weekday", lang.T("There is no such day of the week.", "Ese día de la semana no existe."))
	}
	if _, err := t.location(); err != nil {
		return auth.BadField("zone", "notify-zone", lang.T("{0} is no time zone; write one as Europe/Madrid.", "{0} no es una zona horaria; escríbela como Europe/Madrid."), t.Zone)
	}
	return nil
}

// location is the time zone. The server's own ("Local", and "") is nobody's.
func (t Settings) location() (*time.Location, error) {
	if t.Zone == "" || t.Zone == "Local" {
		return nil, errors.New("no zone")
	}
	return time.LoadLocation(t.Zone)
}

// takes reports whether a level takes something.
func (l Level) takes(direct bool) bool { return l == All || l == Direct && direct }

// Due returns the last moment at or before now at which a digest was due; the
// zero time for none. On a day on which the clock jumps over the hour, it is due
// at the first moment after; on one that has the hour twice, at the first.
func (t Settings) Due(now time.Time) time.Time {
	zone, err := t.location()
	if err != nil || t.Digest == Never {
		return time.Time{}
	}
	y, m, d := now.In(zone).Date()
	for back := range 9 {
		day := time.Date(y, m, d-back, 12, 0, 0, 0, zone) // noon is there every day
		if t.Digest == Weekly && day.Weekday() != t.Weekday {
			continue
		}
		if due := firstAt(day, t.Hour); !due.After(now) {
			return due.UTC()
		}
	}
	return time.Time{}
}

// firstAt returns the first moment at which the clock of a day's zone shows the
// hour of that day, or later. Clocks jump by whole quarters of an hour.
func firstAt(day time.Time, hour int) time.Time {
	y, m, d := day.Date()
	shown := func(t time.Time) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), 0, 0, 0, time.UTC)
	}
	want := time.Date(y, m, d, hour, 0, 0, 0, time.UTC)
	at := time.Date(y, m, d, hour, 0, 0, 0, day.Location()).Add(-4 * time.Hour)
	for shown(at).Before(want) {
		at = at.Add(15 * time.Minute)
	}
	return at
}

// settingsOf returns the settings of everybody in an organisation who chose, by
// account.
func settingsOf(ctx context.Context, q sqldb.Querier, org string) (map[string]Settings, error) {
	out := map[string]Settings{}
	err := sqldb.Each(ctx, q, func(r sqldb.Row) error {
		var account string
		var t Settings
		if err := r.Scan(&account, &t.Bell, &t.Mail, &t.Hook, &t.Digest, &t.Hour, &t.Weekday, &t.Zone); err != nil {
			return err
		}
		out[account] = t
		return nil
	}, `SELECT account, bell, mail, hook, digest, hour, weekday, zone FROM notify_settings WHERE org = ?`, org)
	if err != nil {
		return nil, fmt.Errorf("talk: settings: %w", err)
	}
	return out, nil
}

// Settings returns how somebody wants to be told.
func (s *Service) Settings(ctx context.Context, p auth.Principal) (Settings, error) {
	if err := p.Can(auth.Self, auth.Resource{}); err != nil {
		return Settings{}, err
	}
	t := DefaultSettings
	err := s.db.QueryRow(ctx, `SELECT bell, mail, hook, digest, hour, weekday, zone FROM notify_settings WHERE org = ? AND account = ?`, p.Org, p.Account).
		Scan(&t.Bell, &t.Mail, &t.Hook, &t.Digest, &t.Hour, &t.Weekday, &t.Zone)
	if errors.Is(err, sqldb.ErrNoRows) {
		return DefaultSettings, nil
	}
	return t, err
}

// SetSettings changes how somebody wants to be told. A digest that is turned on
// begins with what happens from now on.
func (s *Service) SetSettings(ctx context.Context, p auth.Principal, t Settings) error {
	if err := p.Can(auth.Self, auth.Resource{}); err != nil {
		return err
	}
	if err := t.check(); err != nil {
		return err
	}
	_, err := s.db.Exec(ctx, `INSERT INTO notify_settings (org, account, bell, mail, hook, digest, hour, weekday, zone, digested) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (org, account) DO UPDATE SET bell = excluded.bell, mail = excluded.mail, hook = excluded.hook, digest = excluded.digest, hour = excluded.hour,
		weekday = excluded.weekday, zone = excluded.zone, digested = CASE WHEN notify_settings.digest = 'never' THEN excluded.digested ELSE notify_settings.digested END`,
		p.Org, p.Account, t.Bell, t.Mail, t.Hook, t.Digest, t.Hour, int(t.Weekday), t.Zone, sqldb.Micros(s.Now()))
	if err != nil {
		return fmt.Errorf("talk: settings: %w", err)
	}
	return nil
}

// Mails reports whether this installation sends mail.
func (s *Service) Mails() bool { return s.Outbox.Can("mail") }
